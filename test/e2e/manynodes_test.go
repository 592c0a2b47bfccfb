// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
)

var nodeEvents = flag.Int("node-events", 0, "how many faults TestManyNodes injects; without them it is skipped")

const manyNodes = "e2e-many"

// manyNodesFile is a cloud with count gateways that do nothing else, and two computes.
func manyNodesFile(t testing.TB, count int, more ...string) string {
	return cloudFile(t, manyNodes, fmt.Sprintf(`provider: {addresses: 6}
nodes:
  - {name: ctl, roles: [controller]}
  - {name: gw, roles: [gateway], count: %d}
  - {name: cmp, roles: [compute], count: 2}
`, count)+strings.Join(more, ""))
}

// TestManyNodes is what takes too long for every run: guests move between computes in each way that Nova has, gateways
// are drained and removed, and faults of every kind come at random.
func TestManyNodes(t *testing.T) {
	if *nodeEvents == 0 {
		t.Skip("make test-nodes runs it: it takes an hour or two")
	}
	needLab(t)
	file := manyNodesFile(t, 2)
	downAfter(t, file)
	bake(t, file)
	up(t, file, "--verify=never")
	t.Setenv("OS_CLOUD", manyNodes)
	clearFaultsAfter(t)

	var guests []*floatingIP
	for i, node := range []string{"cmp-1", "cmp-2"} {
		p := makeProject(t, manyNodes, fmt.Sprintf("p%d", i+1), fmt.Sprintf("192.168.%d.0/24", 61+i))
		s := p.bootOn(node, "on-"+node, 1)
		s.waitActive()
		guests = append(guests, s.float(s.addresses[0]))
	}
	m := &nodeMischief{T: t, file: file, api: client(t), guests: guests,
		random: rand.New(rand.NewPCG(*chaosSeed, 1))}
	for _, g := range guests {
		eventually(t, g.String()+" has an Elastic IP", time.Minute, g.told)
		m.elastic = append(m.elastic, g.public)
	}
	m.well("at first")
	t.Run("nat gateway", func(t *testing.T) { m.testNATGateway(t) })
	t.Run("cold migration", func(t *testing.T) { testColdMigration(t, guests[0]) })
	t.Run("resize", func(t *testing.T) { testResize(t, guests[1]) })
	t.Run("gateways", func(t *testing.T) { m.testGateways(t) })
	t.Run("evacuation", func(t *testing.T) { m.testEvacuation(t) })
	t.Run("faults", func(t *testing.T) { m.testFaults(t) })
	t.Run("a gateway leaves", func(t *testing.T) { m.testGatewayLeaves(t) })
}

// hostOf is the node that a guest is on, by Nova.
func hostOf(t *testing.T, f *floatingIP) string {
	t.Helper()
	got, err := servers.Get(t.Context(), f.compute, f.server.id).Extract()
	f.check("guest", err)
	return got.Host
}

func testColdMigration(t *testing.T, f *floatingIP) {
	before := hostOf(t, f)
	f.check("migration", servers.Migrate(t.Context(), f.compute, f.server.id).ExtractErr())
	f.await(t, "VERIFY_RESIZE")
	f.check("confirm", servers.ConfirmResize(t.Context(), f.compute, f.server.id).ExtractErr())
	f.await(t, "ACTIVE")
	if now := hostOf(t, f); now == before {
		t.Errorf("%s is on %s as before", f, now)
	}
	eventually(t, f.String()+" answers again", 2*time.Minute, f.reachesOut)
}

// nodeMischief injects faults into a cloud of many nodes.
type nodeMischief struct {
	*testing.T
	file    string
	api     *ec2.Client
	guests  []*floatingIP
	elastic []string // their public addresses
	random  *rand.Rand
}

// testGateways drains one gateway, brings it back, and spreads the routers.
func (m *nodeMischief) testGateways(t *testing.T) {
	must(t, macaw, "node", "drain", m.file, "gw-1")
	for _, r := range gatewaysOf(t, m.file).Routers {
		if r.Node != "gw-2" {
			t.Errorf("router %s is on %q while gw-1 is drained", r.ID, r.Node)
		}
	}
	m.well("gw-1 is drained")
	must(t, macaw, "node", "enable", m.file, "gw-1")
	must(t, macaw, "gateway", "spread", m.file)
	on := map[string]int{}
	for _, r := range gatewaysOf(t, m.file).Routers {
		on[r.Node]++
	}
	if on["gw-1"] != 1 || on["gw-2"] != 1 {
		t.Errorf("routers after spreading two of them: %v", on)
	}
	m.well("routers are spread")
}

