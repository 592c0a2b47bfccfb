// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/inventory"
	"macaw.example/lab/labtest"
)

// natFile is a cloud with a NAT gateway, and instanceFile the same with a NAT instance.
const (
	instanceFile = `provider: {addresses: 2, elasticIPs: on-demand}
nodes:
  - {name: gw, roles: [controller, gateway]}
  - {name: cmp, roles: [compute], count: 2, zones: [a, b]}
`
	natFile = "management: {nat: gateway}\n" + instanceFile
	// natQuotaOfTests has room for the Elastic IPs of the node and of the NAT gateway, and for none that leaks.
	natQuotaOfTests = 2
)

// nats are the NAT gateways that AWS has and has not deleted.
func (l *labAccount) nats() (all []types.NatGateway) {
	return slices.DeleteFunc(got(l.root.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{})).NatGateways,
		func(n types.NatGateway) bool { return n.State == types.NatGatewayStateDeleted })
}

// way is what the private subnets' default route leads to.
func way(t *testing.T, l *labAccount) string {
	t.Helper()
	tables := seen(t, l, "first").RouteTables
	i := slices.IndexFunc(tables, func(t inventory.RouteTable) bool { return t.Part == partPrivateRoutes })
	if i < 0 {
		return ""
	}
	return tables[i].Default
}

// The lab takes a second to make or delete a NAT gateway, which costs nothing in a bubble.
func inBubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

const natPlan = `+ create elastic ip for the nat gateway
+ create nat gateway with 10.0.0.254 in us-east-1a
+ create network interface management of gw with 10.0.0.4
+ create route 0.0.0.0/0 of private subnets to the nat gateway
`

// The nodes' way out is the NAT gateway: the gateway node forwards nothing, and admits nothing for that.
func TestNATGateway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l, w := newSeveralLab(t, natQuotaOfTests), several(t, natFile)
		p, out, err := labUp(ctx, l.Clients, w)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(natPlan) {
			if !strings.Contains("\n"+p.String(), "\n"+line) {
				t.Errorf("the plan has no %q:\n%s", line, p)
			}
		}
		if strings.Contains(p.String(), "forwards") || strings.Contains(p.String(), "everything from 10.0") {
			t.Errorf("the gateway node is opened for forwarding:\n%s", p)
		}
		if p := planOf(t, l, w); p != "" {
			t.Errorf("a second up would:\n%s", p)
		}
		for _, n := range out.Nodes {
			if len(n.NAT) > 0 {
				t.Errorf("%s forwards for %v", n.Name, n.NAT)
			}
		}
		all := l.nats()
		if len(all) != 1 || all[0].State != "available" || way(t, l) != *all[0].NatGatewayId {
			t.Fatalf("NAT gateways %+v, the route leads to %s", all, way(t, l))
		}
		s := seen(t, l, "first")
		a := s.Addresses[slices.IndexFunc(s.Addresses, func(a inventory.Address) bool { return a.Part == partNATAddress })]
		n := s.NATGateways[0]
		if n.Allocation != a.ID || n.Private != "10.0.0.254" || awsapi.Tag(all[0].Tags, awsapi.TagPart) != partNATGateway {
			t.Errorf("NAT gateway %+v, Elastic IP %+v", n, a)
		}
		takeDown(t, l, "first")
		takeDown(t, l, "first")
		// AWS remembers the first one, and its token.
		bringUp(t, l, w)
		if all := l.nats(); len(all) != 1 || *all[0].NatGatewayId == n.ID {
			t.Errorf("made anew: %+v", all)
		}
		takeDown(t, l, "first")
	})
}

// Made, and removed, whatever call is the last of a run.
func TestNATGatewayKilledAnywhere(t *testing.T) {
	open := func(t *testing.T) (*labAccount, Wanted) {
		return newSeveralLab(t, natQuotaOfTests), several(t, natFile)
	}
	var up, down, resources int
	t.Run("whole", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			l, w := open(t)
			up = l.changed(func() { bringUp(t, l, w) })
			resources = len(l.everything(t))
			down = l.changed(func() { takeDown(t, l, "first") })
		})
	})
	for n := 1; n <= max(up, down); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) {
				l, w := open(t)
				l.upAndDownKilled(t, w, n, resources)
			})
		})
	}
}

