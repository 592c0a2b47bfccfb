// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsbinding"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// TestFloatingIPs uses a cloud as its tenants do, while AWS misbehaves: three projects with
// a router each, ten floating IPs, two port forwardings, on two ENIs, with IPv6 and Elastic
// IPs on demand. The account's quota is 18 Elastic IPs, of which the node, the routers, the
// floating IPs and the forwardings use 16.
func TestFloatingIPs(t *testing.T) {
	needLab(t)
	const name = "e2e-floating"
	must(t, macaw, "lab", "up")
	api := client(t)
	// The quota is the account's, in which there may be other clouds: two more than the test uses at first.
	others, err := api.DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{})
	if err != nil {
		t.Fatal(err)
	}
	quota := 18 + len(others.Addresses)
	file := cloudFile(t, name, fmt.Sprintf(
		"provider: {addresses: 40, elasticIPs: on-demand, ipv6: true}\nlab: {elasticIPQuota: %d}\n", quota))
	downAfter(t, file)
	up(t, file, "--verify=never")
	t.Setenv("OS_CLOUD", name)

	clearFaultsAfter(t)
	for _, fault := range [][]string{
		{"throttle"}, {"latency", "--min", "50ms", "--max", "500ms"}, {"lag", "--min", "1s", "--max", "4s"},
		{"error", "--rate", "0.1", "--when", "either"},
	} {
		must(t, macaw, append([]string{"lab", "fault", "set"}, fault...)...)
	}

	var projects []*project
	var guests, hidden []*server
	for i, n := range []int{4, 3, 3} {
		p := makeProject(t, name, fmt.Sprintf("p%d", i+1), fmt.Sprintf("192.168.%d.0/24", 31+i))
		projects = append(projects, p)
		guests = append(guests, p.boot(fmt.Sprintf("web-%d", i+1), n))
	}
	for i, p := range projects[:2] {
		hidden = append(hidden, p.boot(fmt.Sprintf("db-%d", i+1), 1))
	}
	for _, g := range slices.Concat(guests, hidden) {
		g.waitActive()
	}
	var floating []*floatingIP
	for _, g := range guests {
		for _, a := range g.addresses {
			floating = append(floating, g.float(a))
		}
	}
	forwards := []string{forward(t, file, "522", "db-1:22", true), forward(t, file, "523", "db-2:22", true)}
	forward(t, file, "524", "db-1:80", false)
	must(t, macaw, "forward", "rm", file, "524")

	works := func(t *testing.T) {
		t.Helper()
		for _, f := range floating {
			eventually(t, f.String()+" has an Elastic IP", 4*time.Minute, f.told)
			eventually(t, f.String()+" answers at "+f.public, 3*time.Minute, f.answers)
			eventually(t, f.String()+" reaches out", 3*time.Minute, f.reachesOut)
		}
		for i, at := range forwards {
			eventually(t, hidden[i].name+" is reached at "+at+" and reaches out", 3*time.Minute, func() error {
				_, err := run22(t.Context(), at, hidden[i].signer, "ping -c 2 -W 2 8.8.8.8")
				return err
			})
		}
	}
	t.Run("all reached and reaching out", func(t *testing.T) {
		works(t)
		enis := enisOf(t, api, name)
		if len(enis) < 2 {
			t.Errorf("%d addresses are on %d provider ENIs, want more than one", len(floating)+5, len(enis))
		}
		before := drops(t, enis)
		for range 3 {
			works(t)
		}
		if after := drops(t, enis); after != before {
			t.Errorf("the fabric dropped frames; before:\n%s\nafter:\n%s\n%s", before, after,
				must(t, macaw, "lab", "drops", "--last", "100"))
		}
	})
	t.Run("quota and wishes", func(t *testing.T) { testQuota(t, file, projects[0]) })
	t.Run("IPv6", func(t *testing.T) { testIPv6(t, file, projects) })
	t.Run("agent killed a hundred times", func(t *testing.T) { testKilled(t, api, file, name, projects, floating, works) })
	t.Run("machine rebooted", func(t *testing.T) {
		var all []guest
		for _, f := range floating {
			all = append(all, guest{name: f.String(), public: f.public})
		}
		testReboot(t, file, func() { must(t, macaw, "lab", "reboot", name+"-instance-cloud-1") }, all...)
		works(t)
	})
}

