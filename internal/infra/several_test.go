// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/images"
	"macaw.example/internal/inventory"
	"macaw.example/lab/labtest"
)

// severalFile is a cloud with every kind of node. The gateways come first, to show that the controller's
// addresses do.
const severalFile = `provider: {addresses: 2}
nodes:
  - {name: gw, roles: [gateway, compute], count: 2}
  - {name: ctl, roles: [controller]}
  - {name: cmp, roles: [compute], count: 2, zones: [a, b], spot: true}
`

// newSeveralLab is a lab in the region whose zones the cloud file's letters name there.
func newSeveralLab(t *testing.T, quota int, options ...func(*labtest.APIOptions)) *labAccount {
	t.Helper()
	return newLab(t, quota, append(options, func(o *labtest.APIOptions) { o.Region = "us-east-1" })...)
}

func several(t *testing.T, file string) Wanted {
	t.Helper()
	w := wanted(t, file)
	w.UserData = func(n cloud.Node) []byte { return []byte("#cloud-config\nhostname: " + n.Name + "\n") }
	return w
}

const severalPlan = `+ create iam role macaw-first-gateway-us-east-1 (has the rights of a gateway)
+ create instance profile macaw-first-gateway-us-east-1 (has the role)
+ create elastic ip for 10.0.0.5, management of gw-1 (associated)
+ create elastic ip for 10.0.0.6, management of gw-2 (associated)
+ create elastic ip for 10.0.0.4, management of ctl (associated)
+ create elastic ip for 10.0.1.64 (associated)
+ create elastic ip for 10.0.1.65 (associated)
+ create vpc 10.0.0.0/16 (dns support and host names on)
+ create internet gateway (attached to the vpc)
+ create subnet management 10.0.0.0/24 in us-east-1a (uses the route table)
+ create subnet provider 10.0.1.0/24 in us-east-1a (uses the route table)
+ create subnet private 10.0.2.0/24 in us-east-1a (us-east-1a uses the private route table)
+ create subnet private 10.0.3.0/24 in us-east-1b (us-east-1b uses the private route table)
+ create address reservation 10.0.1.64/31 for neutron
+ create security group management (allows icmp from its own members; 22,9478 from the controller)
+ create security group controller (allows 5000,9696,6641-6642 from all nodes; 5672,8778,9292,8774-8775 from computes; ` +
	`22,80,443 from 198.51.100.1/32)
+ create security group compute (allows 16514,16522,49152-49215,udp 6081 from its own members; 5900-6923 from the ` +
	`controller; udp 6081 from gateways)
+ create security group gateway (allows 22 from 198.51.100.1/32; everything from 10.0.2.0/24; everything from ` +
	`10.0.3.0/24; udp 6081 from computes; udp 6081 from its own members)
+ create security group provider (allows everything from 0.0.0.0/0)
+ create key pair macaw-first
+ create network interface management of gw-1 with 10.0.0.5 (forwards for private subnets: ` +
	`no source/destination check)
+ create network interface provider of gw-1 with 10.0.1.4 and 10.0.1.64 to 10.0.1.65
+ create network interface management of gw-2 with 10.0.0.6
+ create network interface provider of gw-2 with 10.0.1.5
+ create network interface management of ctl with 10.0.0.4
+ create network interface management of cmp-1 with 10.0.2.4
+ create network interface management of cmp-2 with 10.0.3.4
+ create instance gw-1 t3.xlarge from ami-0123456789abcdef0
+ create instance gw-2 t3.xlarge from ami-0123456789abcdef0
+ create instance ctl t3.xlarge from ami-0123456789abcdef0
+ create instance cmp-1 t3.xlarge (spot) from ami-0123456789abcdef0
+ create instance cmp-2 t3.xlarge (spot) from ami-0123456789abcdef0
+ create route table
+ create route 0.0.0.0/0 to the internet gateway
+ create route table private
+ create route 0.0.0.0/0 of private subnets to gw-1
`

