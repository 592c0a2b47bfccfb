// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNodes brings up a cloud of four nodes: a controller, two gateways that run guests too, and a
// node without a public address that only runs guests.
func TestNodes(t *testing.T) {
	needLab(t)
	const name = "e2e-nodes"
	const fewer = `provider: {addresses: 6}
nodes:
  - {name: ctl, roles: [controller]}
  - {name: gw, roles: [gateway, compute], count: 2}
`
	file := cloudFile(t, name, fewer+"  - {name: cmp, roles: [compute], count: 1}\n")
	downAfter(t, file)
	bake(t, file)
	if s := up(t, file); !strings.Contains(s.Verified, "a guest answered") {
		t.Errorf("up says of its verification: %q", s.Verified)
	}
	if s := up(t, file); s.Changes != 0 {
		t.Errorf("up on a finished cloud made %d changes, want none", s.Changes)
	}
	if st := statusOf(t, file); len(st.Nodes) != 4 || len(st.Findings) > 0 {
		t.Errorf("status: %+v", st)
	}
	t.Setenv("OS_CLOUD", name)
	t.Run("a node that only computes", func(t *testing.T) { testPrivateNode(t, file) })

	p := makeProject(t, name, "across", "192.168.61.0/24")
	var guests []*floatingIP
	for _, node := range []string{"cmp-1", "gw-1", "gw-2"} {
		s := p.bootOn(node, "on-"+node, 1)
		s.waitActive()
		guests = append(guests, s.float(s.addresses[0]))
	}
	for _, g := range guests {
		eventually(t, g.String()+" has an Elastic IP", time.Minute, g.told)
		eventually(t, g.String()+" reaches out", 2*time.Minute, g.reachesOut)
	}
	t.Run("across nodes", func(t *testing.T) {
		for _, g := range guests {
			for _, to := range guests {
				for _, address := range []string{to.fixed, to.private} {
					if got := g.answered(t, "-c 2 -s 1472 "+address); got != 2 {
						t.Errorf("%s has %d of 2 answers from %s", g, got, address)
					}
				}
			}
		}
	})
	t.Run("gateway loses power", func(t *testing.T) { testFailover(t, file, guests[0]) })
	t.Run("it comes back", func(t *testing.T) { testNoFailBack(t, file, guests[0]) })
	t.Run("hand-over", func(t *testing.T) { testHandOver(t, file, guests[0]) })
	t.Run("provider side dies", func(t *testing.T) { testProviderSide(t, file, guests[0]) })
	t.Run("a node leaves", func(t *testing.T) { testLeave(t, file, cloudFile(t, name, fewer), guests[0]) })
}

// nodesStatus is what "macaw status --output json" prints, as far as these tests need it.
type nodesStatus struct {
	Nodes []struct {
		Name  string
		Agent *struct {
			Report *struct {
				Addresses []struct {
					Addr, Kind string
					Here       bool
				}
			}
		}
	}
	Findings []struct{ Code, Text string }
}

func statusOf(t *testing.T, file string) (st nodesStatus) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, macaw, "status", file, "--output", "json")), &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// servedBy is the gateway that serves a floating IP.
func (st nodesStatus) servedBy(f *floatingIP) string {
	for _, n := range st.Nodes {
		if n.Agent == nil || n.Agent.Report == nil {
			continue
		}
		for _, a := range n.Agent.Report.Addresses {
			if a.Here && a.Addr == f.private {
				return n.Name
			}
		}
	}
	return ""
}