// forward forwards a port with the macaw command, and returns its public address. open
// allows the port in the guest's security group.
func forward(t testing.TB, file, port, to string, open bool) string {
	t.Helper()
	type made struct {
		ID        string
		ElasticIP netip.Addr
	}
	var added struct {
		made
		Changed   bool
		Admission *struct{ Open bool }
	}
	out := must(t, macaw, "forward", "add", file, port, to, "--output", "json")
	if err := json.Unmarshal([]byte(out), &added); err != nil || !added.Changed {
		t.Fatalf("forward add prints %s: %v", out, err)
	}
	if added.Admission == nil || added.Admission.Open != open {
		t.Errorf("forward add prints %s, want the guest's security group open: %v", out, open)
	}
	if !added.ElasticIP.IsValid() { // the command waits for only half a minute, and AWS misbehaves
		eventually(t, "forward of port "+port+" has an Elastic IP", 4*time.Minute, func() error {
			out, err := command(t.Context(), macaw, "forward", "list", file, "--output", "json")
			if err != nil {
				return err
			}
			var all []made
			if err := json.Unmarshal([]byte(out), &all); err != nil {
				return err
			}
			if i := slices.IndexFunc(all, func(f made) bool { return f.ID == added.ID }); i >= 0 {
				added.made = all[i]
			}
			if !added.ElasticIP.IsValid() {
				return fmt.Errorf("the forwards are %s", out)
			}
			return nil
		})
	}
	return net.JoinHostPort(added.ElasticIP.String(), port)
}

// drops returns the frames from provider ENIs that the fabric dropped. The node's
// management NIC has other drops, because its system looks for IPv6. Announcements
// (gratuitous ARP) do not count: AWS ignores them, and no traffic is lost.
func drops(t testing.TB, provider []types.NetworkInterface) string {
	t.Helper()
	from := map[string]bool{}
	for _, e := range provider {
		from[aws.ToString(e.NetworkInterfaceId)] = true
	}
	var all struct {
		Counts []struct {
			Port, Direction, Reason string
			Frames                  int
		}
	}
	if err := json.Unmarshal([]byte(must(t, macaw, "lab", "drops", "--output", "json")), &all); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range all.Counts {
		if from[c.Port] && c.Direction == "egress" && c.Reason != "arp-gratuitous" {
			fmt.Fprintf(&b, "%s %s %d\n", c.Port, c.Reason, c.Frames)
		}
	}
	return b.String()
}

