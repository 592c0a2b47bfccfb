// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// client returns an AWS SDK client, set up as "macaw lab env" says.
func client(t testing.TB) *ec2.Client {
	t.Helper()
	var env map[string]string
	if err := json.Unmarshal([]byte(must(t, macaw, "lab", "env", "--output", "json")), &env); err != nil {
		t.Fatal(err)
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ec2.NewFromConfig(cfg)
}

// rebootThroughEC2 reboots the cloud's instance through the EC2 API.
func rebootThroughEC2(t *testing.T, file string) {
	t.Helper()
	var status struct{ Nodes []struct{ InstanceID string } }
	if err := json.Unmarshal([]byte(must(t, macaw, "status", file, "--output", "json")), &status); err != nil {
		t.Fatal(err)
	}
	if len(status.Nodes) != 1 || status.Nodes[0].InstanceID == "" {
		t.Fatalf("status shows %+v", status)
	}
	if _, err := client(t).RebootInstances(t.Context(),
		&ec2.RebootInstancesInput{InstanceIds: []string{status.Nodes[0].InstanceID}}); err != nil {
		t.Fatal(err)
	}
}

// stockImage returns the lab's plain Debian image.
func stockImage(t *testing.T) string {
	t.Helper()
	out, err := client(t).DescribeImages(t.Context(), &ec2.DescribeImagesInput{
		Owners:  []string{"136693071363"},
		Filters: []types.Filter{{Name: aws.String("name"), Values: []string{"debian-13-amd64-*"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Images) == 0 {
		t.Fatal("the lab offers no Debian 13")
	}
	return aws.ToString(out.Images[0].ImageId)
}

// TestStock brings a cloud up from a plain Debian, and removes it completely.
func TestStock(t *testing.T) {
	needLab(t)
	must(t, macaw, "lab", "up")
	before := traces(t)
	file := cloudFile(t, "e2e-stock", "nodes:\n  - image: "+stockImage(t)+"\n")
	// In case the test ends early.
	downAfter(t, file)
	s := up(t, file)
	if !strings.Contains(s.Verified, "a guest answered") {
		t.Errorf("up says of its verification: %q", s.Verified)
	}
	// On its first boot cloud-init has configured both NICs, with rules and in netplan's file.
	testHostNetwork(t, file)
	t.Setenv("OS_CLOUD", "e2e-stock")
	testReboot(t, file, func() { must(t, macaw, "lab", "reboot", "e2e-stock-instance-cloud-1") })
	out := must(t, macaw, "down", "--yes", file)
	if !strings.Contains(out, "is gone") {
		t.Errorf("down prints %q", out)
	}
	if _, err := os.Stat("/var/lib/macaw/lab/lab.json"); err != nil {
		return // the lab was empty, and was removed too
	}
	if after := traces(t); after != before {
		t.Errorf("down left traces; before:\n%s\nafter:\n%s", before, after)
	}
}

// traces returns what a cloud in the lab leaves on the host.
func traces(t *testing.T) string {
	t.Helper()
	namespaces, err := os.ReadDir("/run/netns")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, n := range namespaces {
		if strings.HasPrefix(n.Name(), "mcw-i-") {
			b.WriteString("namespace " + n.Name() + "\n")
		}
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "/var/lib/macaw/") {
			b.WriteString("mount " + line)
		}
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		if text, err := os.ReadFile("/proc/" + p.Name() + "/cmdline"); err == nil &&
			strings.Contains(string(text), "/var/lib/macaw/lab/machines/") {
			b.WriteString("process " + strings.ReplaceAll(string(text), "\x00", " ") + "\n")
		}
	}
	return b.String()
}