// A cloud with several nodes is made, is whole afterwards, and goes without a trace.
func TestSeveral(t *testing.T) {
	l, w := newSeveralLab(t, 5), several(t, severalFile)
	p, out, err := labUp(ctx, l.Clients, w)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(severalPlan, p.String()); diff != "" {
		t.Errorf("the plan, -want +got:\n%s", diff)
	}
	if p := planOf(t, l, w); p != "" {
		t.Errorf("a second up would:\n%s", p)
	}
	for i, want := range []struct{ name, management, primary string }{{"gw-1", "10.0.0.5", "10.0.1.4"},
		{"gw-2", "10.0.0.6", "10.0.1.5"}, {"ctl", "10.0.0.4", ""}, {"cmp-1", "10.0.2.4", ""}, {"cmp-2", "10.0.3.4", ""}} {
		n := out.Nodes[i]
		private := strings.HasPrefix(n.Name, "cmp")
		if n.Name != want.name || n.InstanceID == "" || n.ManagementAddress != want.management ||
			n.ProviderENI.Primary != want.primary || private != (n.ManagementPublic == "") {
			t.Errorf("outputs: %+v", n)
		}
		var nat []netip.Prefix
		if i == 0 {
			nat = []netip.Prefix{netip.MustParsePrefix("10.0.2.0/24"), netip.MustParsePrefix("10.0.3.0/24")}
		}
		if !slices.Equal(n.NAT, nat) || len(n.Addresses) != map[bool]int{true: 2}[i == 0] {
			t.Errorf("%s forwards for %v, and has %v", n.Name, n.NAT, n.Addresses)
		}
		in := describe(t, l, n.InstanceID)
		if spot := in.InstanceLifecycle == types.InstanceLifecycleTypeSpot; spot != private {
			t.Errorf("%s is a Spot Instance: %t", n.Name, spot)
		}
		if zone := *in.Placement.AvailabilityZone; (zone == "us-east-1b") != (n.Name == "cmp-2") {
			t.Errorf("%s is in %s", n.Name, zone)
		}
		if got := strings.HasPrefix(n.Name, "gw"); got != (in.IamInstanceProfile != nil) {
			t.Errorf("%s has a profile: %t", n.Name, !got)
		}
		if data := seen(t, l, "first").Instances[slices.IndexFunc(seen(t, l, "first").Instances,
			func(i inventory.Instance) bool { return i.ID == n.InstanceID })].UserData; string(data) !=
			"#cloud-config\nhostname: "+n.Name+"\n" {
			t.Errorf("%s: user data %q", n.Name, data)
		}
	}
	takeDown(t, l, "first")
	takeDown(t, l, "first")
}

// After a kill at any call, the next run completes the cloud without duplicates, and removes it.
func TestSeveralKilledAnywhere(t *testing.T) {
	killedAnywhere(t, func(t *testing.T) (*labAccount, Wanted) {
		return newSeveralLab(t, 5), several(t, severalFile)
	})
}

