// SPDX-License-Identifier: Apache-2.0

// Package ansible tests the lab's API with Debian's Ansible: the modules of amazon.aws and
// community.aws make what its users have on EC2, change nothing when they run again, and
// take it away.
package ansible

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"macaw.example/lab/labtest"
)

const playbook = "/usr/bin/ansible-playbook"

// variables are those of the playbooks.
type variables struct {
	Endpoint  string `json:"endpoint"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
	Key       string `json:"key"`
	Trust     any    `json:"trust"`
	Look      any    `json:"look"`
	Python    string `json:"ansible_python_interpreter"`
}

type document = map[string]any

func statement(s document) document {
	return document{"Version": "2012-10-17", "Statement": []document{s}}
}

func TestAnsible(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, needed := range []string{playbook, "/usr/lib/python3/dist-packages/boto3"} {
		if _, err := os.Stat(needed); err != nil {
			t.Skipf("%s is not there (apt-get install ansible python3-boto3): %v", needed, err)
		}
	}
	api := labtest.NewAPI(t, labtest.APIOptions{})
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	vars, err := json.Marshal(variables{
		Endpoint: server.URL, AccessKey: labtest.AccessKey, SecretKey: labtest.SecretKey,
		Key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrD0w2SB7WAUsbEETrgiP+tCE+gkGGlZrzMAAKFj5Xi me@here",
		Trust: statement(document{"Effect": "Allow", "Principal": document{"Service": "ec2.amazonaws.com"},
			"Action": "sts:AssumeRole"}),
		Look:   statement(document{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}),
		Python: "/usr/bin/python3", // Debian's, which has boto3
	})
	if err != nil {
		t.Fatal(err)
	}
	a := ansible{t, t.TempDir()}
	for name, content := range map[string][]byte{"vars.json": vars, "ansible.cfg": nil} {
		if err := os.WriteFile(filepath.Join(a.home, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if changed := a.play("present.yml", "--skip-tags", "look"); changed != 14 {
		t.Errorf("the first run changed %d things, want 14", changed)
	}
	if changed := a.play("present.yml"); changed != 0 {
		t.Errorf("the second run changed %d things", changed)
	}
	a.play("absent.yml")
	wantNothing(t, api)
}

// wantNothing fails the test for what is left in the account.
func wantNothing(t *testing.T, api *labtest.API) {
	t.Helper()
	client, roles := ec2.NewFromConfig(api.Config()), iam.NewFromConfig(api.Config())
	vpcs, err1 := client.DescribeVpcs(t.Context(), nil)
	addresses, err2 := client.DescribeAddresses(t.Context(), nil)
	keys, err3 := client.DescribeKeyPairs(t.Context(), nil)
	left, err4 := roles.ListRoles(t.Context(), nil)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if n := len(vpcs.Vpcs) + len(addresses.Addresses) + len(keys.KeyPairs) + len(left.Roles); n > 0 {
		t.Errorf("left are %d VPCs, %d Elastic IPs, %d key pairs, %d roles", len(vpcs.Vpcs), len(addresses.Addresses),
			len(keys.KeyPairs), len(left.Roles))
	}
}

type ansible struct {
	t    *testing.T
	home string
}

var recap = regexp.MustCompile(`localhost +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0 `)

// play runs a playbook and returns how many of its tasks changed something.
func (a ansible) play(name string, args ...string) (changed int) {
	a.t.Helper()
	cmd := exec.CommandContext(a.t.Context(), playbook,
		append(args, "--extra-vars", "@"+filepath.Join(a.home, "vars.json"), filepath.Join("testdata", name))...)
	// Debian's Python without locally installed packages, and no configuration of the user's.
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + a.home, "LANG=C.UTF-8",
		"ANSIBLE_CONFIG=" + filepath.Join(a.home, "ansible.cfg"),
		"ANSIBLE_PIPELINING=true", "ANSIBLE_DEPRECATION_WARNINGS=false", "ANSIBLE_LOCALHOST_WARNING=false",
		"ANSIBLE_INVENTORY_UNPARSED_WARNING=false", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1"}
	out, err := cmd.CombinedOutput()
	found := recap.FindSubmatch(out)
	if err != nil || found == nil {
		a.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	changed, err = strconv.Atoi(string(found[1]))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Logf("%s:\n%s", name, out)
	return changed
}