// testEvacuation takes the power from a compute, and has its guest made anew on the other one.
func (m *nodeMischief) testEvacuation(t *testing.T) {
	f := m.guests[0]
	node := hostOf(t, f)
	must(t, macaw, "lab", "fault", "set", "power-off", manyNodes+"-instance-"+node)
	eventually(t, node+" may be evacuated", 5*time.Minute, func() error {
		_, err := command(t.Context(), macaw, "node", "evacuate", m.file, node, "--yes")
		return err
	})
	if now := hostOf(t, f); now == node {
		t.Errorf("%s is on %s still", f, now)
	}
	eventually(t, f.String()+" answers again", 3*time.Minute, f.reachesOut)
	must(t, macaw, "lab", "fault", "clear", "--all")
	eventually(t, node+" takes guests again", 5*time.Minute, func() error {
		_, err := command(t.Context(), macaw, "node", "enable", m.file, node)
		return err
	})
	m.well(node + " is back")
}

// testGatewayLeaves removes a gateway from the cloud file.
func (m *nodeMischief) testGatewayLeaves(t *testing.T) {
	must(t, macaw, "gateway", "prefer", m.file, "gw-2")
	fewer := manyNodesFile(t, 1)
	gap := longestGap(t, m.guests[0].public, func() { up(t, fewer, "--yes", "--verify=never") })
	t.Logf("gw-2 was removed: %s answered nothing for %s", m.guests[0], gap.Round(time.Millisecond))
	m.file = fewer
	m.well("one gateway is left")
	if s := up(t, fewer, "--verify=never"); s.Changes != 0 {
		t.Errorf("up again made %d changes", s.Changes)
	}
}

// well waits until both guests answer and reach out, no node has anything to complain about, and AWS has what it
// should: each guest its address, on one interface, with the Elastic IP that it had from the beginning.
func (m *nodeMischief) well(when string) {
	m.Helper()
	for _, g := range m.guests {
		eventually(m.T, when+": "+g.String()+" reaches out", 3*time.Minute, g.reachesOut)
	}
	allWell(m.T, m.file)
	eventually(m.T, when+": AWS has every address", 2*time.Minute, m.registered)
}

// registered compares AWS with what the guests were given.
func (m *nodeMischief) registered() error {
	out, err := m.api.DescribeNetworkInterfaces(m.Context(), &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{{Name: aws.String("tag:macaw:cloud"), Values: []string{manyNodes}}},
	})
	if err != nil {
		return err
	}
	public := map[string]string{}
	for _, e := range out.NetworkInterfaces {
		for _, a := range e.PrivateIpAddresses {
			private := aws.ToString(a.PrivateIpAddress)
			if _, ok := public[private]; ok {
				m.Errorf("%s is on two interfaces", private)
			}
			public[private] = ""
			if a.Association != nil {
				public[private] = aws.ToString(a.Association.PublicIp)
			}
		}
	}
	for i, g := range m.guests {
		if got := public[g.private]; got != m.elastic[i] {
			return fmt.Errorf("%s has the Elastic IP %q, want %s", g, got, m.elastic[i])
		}
	}
	return nil
}

// nodeFault is something that happens to a gateway, and its end.
type nodeFault struct {
	name string
	do   func(m *nodeMischief, gateway string)
	undo func(m *nodeMischief, gateway string)
}

// gatewayFaults happen to a gateway.
var gatewayFaults = []nodeFault{
	{"power", set("power-off", machineOf), clearFaults},
	{"reboot", func(m *nodeMischief, gw string) { must(m.T, macaw, "lab", "reboot", machineOf(m, gw)) }, nil},
	{"NIC", set("nic-down", providerOf), clearFaults},
	{"agent killed", onGateway("systemctl kill -s KILL macaw-agent"), nil},
	{"agent hangs", onGateway("systemctl kill -s STOP macaw-agent"), onGateway("systemctl kill -s CONT macaw-agent")},
	{"ovn-controller killed", onGateway("systemctl kill -s KILL ovn-controller"), nil},
	{"ovn-controller hangs", onGateway("pkill -STOP -x ovn-controller"), onGateway("pkill -CONT -x ovn-controller")},
	{"ovs-vswitchd killed", onGateway("systemctl kill -s KILL ovs-vswitchd"), nil},
	{"ovs-vswitchd hangs", onGateway("pkill -STOP -x ovs-vswitchd"), onGateway("pkill -CONT -x ovs-vswitchd")},
	{"moved to", move("prefer"), nil},
}