// Each change of the file leads to the cloud that the file describes, and so does the next run after a kill.
// The addresses of nodes that stay are the same.
func TestSeveralChanged(t *testing.T) {
	const one = "provider: {addresses: 2}\n"
	for _, tt := range []struct {
		name, before, after string
		quota               int
		lines               []string // of the plan
		addresses           string   // afterwards
	}{
		{"more nodes", severalFile, strings.NewReplacer("count: 2}", "count: 3}", "count: 2, zones: [a, b]",
			"count: 4, zones: [a, b, c]").Replace(severalFile), 6,
			[]string{"+ create network interface provider of gw-3 with 10.0.1.6",
				"+ create subnet private 10.0.4.0/24 in us-east-1c",
				"~ change security group: gateway allows everything from 10.0.4.0/24",
				"+ create instance cmp-3 t3.xlarge (spot) from ami-0123456789abcdef0"},
			"gw-1=10.0.0.5 gw-2=10.0.0.6 gw-3=10.0.0.7 ctl=10.0.0.4 cmp-1=10.0.2.4 cmp-2=10.0.3.4 cmp-3=10.0.4.4 " +
				"cmp-4=10.0.2.5"},
		{"a node before the others", severalFile, strings.Replace(severalFile, "nodes:\n",
			"nodes:\n  - {name: new, roles: [gateway]}\n", 1), 6,
			[]string{"+ create network interface provider of new with 10.0.1.6",
				"~ change network interface: management of gw-1 checks source and destination",
				"+ create network interface management of new with 10.0.0.7 (forwards for private subnets: no " +
					"source/destination check)",
				"~ change route: 0.0.0.0/0 of private subnets to new"},
			"new=10.0.0.7 gw-1=10.0.0.5 gw-2=10.0.0.6 ctl=10.0.0.4 cmp-1=10.0.2.4 cmp-2=10.0.3.4"},
		{"a gateway less", severalFile, strings.Replace(severalFile, "count: 2}", "count: 1}", 1), 5,
			[]string{"- delete instance gw-2 ", "- delete network interface gw-2 provider ", "- delete elastic ip "},
			"gw-1=10.0.0.5 ctl=10.0.0.4 cmp-1=10.0.2.4 cmp-2=10.0.3.4"},
		{"another first gateway", severalFile, strings.Replace(severalFile, "{name: gw, roles: [gateway, compute], count: 2}",
			"{name: gw-2, roles: [gateway, compute]}", 1), 5,
			[]string{"- delete instance gw-1 ", "~ change network interface: provider of gw-2 gets 10.0.1.64 10.0.1.65",
				"~ change route: 0.0.0.0/0 of private subnets to gw-2", "~ change elastic ip: associated with 10.0.1.64"},
			"gw-2=10.0.0.6 ctl=10.0.0.4 cmp-1=10.0.2.4 cmp-2=10.0.3.4"},
		{"a zone less", severalFile, strings.Replace(severalFile, "count: 2, zones", "count: 1, zones", 1), 5,
			[]string{"- delete instance cmp-2 ", "- delete subnet private us-east-1b ",
				"~ change security group: gateway no longer allows everything from 10.0.3.0/24"},
			"gw-1=10.0.0.5 gw-2=10.0.0.6 ctl=10.0.0.4 cmp-1=10.0.2.4"},
		{"no private nodes", severalFile, severalFile[:strings.Index(severalFile, "  - {name: cmp")], 5,
			[]string{"- delete subnet private us-east-1a ", "- delete route table private ",
				"~ change network interface: management of gw-1 checks source and destination"},
			"gw-1=10.0.0.5 gw-2=10.0.0.6 ctl=10.0.0.4"},
		{"one becomes several", one, one + "nodes:\n  - {name: cloud-1}\n  - {name: b, roles: [compute]}\n", 3,
			[]string{"~ change security group: management no longer allows 22,80,443 from 198.51.100.1/32; everything from " +
				"its own members",
				"~ change network interface: management of cloud-1 has security groups management, controller, compute, gateway",
				"+ create network interface management of b with 10.0.2.4"}, "cloud-1=10.0.0.4 b=10.0.2.4"},
		{"several become one", one + "nodes:\n  - {name: cloud-1}\n  - {name: b, roles: [compute]}\n", one, 3,
			[]string{"- delete security group controller ", "- delete security group compute ", "- delete route table private ",
				"~ change network interface: management of cloud-1 has security group management and no other"},
			"cloud-1=10.0.0.4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, after := several(t, tt.before), several(t, tt.after)
			l := newSeveralLab(t, tt.quota)
			bringUp(t, l, before)
			old := map[string]string{}
			for _, n := range OutputsOf(before.Cloud, seen(t, l, "first")).Nodes {
				old[n.Name] = n.InstanceID
			}
			plan := planOf(t, l, after)
			for _, line := range tt.lines {
				if !strings.Contains("\n"+plan, "\n"+line) {
					t.Errorf("the plan has no %q:\n%s", line, plan)
				}
			}
			all := l.changed(func() { bringUp(t, l, after) })
			resources, got := len(l.everything(t)), []string{}
			for _, n := range OutputsOf(after.Cloud, seen(t, l, "first")).Nodes {
				got = append(got, n.Name+"="+n.ManagementAddress)
				if id := old[n.Name]; id != "" && id != n.InstanceID {
					t.Errorf("%s is another instance", n.Name)
				}
			}
			if text := strings.Join(got, " "); text != tt.addresses {
				t.Errorf("addresses:\n%s\nwant:\n%s", text, tt.addresses)
			}
			if p := planOf(t, l, after); p != "" {
				t.Errorf("the plan is not empty:\n%s", p)
			}
			takeDown(t, l, "first")
			for n := 1; n <= all; n++ {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					t.Parallel()
					l := newSeveralLab(t, tt.quota)
					bringUp(t, l, before)
					l.killed(t, n, func(ctx context.Context) error { _, _, err := labUp(ctx, l.Clients, after); return err })
					bringUp(t, l, after)
					if p := planOf(t, l, after); p != "" {
						t.Errorf("the plan is not empty:\n%s", p)
					}
					if got := l.everything(t); len(got) != resources {
						t.Errorf("%d resources, want %d: %v", len(got), resources, got)
					}
				})
			}
		})
	}
}

