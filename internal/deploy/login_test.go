// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// ssh(1) takes a known_hosts file below any directory.
func TestLoginBelowOddDirectories(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip(err)
	}
	for _, dir := range []string{"plain", "a blank", "100%h", `a "quote"`, "it's"} {
		l := Login{User: "admin", Key: "/tmp/key", KnownHosts: filepath.Join("/tmp", dir, "known_hosts")}
		l.Node.InstanceID, l.Node.ManagementPublic = "i-1", "192.0.2.1"
		out, err := exec.CommandContext(t.Context(), ssh,
			append(append([]string{"-F", "none", "-G"}, l.Options()...), l.Destination())...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", dir, err, out)
			continue
		}
		_, rest, _ := strings.Cut(string(out), "\nuserknownhostsfile ")
		got, _, _ := strings.Cut(rest, "\n")
		if got != l.KnownHosts && strings.Trim(got, `"`) != l.KnownHosts {
			t.Errorf("%s: ssh reads %s, want %s", dir, got, l.KnownHosts)
		}
	}
}

// A node that is gone keeps nobody from the others.
func TestLoginBesideMissingNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		res, _ := mustUpAs(t, w, several, UpOptions{})
		for _, n := range res.Nodes {
			if n.Name != "cmp-2" {
				continue
			}
			if _, err := ec2.NewFromConfig(w.aws.Config()).TerminateInstances(t.Context(),
				&ec2.TerminateInstancesInput{InstanceIds: []string{n.InstanceID}}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Minute)
		d, _ := w.process(several)
		for _, name := range []string{"", "gw-1", "cmp-1"} {
			if _, err := d.Login(t.Context(), name); err != nil {
				t.Errorf("node %q: %v", name, err)
			}
		}
		if _, err := d.Login(t.Context(), "cmp-2"); err == nil || !strings.Contains(err.Error(), "there is no node cmp-2") {
			t.Errorf("the node that is gone: %v", err)
		}
	})
}