// testQuota requests more floating IPs than the account's quota of Elastic IPs, and one
// without an Elastic IP.
func testQuota(t *testing.T, file string, p *project) {
	var extra []*floatingIP
	ask := func(tags ...string) *floatingIP {
		t.Helper()
		made, err := floatingips.Create(t.Context(), p.network,
			floatingips.CreateOpts{FloatingNetworkID: p.external}).Extract()
		p.check("floating IP", err)
		f := &floatingIP{server: &server{project: p}, id: made.ID, private: made.FloatingIP}
		for _, tag := range tags {
			p.check("tag", attributestags.Add(t.Context(), p.network, "floatingips", f.id, tag).ExtractErr())
		}
		extra = append(extra, f)
		return f
	}
	modest := ask("elastic-ip-policy=none")
	for range 4 {
		ask()
	}
	eventually(t, "two have an Elastic IP, and two say why not", 5*time.Minute, func() error {
		got := map[string]int{}
		for _, f := range extra[1:] {
			now, err := floatingips.Get(t.Context(), p.network, f.id).Extract()
			if err != nil {
				return err
			}
			for _, tag := range now.Tags {
				name, value, _ := strings.Cut(tag, "=")
				if name == "elastic-ip" {
					value = ""
				}
				got[name+" "+value]++
			}
		}
		if got["elastic-ip "] != 2 || got["elastic-ip-error elastic-ip-quota"] != 2 {
			return fmt.Errorf("tags: %v", got)
		}
		return nil
	})
	eventually(t, "status tells of the quota", 2*time.Minute, func() error {
		status, err := command(t.Context(), macaw, "status", file)
		if err == nil && (!strings.Contains(status, "elastic-ip-quota") ||
			!strings.Contains(status, "hint: ask AWS for a higher quota")) {
			err = fmt.Errorf("it says:\n%s", status)
		}
		return err
	})
	now, err := floatingips.Get(t.Context(), p.network, modest.id).Extract()
	p.check("floating IP", err)
	if d := cmp.Diff([]string{"elastic-ip-policy=none"}, now.Tags); d != "" {
		t.Errorf("tags of the one that wants none (-want +got):\n%s", d)
	}
	for _, f := range extra {
		p.check("delete", floatingips.Delete(t.Context(), p.network, f.id).ExtractErr())
	}
}

// testIPv6 reaches the routers' IPv6 addresses from the Internet, and a host directly on
// the external network, without any NAT.
func testIPv6(t *testing.T, file string, projects []*project) {
	const internet = "2001:db8:8888::8888"
	ping := func(addr string) error {
		_, err := command(t.Context(), "ip", "netns", "exec", "mcw-internet", "ping", "-n", "-q", "-c", "1", "-W", "1", addr)
		return err
	}
	pages, err := ports.List(projects[0].network,
		ports.ListOpts{NetworkID: projects[0].external, DeviceOwner: "network:router_gateway"}).AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gateways, err := ports.ExtractPorts(pages)
	if err != nil || len(gateways) != len(projects) {
		t.Fatalf("%d gateway ports, %v", len(gateways), err)
	}
	for _, g := range gateways {
		addr := ipv6Of(g)
		if addr == "" {
			t.Fatalf("router %s has no IPv6 address: %v", g.DeviceID, g.FixedIPs)
		}
		eventually(t, "router "+g.DeviceID+" answers at "+addr, 2*time.Minute, func() error { return ping(addr) })
	}

	port, err := ports.Create(t.Context(), projects[0].network, portsbinding.CreateOptsExt{
		CreateOptsBuilder: ports.CreateOpts{Name: "six", NetworkID: projects[0].external,
			SecurityGroups: &[]string{projects[0].group}}, HostID: "cloud-1",
	}).Extract()
	projects[0].check("port", err)
	_, err = rules.Create(t.Context(), projects[0].network,
		rules.CreateOpts{SecGroupID: projects[0].group, Direction: rules.DirIngress,
			EtherType: rules.EtherType6, Protocol: rules.ProtocolIPv6ICMP}).Extract()
	projects[0].check("rule", err)
	addr := ipv6Of(*port)
	prefix := netip.PrefixFrom(netip.MustParseAddr(addr), 64).Masked()
	onNode(t, file, fmt.Sprintf(`ovs-vsctl add-port br-int six -- set interface six type=internal mac=\"%[1]s\" external_ids:iface-id=%[2]s
		ip netns add six && ip link set six netns six && ip -n six link set six address %[1]s mtu 1500 up
		ip -n six addr add %[3]s/64 dev six nodad && ip -n six route add default via %[4]s`, port.MACAddress, port.ID, addr, prefix.Addr().Next()))
	defer func() {
		onNode(t, file, "ip netns del six; ovs-vsctl del-port six")
		projects[0].check("port", ports.Delete(t.Context(), projects[0].network, port.ID).ExtractErr())
	}()
	eventually(t, "a host on the external network reaches "+internet, 2*time.Minute, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := command(ctx, macaw, "ssh", file, "--", "sudo", "ip", "netns", "exec", "six", "ping", "-q", "-c", "1", "-W",
			"1", internet)
		return err
	})
	eventually(t, "and is reached at "+addr, time.Minute, func() error { return ping(addr) })
}