// Addresses made with the cloud may be on any gateway: its agent has moved them there, with their Elastic IPs.
func TestAgentsMoveAddresses(t *testing.T) {
	l, w := newSeveralLab(t, 5), several(t, severalFile)
	out := bringUp(t, l, w)
	got(l.root.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{AllowReassignment: aws.Bool(true),
		NetworkInterfaceId: &out.Nodes[1].ProviderENI.ID, PrivateIpAddresses: []string{"10.0.1.65"}}))
	if p := planOf(t, l, w); p != "" {
		t.Errorf("up would change what the agent has done:\n%s", p)
	}
	nodes := bringUp(t, l, w).Nodes
	if len(nodes[0].Addresses) != 1 || len(nodes[1].Addresses) != 1 || nodes[1].Addresses[0].Public == "" {
		t.Errorf("addresses: %v, %v", nodes[0].Addresses, nodes[1].Addresses)
	}
	// The agent has ended the association, for a tenant's tag.
	a := got(l.root.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{
		PublicIps: []string{nodes[1].Addresses[0].Public}})).Addresses[0]
	got(l.root.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: a.AssociationId}))
	if p := planOf(t, l, w); p != "" {
		t.Errorf("up would associate again what the agent has disassociated:\n%s", p)
	}
	// Associated with another address, it follows the address to the gateway that has it.
	got(l.root.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: a.AllocationId,
		NetworkInterfaceId: &nodes[0].ProviderENI.ID, PrivateIpAddress: &nodes[0].ProviderENI.Primary}))
	bringUp(t, l, w)
	if now := OutputsOf(w.Cloud, seen(t, l, "first")).Nodes[1].Addresses; now[0].Public != nodes[1].Addresses[0].Public {
		t.Errorf("addresses of gw-2: %v", now)
	}
	// Without that gateway, the address is made on the other one.
	less := several(t, strings.Replace(severalFile, "count: 2}", "count: 1}", 1))
	if now := bringUp(t, l, less).Nodes[0].Addresses; len(now) != 2 || now[1].Public != nodes[1].Addresses[0].Public {
		t.Errorf("addresses of gw-1: %v", now)
	}
	takeDown(t, l, "first")
}