// testPrivateNode looks at a node without a public address: it is reached through the controller, reaches
// the Internet through a gateway, and has neither services nor secrets that it does not need.
func testPrivateNode(t *testing.T, file string) {
	on := func(script string) string {
		t.Helper()
		return must(t, macaw, "ssh", file, "cmp-1", "--", "sudo", "sh", "-c", quoted(script))
	}
	if got := strings.TrimSpace(on("hostname")); got != "cmp-1" {
		t.Errorf("it calls itself %q", got)
	}
	page := on(
		`python3 -c 'import urllib.request as r; print(len(r.urlopen("http://www.example.com/bytes/100000").read()))'`,
	)
	if strings.TrimSpace(page) != "100000" {
		t.Errorf("it downloads %q bytes from the Internet", page)
	}
	for _, peer := range []string{"ctl", "gw-1", "gw-2", "cmp-1"} {
		on("ping -c 1 -W 2 " + peer)
	}
	var secrets map[string]any
	if err := json.Unmarshal([]byte(on("cat /etc/macaw/secrets.json")), &secrets); err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"admin", "databases", "dashboard"} {
		if secrets[not] != nil {
			t.Errorf("it has the secret %s", not)
		}
	}
	listening := strings.Fields(
		on(`ss -Hltn | awk '{print $4}' | grep -v -e '^127\.' -e '^\[::1\]' | sed 's/.*://' | sort -un`),
	)
	// SSH, libvirt, disks of stopped guests, and resolved's LLMNR is off.
	if want := []string{"22", "16514", "16522"}; slices.ContainsFunc(
		listening,
		func(p string) bool { return !slices.Contains(want, p) },
	) {
		t.Errorf("ports %v are listened on, want only some of %v", listening, want)
	}
}

// testFailover takes the power from the gateway that serves a guest, and waits for the other one.
func testFailover(t *testing.T, file string, f *floatingIP) {
	active := statusOf(t, file).servedBy(f)
	if active == "" {
		t.Fatalf("no gateway serves %s", f)
	}
	machine := "e2e-nodes-instance-" + active
	clearFaultsAfter(t)
	gap := longestGap(t, f.public, func() {
		time.Sleep(2 * time.Second)
		must(t, macaw, "lab", "fault", "set", "power-off", machine)
		eventually(t, f.String()+" answers through the other gateway", time.Minute, f.reachesOut)
	})
	t.Logf("%s lost power: %s answered nothing for %s", active, f, gap.Round(time.Millisecond))
	if gap < 200*time.Millisecond || gap > 20*time.Second {
		t.Errorf("the longest time without an answer was %s", gap)
	}
	now := statusOf(t, file).servedBy(f)
	if now == "" || now == active {
		t.Errorf("%s is served by %q, and was by %s", f, now, active)
	}
}

// allWell waits until no node has anything to complain about.
func allWell(t *testing.T, file string) {
	t.Helper()
	eventually(t, "all nodes are well", 3*time.Minute, func() error {
		if st := statusOf(t, file); len(st.Findings) > 0 {
			return errors.New(st.Findings[0].Text)
		}
		return nil
	})
}

// testNoFailBack sees that a router stays where it is when the gateway that it was on before returns, and that its
// return costs nothing.
func testNoFailBack(t *testing.T, file string, f *floatingIP) {
	active := statusOf(t, file).servedBy(f)
	gap := longestGap(t, f.public, func() {
		allWell(t, file)
		eventually(t, "both gateways may have each router", time.Minute, func() error {
			for _, r := range gatewaysOf(t, file).Routers {
				if len(r.Order) != 2 {
					return fmt.Errorf("router %s: %v", r.ID, r.Order)
				}
			}
			return nil
		})
		time.Sleep(3 * time.Second)
	})
	if gap > time.Second {
		t.Errorf("%s answered nothing for %s while the other gateway came back", f, gap)
	}
	if now := statusOf(t, file).servedBy(f); now != active {
		t.Errorf("%s is served by %q now, and was by %s", f, now, active)
	}
}

// gatewayList is what "macaw gateway list --output json" prints, as far as these tests need it.
type gatewayList struct {
	Gateways []struct{ Name, Unfit string }
	Routers  []struct {
		ID, Node string
		Order    []string
	}
}