func ipv6Of(p ports.Port) string {
	for _, ip := range p.FixedIPs {
		if strings.Contains(ip.IPAddress, ":") {
			return ip.IPAddress
		}
	}
	return ""
}

// testKilled kills the agent at random moments while floating IPs are created, moved and
// deleted, and checks that AWS agrees with Neutron in the end.
func testKilled(t *testing.T, api *ec2.Client, file, cloud string, projects []*project, floating []*floatingIP,
	works func(*testing.T)) {
	ctx, stop := context.WithCancel(t.Context())
	var changes int
	var churning sync.WaitGroup
	churning.Go(func() { changes = churn(ctx, t, projects, floating) })
	began := time.Now()
	// On the node itself: a hundred SSH connections would take longer than the kills.
	onNode(t, file, `for i in $(seq 100); do
		sleep $(awk -v s=$i 'BEGIN { srand(s); print 0.2 + 1.8 * rand() }')
		systemctl kill --signal=KILL macaw-agent; while ! systemctl -q is-active macaw-agent; do sleep 0.1; done
	done`)
	stop()
	churning.Wait()
	t.Logf("%d changes in Neutron while the agent was killed 100 times in %.0f s", changes, time.Since(began).Seconds())
	if changes < 50 {
		t.Errorf("only %d changes", changes)
	}
	eventually(t, "AWS has what Neutron says", 4*time.Minute, func() error { return agrees(t, api, cloud, projects[0]) })
	works(t)
}

// churn creates, moves and deletes floating IPs until ctx is done, and restores the given
// ones. It returns the number of changes.
func churn(ctx context.Context, t *testing.T, projects []*project, floating []*floatingIP) (changes int) {
	random := rand.New(rand.NewPCG(1, 2))
	var extra []*floatingIP
	do := func(what string, err error) bool {
		if err == nil {
			changes++
		} else {
			t.Logf("%s: %v", what, err)
		}
		return err == nil
	}
	nothing := new(string)
	set := func(f *floatingIP, port *string) error {
		o := floatingips.UpdateOpts{PortID: port}
		if *port != "" {
			o.FixedIP = f.fixed
		}
		_, err := floatingips.Update(t.Context(), f.network, f.id, o).Extract()
		return err
	}
	var away []*floatingIP // disassociated from their guests
	back := func() {
		away = slices.DeleteFunc(away, func(f *floatingIP) bool { return do("set "+f.private, set(f, &f.port)) })
	}
	for ctx.Err() == nil {
		switch n := random.IntN(4); {
		case n == 0 && len(extra) < 8:
			p := projects[random.IntN(len(projects))]
			made, err := floatingips.Create(t.Context(), p.network,
				floatingips.CreateOpts{FloatingNetworkID: p.external}).Extract()
			if do("create", err) {
				extra = append(extra, &floatingIP{server: &server{project: p}, id: made.ID, private: made.FloatingIP})
			}
		case n == 1 && len(extra) > 0:
			i := random.IntN(len(extra))
			do("delete "+extra[i].private, floatingips.Delete(t.Context(), extra[i].network, extra[i].id).ExtractErr())
			extra = slices.Delete(extra, i, i+1)
		case n == 2 && len(away) < 3:
			f := floating[random.IntN(len(floating))]
			if !slices.Contains(away, f) {
				away = append(away, f) // even after an error: the call may have taken effect
				do("unset "+f.private, set(f, nothing))
			}
		case n == 3:
			back()
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.IntN(600)) * time.Millisecond):
		}
	}
	for range 10 {
		if back(); len(away) == 0 {
			break
		}
		time.Sleep(time.Second)
	}
	if len(away) > 0 {
		t.Errorf("%d floating IPs are not back with their guests", len(away))
	}
	for _, f := range extra {
		do("delete "+f.private, floatingips.Delete(t.Context(), f.network, f.id).ExtractErr())
	}
	return changes
}

