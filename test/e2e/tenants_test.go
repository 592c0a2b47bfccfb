// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
)

// TestTenants tests two tenants in one cloud: traffic between them, large packets, and
// guests that are suspended, resized and killed. As on AWS, only the operator can reach the
// cloud.
func TestTenants(t *testing.T) {
	needLab(t)
	const name = "e2e-tenants"
	file := cloudFile(t, name, "provider: {addresses: 8}\n")
	downAfter(t, file)
	must(t, macaw, "lab", "up", "--elastic-ip-quota", "20") // as up does later, which would restart the flow log
	flows := record(t)
	made := up(t, file, "--verify=always")
	t.Setenv("OS_CLOUD", name)

	one := makeProject(t, name, "one", "192.168.51.0/24")
	two := makeProject(t, name, "two", "192.168.52.0/24")
	first, second := one.boot("first", 1), two.boot("second", 1)
	first.waitActive()
	second.waitActive()
	at, to := first.float(first.addresses[0]), second.float(second.addresses[0])
	for _, f := range []*floatingIP{at, to} {
		eventually(t, f.String()+" has an Elastic IP", time.Minute, f.told)
		eventually(t, f.String()+" reaches out", 2*time.Minute, f.reachesOut)
	}

	t.Run("floating IP to floating IP", func(t *testing.T) { testNeighbours(t, at, to) })
	t.Run("large packets", func(t *testing.T) { testLargePackets(t, at) })
	t.Run("the instance's metadata", func(t *testing.T) { testInstanceMetadata(t, file, at) })
	t.Run("the instance's metadata from the external network", func(t *testing.T) { testMetadataOutside(t, file, one) })
	t.Run("spoofing", func(t *testing.T) { testSpoofing(t, file, made, flows, at, to) })
	t.Run("an address that two guests share", func(t *testing.T) { testSharedAddress(t, file, made, one) })
	t.Run("suspended and resumed", func(t *testing.T) { testSuspend(t, at) })
	t.Run("restored", func(t *testing.T) { testRestored(t, file, at) })
	t.Run("resized", func(t *testing.T) { testResize(t, at) })
	t.Run("the node reaches itself inside", func(t *testing.T) { testInside(t, file, flows) })
	t.Run("scanned", func(t *testing.T) { testScan(t, file, one) }) // last: its packets are recorded too
}

// run runs a command on the guest.
func (f *floatingIP) run(t *testing.T, command string) (string, error) {
	t.Helper()
	return run22(t.Context(), net.JoinHostPort(f.public, "22"), f.signer, command)
}

// answered sends pings from the guest and returns how many were answered.
func (f *floatingIP) answered(t *testing.T, args string) int {
	t.Helper()
	out, err := f.run(t, "ping -W 3 "+args+"; true")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		var sent, received int
		if _, err := fmt.Sscanf(line, "%d packets transmitted, %d packets received", &sent, &received); err == nil {
			return received
		}
	}
	t.Fatalf("ping %s printed %q", args, out)
	return 0
}

// testNeighbours reaches another tenant's guest, and the guest itself, by each of their
// addresses.
func testNeighbours(t *testing.T, at, to *floatingIP) {
	for _, address := range []string{to.private, to.public, at.private, at.public} {
		if n := at.answered(t, "-c 5 -i 0.5 "+address); n != 5 {
			t.Errorf("%s pings %s: %d of 5 answered", at, address, n)
		}
	}
	for range 5 {
		out, err := at.run(t, "echo | nc -w 3 "+to.private+" 22 | head -c 7")
		if err != nil || out != "SSH-2.0" {
			t.Errorf("%s asks for SSH at %s: %q, %v", at, to.private, out, err)
		}
	}
}