func gatewaysOf(t *testing.T, file string) (all gatewayList) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, macaw, "gateway", "list", file, "--output", "json")), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// otherGateway is the one of two that does not serve a floating IP.
func otherGateway(t *testing.T, file string, f *floatingIP) (active, other string) {
	t.Helper()
	active = statusOf(t, file).servedBy(f)
	for _, g := range gatewaysOf(t, file).Gateways {
		if g.Name != active {
			other = g.Name
		}
	}
	if active == "" || other == "" {
		t.Fatalf("%s is served by %q, not by %q", f, active, other)
	}
	return active, other
}

// testHandOver moves all routers there and back by command.
func testHandOver(t *testing.T, file string, f *floatingIP) {
	for range 2 {
		_, other := otherGateway(t, file, f)
		gap := longestGap(t, f.public, func() {
			time.Sleep(time.Second)
			must(t, macaw, "gateway", "prefer", file, other)
			time.Sleep(3 * time.Second)
		})
		t.Logf("routers moved to %s: %s answered nothing for %s", other, f, gap.Round(time.Millisecond))
		if gap > 2*time.Second {
			t.Errorf("the longest time without an answer was %s", gap)
		}
		if now := statusOf(t, file).servedBy(f); now != other {
			t.Errorf("%s is served by %q, and should be by %s", f, now, other)
		}
	}
}

// testProviderSide takes the provider NIC from a gateway whose tunnels live on.
func testProviderSide(t *testing.T, file string, f *floatingIP) {
	active, other := otherGateway(t, file, f)
	gap := longestGap(t, f.public, func() {
		time.Sleep(time.Second)
		// Once is not enough: the agent switches the NIC on again.
		must(t, macaw, "ssh", file, active, "--", "sudo", "systemd-run", "--quiet", "--unit=nic-down", "sh", "-c",
			quoted("while :; do ip link set ens6 down; sleep 0.05; done"))
		eventually(t, f.String()+" answers through "+other, time.Minute, f.reachesOut)
	})
	t.Logf("%s lost its provider NIC: %s answered nothing for %s", active, f, gap.Round(time.Millisecond))
	if gap > 20*time.Second {
		t.Errorf("the longest time without an answer was %s", gap)
	}
	eventually(t, active+" is unfit, and "+other+" is not", time.Minute, func() error {
		for _, g := range gatewaysOf(t, file).Gateways {
			if (g.Unfit != "") != (g.Name == active) {
				return fmt.Errorf("%s: %q", g.Name, g.Unfit)
			}
		}
		return nil
	})
	must(t, macaw, "ssh", file, active, "--", "sudo", "systemctl", "stop", "nic-down")
	eventually(t, active+" is fit", time.Minute, func() error {
		for _, g := range gatewaysOf(t, file).Gateways {
			if g.Unfit != "" {
				return fmt.Errorf("%s: %s", g.Name, g.Unfit)
			}
		}
		return nil
	})
	if now := statusOf(t, file).servedBy(f); now != other {
		t.Errorf("%s is served by %q, and should stay on %s", f, now, other)
	}
}

// testLeave removes the node of a guest from the cloud file: the guest moves to another node first.
func testLeave(t *testing.T, file, fewer string, f *floatingIP) {
	allWell(t, file)
	eventually(t, f.String()+" reaches out", time.Minute, f.reachesOut)
	if _, err := command(t.Context(), macaw, "up", fewer); err == nil ||
		!strings.Contains(err.Error(), "would be destroyed") {
		t.Errorf("up without --yes: %v", err)
	}
	before, err := f.run(t, "cat /proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	up(t, fewer, "--yes", "--verify=never")
	after, err := f.run(t, "cat /proc/sys/kernel/random/boot_id")
	if err != nil || after != before {
		t.Errorf("the guest has booted anew: %q before, %q after, %v", before, after, err)
	}
	for _, list := range [][]string{{"compute", "service", "list"}, {"hypervisor", "list"}, {"network", "agent", "list"}} {
		if out := must(t, "openstack", list...); strings.Contains(out, "cmp-1") {
			t.Errorf("openstack %s still has cmp-1:\n%s", strings.Join(list, " "), out)
		}
	}
	if s := up(t, fewer); s.Changes != 0 {
		t.Errorf("up again made %d changes", s.Changes)
	}
}