// agrees compares AWS with Neutron: every address allocated by Neutron must be on one ENI
// and have an Elastic IP, and there must be no others.
func agrees(t testing.TB, api *ec2.Client, cloud string, p *project) error {
	pages, err := ports.List(p.network, ports.ListOpts{NetworkID: p.external}).AllPages(t.Context())
	if err != nil {
		return err
	}
	all, err := ports.ExtractPorts(pages)
	if err != nil {
		return err
	}
	given, given6 := map[string]bool{}, map[string]bool{}
	for _, port := range all {
		for _, ip := range port.FixedIPs {
			switch {
			case port.DeviceOwner == "network:distributed":
			case !strings.Contains(ip.IPAddress, ":"):
				given[ip.IPAddress] = true
			case port.DeviceOwner != "network:floatingip": // Neutron gives these an IPv6 address that is never used
				given6[ip.IPAddress] = true
			}
		}
	}
	on := map[string]string{} // the ENI of each address
	for _, e := range enisOf(t, api, cloud) {
		for _, a := range e.PrivateIpAddresses {
			if aws.ToBool(a.Primary) {
				continue
			}
			private := aws.ToString(a.PrivateIpAddress)
			switch {
			case on[private] != "":
				return fmt.Errorf("%s is on two ENIs", private)
			case !given[private]:
				return fmt.Errorf("%s is on an ENI, and Neutron has not given it out", private)
			case a.Association == nil:
				return fmt.Errorf("%s has no Elastic IP", private)
			}
			on[private] = aws.ToString(e.NetworkInterfaceId)
		}
		for _, a := range e.Ipv6Addresses {
			if address := aws.ToString(a.Ipv6Address); !given6[address] {
				return fmt.Errorf("%s is on an ENI, and Neutron has not given it out", address)
			}
			delete(given6, aws.ToString(a.Ipv6Address))
		}
	}
	if len(given6) > 0 {
		return fmt.Errorf("on no ENI: %v", slices.Collect(maps.Keys(given6)))
	}
	for private := range given {
		if on[private] == "" {
			return fmt.Errorf("%s is on no ENI", private)
		}
	}
	out, err := api.DescribeAddresses(t.Context(),
		&ec2.DescribeAddressesInput{Filters: []types.Filter{{Name: aws.String("tag:macaw:cloud"), Values: []string{cloud}}}})
	if err != nil {
		return err
	}
	for _, a := range out.Addresses {
		if a.AssociationId == nil {
			return fmt.Errorf("Elastic IP %s serves nothing", aws.ToString(a.PublicIp))
		}
	}
	if n := len(out.Addresses); n != len(given)+1 { // and the management address
		return fmt.Errorf("there are %d Elastic IPs for %d addresses", n-1, len(given))
	}
	return nil
}

// enisOf returns a cloud's provider ENIs.
func enisOf(t testing.TB, api *ec2.Client, cloud string) []types.NetworkInterface {
	t.Helper()
	var out *ec2.DescribeNetworkInterfacesOutput
	eventually(t, "AWS shows the ENIs", time.Minute, func() (err error) {
		out, err = api.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
			{Name: aws.String("tag:macaw:cloud"), Values: []string{cloud}}, {Name: aws.String("tag:macaw:part"),
				Values: []string{"eni/*/provider*"}}}})
		if err == nil && len(out.NetworkInterfaces) == 0 {
			err = errors.New("there are none")
		}
		return err
	})
	return out.NetworkInterfaces
}