// switches are changes between the two ways out, and of a cloud that has a NAT gateway.
var switches = []struct {
	name, before, after string
	lines               []string // of the plan
}{
	{"to a NAT gateway", instanceFile, natFile, []string{
		"+ create elastic ip for the nat gateway",
		"+ create nat gateway with 10.0.0.254 in us-east-1a",
		"~ change route: 0.0.0.0/0 of private subnets to the nat gateway",
		"~ change security group: gateway no longer allows everything from 10.0.2.0/24; everything from 10.0.3.0/24",
		"~ change network interface: management of gw checks source and destination"}},
	{"to a NAT instance", natFile, instanceFile, []string{
		"~ change security group: gateway allows everything from 10.0.2.0/24; everything from 10.0.3.0/24",
		"~ change network interface: management of gw forwards for private subnets: no source/destination check",
		"~ change route: 0.0.0.0/0 of private subnets to gw",
		"- delete nat gateway nat-",
		"- delete elastic ip "}},
	{"no private nodes any more", natFile,
		natFile[:strings.Index(natFile, "  - {name: gw")] + "  - {name: gw, roles: [controller, gateway, compute]}\n",
		[]string{"- delete subnet private us-east-1a ", "- delete route table private ", "- delete nat gateway nat-",
			"- delete elastic ip "}},
}

// At any time the private subnets have a way out that works: the route never leads to what is not there yet, or to
// what has been taken away, and goes last to its new target what was before.
func TestNATSwitched(t *testing.T) {
	for _, tt := range switches {
		t.Run(tt.name, func(t *testing.T) {
			var all, resources int
			t.Run("whole", func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					l := newSeveralLab(t, natQuotaOfTests)
					out := bringUp(t, l, several(t, tt.before))
					after := several(t, tt.after)
					plan := planOf(t, l, after)
					for _, line := range tt.lines {
						if !strings.Contains("\n"+plan, "\n"+line) {
							t.Errorf("the plan has no %q:\n%s", line, plan)
						}
					}
					l.hook(func(c call) error {
						if c.n > 0 {
							wayWorks(t, l, c.op)
						}
						return nil
					}, nil)
					all = l.changed(func() { bringUp(t, l, after) })
					l.hook(nil, nil)
					resources = len(l.everything(t))
					now := OutputsOf(after.Cloud, seen(t, l, "first"))
					if now.Nodes[0].InstanceID != out.Nodes[0].InstanceID {
						t.Error("another instance")
					}
					nat := []netip.Prefix{netip.MustParsePrefix("10.0.2.0/24"), netip.MustParsePrefix("10.0.3.0/24")}
					if after.Cloud.UsesNATGateway() || len(now.Nodes) == 1 {
						nat = nil
					}
					if !slices.Equal(now.Nodes[0].NAT, nat) {
						t.Errorf("the gateway node forwards for %v", now.Nodes[0].NAT)
					}
					if p := planOf(t, l, after); p != "" {
						t.Errorf("the plan is not empty:\n%s", p)
					}
					takeDown(t, l, "first")
				})
			})
			for n := 1; n <= all; n++ {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					t.Parallel()
					inBubble(t, func(t *testing.T) {
						l := newSeveralLab(t, natQuotaOfTests)
						bringUp(t, l, several(t, tt.before))
						after := several(t, tt.after)
						l.killed(t, n, func(ctx context.Context) error { _, _, err := labUp(ctx, l.Clients, after); return err })
						bringUp(t, l, after)
						if p := planOf(t, l, after); p != "" {
							t.Errorf("the plan is not empty:\n%s", p)
						}
						if got := l.everything(t); len(got) != resources {
							t.Errorf("%d resources, want %d: %v", len(got), resources, got)
						}
						// And back, which a run that was killed has not prevented.
						before := several(t, tt.before)
						bringUp(t, l, before)
						if p := planOf(t, l, before); p != "" {
							t.Errorf("the plan to go back is not empty:\n%s", p)
						}
						takeDown(t, l, "first")
					})
				})
			}
		})
	}
}