// An instance stays what it was made as, and where.
func TestSeveralImpossible(t *testing.T) {
	l := newSeveralLab(t, 5)
	bringUp(t, l, several(t, severalFile))
	for _, tt := range []struct{ from, to, want string }{
		{"{name: cmp, roles: [compute], count: 2, zones: [a, b], spot: true}", "{name: cmp, roles: [gateway], count: 2}",
			"x.yaml:7:24: nodes[2].roles: cmp-1 was made for computing only, in a private subnet that it cannot leave\n" +
				"    hint: " + anotherNode},
		{"{name: gw, roles: [gateway, compute], count: 2}", "{name: gw-1, roles: [compute]}\n  - {name: x, roles: [gateway]}",
			"x.yaml:5:25: nodes[0].roles: gw-1 was made as a gateway, and its instance stays one\n    hint: " + anotherNode},
	} {
		_, err := PlanUp(several(t, strings.Replace(severalFile, tt.from, tt.to, 1)), seen(t, l, "first"))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n%v\nwant\n%s", tt.to, err, tt.want)
		}
	}
	w := several(t, strings.Replace(severalFile, "zones: [a, b], spot: true", "zones: [b, a]", 1))
	want := `! instance cmp-1: it is in us-east-1a, the file says us-east-1b
    hint: ` + anotherNode + `
! instance cmp-2: it is in us-east-1b, the file says us-east-1a
    hint: ` + anotherNode + `
! instance cmp-1: it is a Spot Instance, the file says otherwise
    hint: ` + anotherNode + `
! instance cmp-2: it is a Spot Instance, the file says otherwise
    hint: ` + anotherNode + "\n"
	if diff := cmp.Diff(want, planOf(t, l, w)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A node without an instance may become another kind: its interfaces are made anew.
func TestSeveralOtherRoles(t *testing.T) {
	l := newSeveralLab(t, 6)
	out := bringUp(t, l, several(t, severalFile))
	for _, i := range []int{1, 3} {
		if err := terminateInstance(out.Nodes[i].InstanceID)(ctx, &applier{api: l.EC2, clock: hurriedClock{}}); err != nil {
			t.Fatal(err)
		}
	}
	w := several(t, `provider: {addresses: 2}
nodes:
  - {name: gw-1, roles: [gateway, compute]}
  - {name: gw-2, roles: [compute]}
  - {name: ctl, roles: [controller]}
  - {name: cmp-1, roles: [gateway, compute]}
`)
	nodes := bringUp(t, l, w).Nodes
	a, b := nodes[1], nodes[3]
	if a.ManagementAddress != "10.0.2.4" || a.ProviderENI.ID != "" || a.ManagementPublic != "" ||
		b.ManagementAddress != "10.0.0.6" || b.ProviderENI.Primary != "10.0.1.5" || b.ManagementPublic == "" {
		t.Errorf("%+v\n%+v", a, b)
	}
	if p := planOf(t, l, w); p != "" {
		t.Errorf("the plan is not empty:\n%s", p)
	}
	takeDown(t, l, "first")
}

// A Spot Instance that AWS has taken away is made anew, with its addresses. It cannot be stopped, not even by
// up --restart.
func TestSpotInstanceLost(t *testing.T) {
	l, w := newSeveralLab(t, 5), several(t, severalFile)
	before := bringUp(t, l, w).Nodes[3]
	w.Cloud.Nodes[3].Type, w.Restart = "t3.2xlarge", true
	if p := planOf(t, l, w); !strings.Contains(p, "! instance cmp-1: its type is t3.xlarge, the file says t3.2xlarge\n"+
		"    hint: a Spot Instance cannot be stopped: aws ec2 terminate-instances --instance-ids "+before.InstanceID) ||
		strings.Contains(p, "stop instance") {
		t.Errorf("the plan:\n%s", p)
	}
	if err := terminateInstance(before.InstanceID)(ctx, &applier{api: l.EC2, clock: hurriedClock{}}); err != nil {
		t.Fatal(err)
	}
	after := bringUp(t, l, w).Nodes[3]
	if after.InstanceID == before.InstanceID || after.ManagementAddress != before.ManagementAddress {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// Each refusal of a Spot Instance has its remedy, and does not look as if the whole cloud had to move.
func TestSpotRefused(t *testing.T) {
	for _, tt := range []struct {
		account labtest.AccountSettings
		refuse  string // instead of the lab
		code    string
		hint    string
	}{
		{labtest.AccountSettings{SpotVCPUQuota: 3}, "", "MaxSpotInstanceCountExceeded", "L-34B43A08"},
		{labtest.AccountSettings{NoSpotCapacity: map[string][]string{"us-east-1a": {"*"}, "us-east-1b": {"*"}}}, "",
			"InsufficientInstanceCapacity", "leave spot out, or take other zones"},
		{labtest.AccountSettings{}, "SpotMaxPriceTooLow", "SpotMaxPriceTooLow", "leave spot out"},
		{labtest.AccountSettings{}, "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
			"AuthFailure.ServiceLinkedRoleCreationNotPermitted", "aws iam create-service-linked-role"},
	} {
		l := newSeveralLab(t, 5, func(o *labtest.APIOptions) { o.Account = tt.account })
		l.hook(func(c call) error {
			if in, ok := c.in.(*ec2.RunInstancesInput); ok && in.InstanceMarketOptions != nil && tt.refuse != "" {
				return apiError(tt.refuse)
			}
			return nil
		}, nil)
		_, _, err := labUp(ctx, l.Clients, several(t, severalFile))
		if errorCode(err) != tt.code || !strings.Contains(strings.Join(hint.All(err), "\n"), tt.hint) || NoCapacity(err) {
			t.Errorf("%s: %v; hints %q, the zone has no capacity: %t", tt.code, err, hint.All(err), NoCapacity(err))
		}
	}
}

// Nodes may boot different images.
func TestImagesOfNodes(t *testing.T) {
	l := newSeveralLab(t, 5)
	w := several(t, strings.Replace(severalFile, "spot: true", "image: "+labImage, 1))
	w.Image = images.Image{}
	w.Images = map[string]images.Image{labImage: {ID: labImage, RootDevice: "/dev/xvda"}}
	_, _, err := labUp(ctx, l.Clients, w)
	if err == nil || err.Error() != "making instance gw-1: no image to boot" {
		t.Errorf("without an image: %v", err)
	}
	w.Image = w.Images[labImage]
	bringUp(t, l, w)
}

// Security groups stay within AWS's quota for the most networks that a cloud file may allow.
func TestRulesFit(t *testing.T) {
	var allow []string
	for i := range 17 {
		allow = append(allow, fmt.Sprintf("198.51.100.%d/32", i))
	}
	c, err := cloud.Parse("x.yaml", []byte("name: first\ntarget: eu-central-1\nmanagement: {allow: ["+
		strings.Join(allow, ", ")+"], domain: a.example.org, tls: {acme: {}}}\n"+
		strings.Replace(severalFile, "zones: [a, b]", "zones: [a, b, c]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	b := &up{Plan: &Plan{ids: map[string]string{}}, c: c, w: Wanted{Cloud: c},
		s: inventory.Seen{Zones: []string{"eu-central-1a"}}}
	if err := b.locate(); err != nil {
		t.Fatal(err)
	}
	for _, g := range b.wantedGroups() {
		if len(g.Rules) > 60 {
			t.Errorf("%s has %d rules", g.Name, len(g.Rules))
		}
	}
}

// The rights of the gateways of a cloud with several nodes reach neither computes nor the ways to nodes.
func TestGatewaysOfSeveral(t *testing.T) {
	l, w := newSeveralLab(t, 5), several(t, severalFile)
	out := bringUp(t, l, w)
	in := describe(t, l, out.Nodes[0].InstanceID)
	key, ok := l.api.RoleCredentials(*in.InstanceId, aws.ToString(in.IamInstanceProfile.Arn))
	if !ok {
		t.Fatal("no credentials")
	}
	agent := ec2.NewFromConfig(l.as(key.AccessKeyID, key.SecretAccessKey, key.SessionToken))
	s := seen(t, l, "first")
	subnet := s.Subnets[slices.IndexFunc(s.Subnets, func(n inventory.Subnet) bool { return n.Part == "subnet/provider" })]
	private := s.Subnets[slices.IndexFunc(s.Subnets,
		func(n inventory.Subnet) bool { return isPrivate(strings.TrimPrefix(n.Part, partSubnet(""))) })]
	group := s.SecurityGroups[slices.IndexFunc(s.SecurityGroups,
		func(g inventory.SecurityGroup) bool { return g.Part == "security-group/provider" })]
	make := func(subnet, group string) (*ec2.CreateNetworkInterfaceOutput, error) {
		return agent.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet, Groups: []string{group},
			TagSpecifications: awsapi.Tagged(types.ResourceTypeNetworkInterface, "first", "eni/gw-1/provider-2")})
	}
	made, err := make(subnet.ID, group.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range s.SecurityGroups {
		if _, err := make(subnet.ID, g.ID); (g.ID != group.ID) != (errorCode(err) == "UnauthorizedOperation") {
			t.Errorf("an interface with group %s: %v", g.Name, err)
		}
	}
	if _, err := make(private.ID, group.ID); errorCode(err) != "UnauthorizedOperation" {
		t.Errorf("an interface in a private subnet: %v", err)
	}
	for _, n := range out.Nodes {
		_, err := agent.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{DryRun: aws.Bool(true),
			InstanceId: aws.String(n.InstanceID), NetworkInterfaceId: made.NetworkInterface.NetworkInterfaceId,
			DeviceIndex: aws.Int32(2)})
		if gateway := strings.HasPrefix(n.Name, "gw"); gateway != (errorCode(err) == "DryRunOperation") {
			t.Errorf("attaching an interface to %s: %v", n.Name, err)
		}
	}
}