// testLargePackets sends packets of the Internet's MTU, and fragments of larger ones, both
// ways.
func testLargePackets(t *testing.T, f *floatingIP) {
	if mtu, err := f.run(t, "cat /sys/class/net/eth0/mtu"); err != nil || strings.TrimSpace(mtu) != "1500" {
		t.Errorf("MTU of the guest: %q, %v; want 1500", mtu, err)
	}
	const full = 1500 - 20 - 8 // without the headers of IPv4 and ICMP
	for what, args := range map[string][]string{
		"full frames that may not be fragmented": {"-M", "do", "-s", fmt.Sprint(full)},
		"fragments":                              {"-s", "4000"},
	} {
		args = append([]string{"-n", "-q", "-c", "5", "-i", "0.2", "-W", "3"}, append(args, f.public)...)
		if out, err := command(t.Context(), "ping", args...); err != nil || !strings.Contains(out, " 5 received") {
			t.Errorf("%s from the Internet: %v\n%s", what, err, out)
		}
	}
	for what, size := range map[string]int{"full frames": full, "fragments": 4000} {
		if n := f.answered(t, fmt.Sprintf("-c 5 -i 0.5 -s %d 8.8.8.8", size)); n != 5 {
			t.Errorf("%s to the Internet: %d of 5 answered", what, n)
		}
	}
}

// askMetadata requests the name of the instance's role from the metadata service, as a
// program of one of the node's users would, and prints the result.
const askMetadata = `
import os, pwd, sys, urllib.request
if sys.argv[1] != "root":
    user = pwd.getpwnam(sys.argv[1])
    os.setgid(user.pw_gid); os.setuid(user.pw_uid)
def ask(path, method="GET", **headers):
    request = urllib.request.Request("http://%s/latest/%s" % (sys.argv[2], path), method=method,
                                     headers={k.replace("_", "-"): v for k, v in headers.items()})
    return urllib.request.urlopen(request, timeout=3).read().decode()
try:
    token = ask("api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")
    print("role", ask("meta-data/iam/security-credentials/", X_aws_ec2_metadata_token=token))
except OSError as e:
    print("nothing:", e)
`

// testInstanceMetadata requests the instance's role credentials from every place that might
// reach them.
func testInstanceMetadata(t *testing.T, file string, guest *floatingIP) {
	ask := func(user, at string) string {
		return onNode(t, file, fmt.Sprintf("python3 -c '%s' %s %s", askMetadata, user, at))
	}
	if got := ask("root", "169.254.169.254"); !strings.HasPrefix(got, "role macaw-") {
		t.Errorf("root is told %q, want the name of the role: the agent needs it", got)
	}
	before := refused(t, file)
	for _, user := range []string{"nova", "neutron", "www-data", "nobody"} {
		for _, at := range []string{"169.254.169.254", "[fd00:ec2::254]"} {
			if got := ask(user, at); !strings.HasPrefix(got, "nothing:") {
				t.Errorf("%s is told %q at %s, want nothing", user, got, at)
			}
		}
	}
	if after := refused(t, file); after < before+4 {
		t.Errorf("%d packets refused before, %d after: they are to be counted", before, after)
	}

	if out, err := guest.run(t, "wget -q -T 5 -O - http://169.254.169.254/openstack/latest/meta_data.json"); err != nil ||
		!strings.Contains(out, guest.server.id) {
		t.Errorf("the guest's own metadata: %q, %v", out, err)
	}
	out, err := guest.run(t, "wget -q -T 5 -O - http://169.254.169.254/latest/meta-data/iam/security-credentials/; true")
	if err != nil || strings.Contains(out, "macaw") {
		t.Errorf("the guest is told %q, %v; want nothing of the instance's", out, err)
	}
}

// refused returns how many packets to the instance's metadata service the node has refused.
func refused(t *testing.T, file string) (n int) {
	t.Helper()
	var out struct {
		NFTables []struct {
			Counter struct {
				Name    string
				Packets int
			}
		}
	}
	if err := json.Unmarshal([]byte(onNode(t, file, "nft -j list counters table inet macaw_metadata")), &out); err != nil {
		t.Fatal(err)
	}
	for _, o := range out.NFTables {
		n += o.Counter.Packets
	}
	return n
}

// await waits for a state of the guest.
func (s *server) await(t *testing.T, status string) {
	t.Helper()
	eventually(t, s.name+" is "+status, 2*time.Minute, func() error {
		got, err := servers.Get(t.Context(), s.compute, s.id).Extract()
		if err == nil && got.Status != status {
			err = fmt.Errorf("it is in state %s", got.Status)
		}
		return err
	})
}