// wayWorks reports a moment at which what private nodes send to the Internet goes nowhere.
func wayWorks(t *testing.T, l *labAccount, before string) {
	t.Helper()
	tables := got(l.root.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
		Filters: []types.Filter{awsapi.Filter("tag:"+awsapi.TagPart, partPrivateRoutes)}})).RouteTables
	if len(tables) == 0 || len(tables[0].Associations) == 0 {
		return // the private nodes are gone
	}
	for _, r := range tables[0].Routes {
		if aws.ToString(r.DestinationCidrBlock) != inventory.Everywhere {
			continue
		}
		if r.NatGatewayId != nil {
			n := got(l.root.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{*r.NatGatewayId}}))
			if s := n.NatGateways[0].State; s != "available" {
				t.Errorf("before %s: the NAT gateway that the route leads to is %s", before, s)
			}
			return
		}
		e := got(l.root.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
			NetworkInterfaceIds: []string{*r.NetworkInterfaceId}})).NetworkInterfaces[0]
		if *e.SourceDestCheck {
			t.Errorf("before %s: the node that the route leads to checks source and destination", before)
		}
		admits := false
		for _, g := range e.Groups {
			rules := got(l.root.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*g.GroupId}}))
			for _, p := range rules.SecurityGroups[0].IpPermissions {
				admits = admits || slices.ContainsFunc(p.IpRanges,
					func(r types.IpRange) bool { return *r.CidrIp == "10.0.2.0/24" })
			}
		}
		if !admits {
			t.Errorf("before %s: the node that the route leads to does not admit the private subnets", before)
		}
		return
	}
	t.Errorf("before %s: there is no route", before)
}

// A cloud leaves a zone without capacity with its NAT gateway, and keeps the Elastic IP.
func TestNATGatewayVacates(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l, w := newSeveralLab(t, natQuotaOfTests), several(t, natFile)
		p, err := PlanUp(w, seen(t, l, "first"))
		if err != nil {
			t.Fatal(err)
		}
		l.hook(func(c call) error {
			if c.op == "RunInstances" {
				return apiError("InsufficientInstanceCapacity")
			}
			return nil
		}, nil)
		// Of which instance is a matter of chance, and so is whether the whole cloud would have to leave for it.
		if _, err := apply(ctx, l.Clients, hurriedClock{}, p, nil); errorCode(err) != "InsufficientInstanceCapacity" {
			t.Fatalf("up: %v", err)
		}
		l.hook(nil, nil)
		if err := vacate(ctx, l.Clients, hurriedClock{}, seen(t, l, "first"), nil); err != nil {
			t.Fatal(err)
		}
		if n := len(l.nats()); n != 0 {
			t.Errorf("%d NAT gateways", n)
		}
		w.Zone = "us-east-1b"
		bringUp(t, l, w)
		s := seen(t, l, "first")
		if subnet := SubnetZone(w.Cloud, s); subnet != "us-east-1b" {
			t.Errorf("the cloud is in %s", subnet)
		}
		takeDown(t, l, "first")
	})
}

// A full management subnet is refused before anything is made.
func TestNATGatewayNoRoom(t *testing.T) {
	b := &up{Plan: &Plan{ids: map[string]string{}}, c: several(t, natFile).Cloud, privates: []privateSubnet{{}}}
	var all []netip.Addr
	for a := b.c.Management.Subnet.Addr(); b.c.Management.Subnet.Contains(a); a = a.Next() {
		all = append(all, a)
	}
	err := b.numberNAT(all)
	if err == nil || err.Error() != "no address is free in subnet 10.0.0.0/24 for the nat gateway" {
		t.Errorf("%v", err)
	}
}