// faultsAround happen to AWS or to the controller, at the same time.
var faultsAround = []nodeFault{
	{"throttle", set("throttle", nil), clearFaults},
	{"lag", set("lag", nil, "--min", "1s", "--max", "5s"), clearFaults},
	{"latency", set("latency", nil, "--min", "1.2s", "--max", "1.2s"), clearFaults},
	{"errors", set("error", nil, "--action", "Assign*", "--rate", "0.5", "--when", "after"), clearFaults},
	{"keeper killed", onController("systemctl kill -s KILL macaw-gateways"), nil},
	{"keeper hangs", onController("systemctl kill -s STOP macaw-gateways"),
		onController("systemctl kill -s CONT macaw-gateways")},
	{"Neutron restarted", onController("systemctl restart neutron-api"), nil},
	{"ovn-northd killed", onController("pkill -KILL -x ovn-northd"), nil},
}

func machineOf(_ *nodeMischief, gateway string) string { return manyNodes + "-instance-" + gateway }

// providerOf is the ID of a gateway's provider interface.
func providerOf(m *nodeMischief, gateway string) string {
	m.Helper()
	out, err := m.api.DescribeNetworkInterfaces(m.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
		{Name: aws.String("tag:macaw:cloud"), Values: []string{manyNodes}},
		{Name: aws.String("tag:macaw:part"), Values: []string{"eni/" + gateway + "/provider*"}},
	}})
	if err != nil || len(out.NetworkInterfaces) == 0 {
		m.Fatalf("the provider interface of %s: %v", gateway, err)
	}
	return aws.ToString(out.NetworkInterfaces[0].NetworkInterfaceId)
}

func set(fault string, of func(*nodeMischief, string) string, args ...string) func(*nodeMischief, string) {
	return func(m *nodeMischief, gateway string) {
		all := append([]string{"lab", "fault", "set", fault}, args...)
		if of != nil {
			all = append(all, of(m, gateway))
		}
		must(m.T, macaw, all...)
	}
}

func clearFaults(m *nodeMischief, _ string) { must(m.T, macaw, "lab", "fault", "clear", "--all") }

func onGateway(script string) func(*nodeMischief, string) {
	return func(m *nodeMischief, gateway string) {
		must(m.T, macaw, "ssh", m.file, gateway, "--", "sudo", "sh", "-c", quoted(script))
	}
}

func onController(script string) func(*nodeMischief, string) {
	return func(m *nodeMischief, _ string) { onGateway(script)(m, "ctl") }
}

// move moves routers, which may fail while another fault lasts.
func move(how string) func(*nodeMischief, string) {
	return func(m *nodeMischief, gateway string) {
		_, _ = command(m.Context(), macaw, "gateway", how, m.file, gateway)
	}
}

// testFaults injects one fault after another, three of four times with one around it, and waits after each until all
// is well.
func (m *nodeMischief) testFaults(t *testing.T) {
	t.Logf("seed %d", *chaosSeed)
	for i := range *nodeEvents {
		gateway := fmt.Sprintf("gw-%d", 1+m.random.IntN(2))
		faults := []nodeFault{gatewayFaults[i%len(gatewayFaults)]}
		name := fmt.Sprintf("%d: %s at %s", i+1, faults[0].name, gateway)
		if m.random.IntN(4) > 0 {
			around := faultsAround[m.random.IntN(len(faultsAround))]
			faults = append([]nodeFault{around}, faults...)
			name += " with " + around.name
		}
		lasts := time.Duration(1+m.random.IntN(20)) * time.Second
		began := time.Now()
		gap := longestGap(t, m.guests[0].public, func() {
			for _, f := range faults {
				f.do(m, gateway)
			}
			time.Sleep(lasts)
			for _, f := range faults {
				if f.undo != nil {
					f.undo(m, gateway)
				}
			}
			m.well(name)
		})
		t.Logf("%s, for %s: no answer for %s, well after %s", name, lasts, gap.Round(10*time.Millisecond),
			time.Since(began).Round(time.Second))
	}
}