func testSuspend(t *testing.T, f *floatingIP) {
	f.check("suspend", servers.Suspend(t.Context(), f.compute, f.server.id).ExtractErr())
	f.await(t, "SUSPENDED")
	f.check("resume", servers.Resume(t.Context(), f.compute, f.server.id).ExtractErr())
	f.await(t, "ACTIVE")
	eventually(t, f.String()+" answers again", time.Minute, f.answers)
}

// testRestored makes libvirt start the guest without Nova: from a save file, and after its
// QEMU was killed.
func testRestored(t *testing.T, file string, f *floatingIP) {
	for what, script := range map[string]string{
		"saved and restored": "virsh managedsave %[1]s && virsh start %[1]s",
		"killed and started": `kill -9 $(pgrep -f -- "^[^ ]*qemu-system.*uuid %[1]s"); while virsh start %[1]s 2>&1 | grep -q "already active"; do sleep 0.2; done`,
	} {
		onNode(t, file, fmt.Sprintf(script, f.server.id))
		eventually(t, f.String()+" "+what+" answers again", 2*time.Minute, f.answers)
	}
}

func testResize(t *testing.T, f *floatingIP) {
	const flavor = "m1.tiny"
	pages, err := flavors.ListDetail(f.compute, nil).AllPages(t.Context())
	f.check("flavors", err)
	all, err := flavors.ExtractFlavors(pages)
	f.check("flavors", err)
	for _, want := range all {
		if want.Name == flavor {
			f.check("resize", servers.Resize(t.Context(), f.compute, f.server.id,
				servers.ResizeOpts{FlavorRef: want.ID}).ExtractErr())
		}
	}
	f.await(t, "VERIFY_RESIZE")
	f.check("confirm", servers.ConfirmResize(t.Context(), f.compute, f.server.id).ExtractErr())
	f.await(t, "ACTIVE")
	got, err := servers.Get(t.Context(), f.compute, f.server.id).Extract()
	f.check("flavor", err)
	if name := got.Flavor["original_name"]; name != nil && name != flavor {
		t.Errorf("its flavor is %v, want %s", name, flavor)
	} else if name == nil {
		id, _ := got.Flavor["id"].(string)
		now, err := flavors.Get(t.Context(), f.compute, id).Extract()
		if err != nil || now.Name != flavor {
			t.Errorf("its flavor is %v, %v; want %s", now, err, flavor)
		}
	}
	eventually(t, f.String()+" answers again", 2*time.Minute, f.answers)
}

// testInside checks that no client on the node reaches a service through its public
// address: such traffic leaves by the Internet gateway and returns from a public source,
// which the security groups do not allow.
func testInside(t *testing.T, file string, flows *recorder) {
	var status struct {
		Nodes []struct{ ManagementAddress, ManagementPublic netip.Addr }
	}
	if err := json.Unmarshal([]byte(must(t, macaw, "status", file, "--output", "json")), &status); err != nil ||
		len(status.Nodes) != 1 {
		t.Fatalf("status: %d nodes, %v", len(status.Nodes), err)
	}
	node := status.Nodes[0]
	all := flows.seen(t)
	for _, f := range all {
		switch {
		case f.Source == node.ManagementAddress && f.Destination == node.ManagementPublic,
			f.Source == node.ManagementPublic && f.Port != "internet",
			strings.HasPrefix(f.Reason, "security-group") &&
				(f.Source == node.ManagementAddress || f.Destination == node.ManagementAddress):
			t.Errorf("%+v", f)
		}
	}
	// Guard against a vacuous test: the record includes the node's traffic.
	if !containsFlow(all, node.ManagementAddress) {
		t.Errorf("of %d flows none is the node's, which is %s", len(all), node.ManagementAddress)
	}
}

func containsFlow(all []flow, source netip.Addr) bool {
	for _, f := range all {
		if f.Source == source && f.Action == "ACCEPT" {
			return true
		}
	}
	return false
}