// The Elastic IP of a NAT gateway is released only after others need theirs, so it counts until then.
func TestElasticIPsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := newSeveralLab(t, 3)
		bringUp(t, l, several(t, natFile))
		more := strings.Replace(instanceFile, "nodes:\n", "nodes:\n  - {name: gw-2, roles: [gateway]}\n", 1)
		p, err := PlanUp(several(t, more), seen(t, l, "first"))
		if err != nil {
			t.Fatal(err)
		}
		if p.ElasticIPs() != 0 || p.ElasticIPsAtOnce() != 1 {
			t.Errorf("%d Elastic IPs more, %d at once", p.ElasticIPs(), p.ElasticIPsAtOnce())
		}
	})
}

// Drift of a cloud with a NAT gateway, in the order of docs/drift.md.

func newNATDriftLab(t *testing.T) *driftLab {
	t.Helper()
	l := newSeveralLab(t, natQuotaOfTests, func(*labtest.APIOptions) {})
	d := &driftLab{T: t, labAccount: l, api: l.root, want: several(t, natFile)}
	d.up()
	d.look()
	return d
}

var natDriftCases = []driftCase{
	{"nat gateway", "existence", mended, func(d *driftLab) {
		d.done(d.api.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &d.seen.NATGateways[0].ID}))
	}, "+ create nat gateway with 10.0.0.25"},
	{"nat gateway", "tag `macaw:part`", mended, func(d *driftLab) { d.retag(d.seen.NATGateways[0].ID, "x") },
		"~ change tag: macaw:part of nat-"},
	{"nat gateway", "tag `macaw:part` of its Elastic IP", mended, func(d *driftLab) { d.retag(d.id(partNATAddress), "") },
		"~ change tag: macaw:part of eipalloc-"},
	{"private route table", "default route with a NAT gateway", mended, func(d *driftLab) {
		d.done(d.api.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: d.privateTable(),
			DestinationCidrBlock: aws.String(inventory.Everywhere), NetworkInterfaceId: aws.String(d.id("eni/gw/management"))}))
	}, "~ change route: 0.0.0.0/0 of private subnets to the nat gateway"},
	{"network interface", "source/destination check with a NAT gateway", mended, func(d *driftLab) {
		d.modifyENI("eni/gw/management", ec2.ModifyNetworkInterfaceAttributeInput{SourceDestCheck: yes(false)})
	}, "~ change network interface: management of gw checks source and destination"},
}

// A cloud from which every tag of a part was taken is known again by its content.
func TestNATWithoutTags(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := newNATDriftLab(t)
		whole := d.everything(t)
		for _, id := range append(slices.Clone(whole), d.seen.NATGateways[0].ID) {
			// AWS's own interface of the NAT gateway has none.
			if !strings.HasPrefix(id, "scr-") && strings.Contains(id, "-") && !strings.HasPrefix(id, "macaw") &&
				id != d.seen.NATGateways[0].Interface {
				d.retag(id, "")
			}
		}
		d.up()
		if now := d.everything(t); !slices.Equal(now, whole) {
			t.Errorf("resources: %v, before %v", now, whole)
		}
		if p := d.plan().String(); p != "" {
			t.Errorf("the plan:\n%s", p)
		}
	})
}

// What others have in the cloud's VPC keeps what it needs, and the NAT gateway goes all the same.
func TestDownAmongOthersWithNATGateway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := newNATDriftLab(t)
		id := got(d.api.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
			SubnetId: aws.String(d.id("subnet/management"))})).NetworkInterface.NetworkInterfaceId
		removal, err := d.down()
		var left *KeptError
		if !errors.As(err, &left) || strings.Contains(err.Error(), "NAT Gateway") {
			t.Fatalf("down: %v", err)
		}
		if n := len(d.nats()); n != 0 || !slices.ContainsFunc(removal.Removed,
			func(a Action) bool { return a.Object == "nat gateway" }) {
			t.Errorf("%d NAT gateways are left; removed: %v", n, removal.Removed)
		}
		d.done(d.api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: id}))
		if _, err := d.down(); err != nil {
			t.Error(err)
		}
		if left := d.everything(t); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// AWS may show a NAT gateway as deleted before its Elastic IP is free, and refuses to disassociate it at any time.
func TestNATAddressFreedLate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l, w := newSeveralLab(t, natQuotaOfTests), several(t, natFile)
		bringUp(t, l, w)
		s := seen(t, l, "first")
		refused := 0
		l.hook(func(c call) error {
			switch in := c.in.(type) {
			case *ec2.DisassociateAddressInput:
				for _, a := range s.Addresses {
					if a.Association == *in.AssociationId && a.Part == partNATAddress {
						return apiError("AuthFailure")
					}
				}
			case *ec2.ReleaseAddressInput:
				if refused < 3 && *in.AllocationId == s.NATGateways[0].Allocation {
					refused++
					return apiError("AuthFailure")
				}
			}
			return nil
		}, nil)
		takeDown(t, l, "first")
		if refused != 3 {
			t.Errorf("AWS refused %d times", refused)
		}
	})
}

// A NAT gateway takes longer to go than a release is tried again, so the Elastic IP waits for it, and so do the subnet
// and the Internet gateway.
func TestNATGatewayGoesFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := newSeveralLab(t, natQuotaOfTests)
		bringUp(t, l, several(t, natFile))
		s := seen(t, l, "first")
		nat := s.NATGateways[0]
		subnet := s.Subnets[slices.IndexFunc(s.Subnets, func(n inventory.Subnet) bool { return n.ID == nat.Subnet })]
		back, err := PlanUp(several(t, instanceFile), s)
		if err != nil {
			t.Fatal(err)
		}
		route := back.Actions[slices.IndexFunc(back.Actions, func(a Action) bool { return a.ID == privateRoute })]
		for _, need := range []string{"eni/gw/management/forward", "security-group/gateway/allow"} {
			if !slices.Contains(route.Needs, need) {
				t.Errorf("the route to the NAT instance does not wait for %s: %q", need, route.Needs)
			}
		}
		vacate, err := PlanVacate(inventory.Seen{Cloud: "first", Subnets: s.Subnets, NATGateways: s.NATGateways})
		if err != nil {
			t.Fatal(err)
		}
		for what, tt := range map[string]struct {
			plan *Plan
			last []string
		}{
			"up": {back, []string{nat.Allocation}}, "vacate": {vacate, []string{subnet.ID}},
			"down": {PlanDown(s), []string{nat.Allocation, subnet.ID, s.InternetGateways[0].ID}},
		} {
			for _, id := range tt.last {
				i := slices.IndexFunc(tt.plan.Actions, func(a Action) bool { return a.ID == id && a.Verb == Delete })
				if i < 0 || !slices.Contains(tt.plan.Actions[i].Needs, nat.ID) {
					t.Errorf("%s: %s does not wait for the NAT gateway:\n%s", what, id, tt.plan)
				}
			}
		}
	})
}

// No node gets the address of a NAT gateway, wherever that is.
func TestNodesAvoidTheNATGateway(t *testing.T) {
	s := inventory.Seen{Cloud: "first", Region: "us-east-1", Zones: []string{"us-east-1a"},
		VPCs: []inventory.VPC{{ID: "vpc-1", Part: partVPC, CIDR: "10.0.0.0/16"}},
		NATGateways: []inventory.NATGateway{
			{ID: "nat-1", Part: partNATGateway, VPC: "vpc-1", State: "deleted", Private: "10.0.0.5"},
			{ID: "nat-2", Part: partNATGateway, VPC: "vpc-1", State: "available", Private: "10.0.0.4"}}}
	p, err := PlanUp(several(t, natFile), s)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.String(), "create network interface management of gw with 10.0.0.5\n") {
		t.Errorf("the plan:\n%s", p)
	}
}

// However often somebody deletes it, AWS's memory of the tokens is in nobody's way.
func TestNATGatewayDeletedOften(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l, w := newSeveralLab(t, natQuotaOfTests), several(t, natFile)
		for range generations + 2 {
			bringUp(t, l, w)
			id := l.nats()[0].NatGatewayId
			got(l.root.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: id}))
			time.Sleep(time.Minute)
		}
		bringUp(t, l, w)
		if n := len(l.nats()); n != 1 {
			t.Errorf("%d NAT gateways", n)
		}
	})
}
