// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/iampolicy"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

const poolPolicy = "provider: {addresses: 4, elasticIPs: pool, pool: [eipalloc-0123456789abcdef0]}\n"

// Except with the policy all, the agents decide on the addresses in the range and their Elastic
// IPs: up makes none, and leaves alone what the agents have made.
func TestAddressesAreTheAgents(t *testing.T) {
	for _, file := range []string{
		"provider: {addresses: 4, elasticIPs: on-demand}\n",
		"provider: {addresses: 4, elasticIPs: none}\n",
		poolPolicy,
	} {
		l, w := newLab(t, 2), wanted(t, file)
		n := bringUp(t, l, w).Nodes[0]
		made := got(l.root.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})).Addresses
		if len(made) != 1 || len(n.Addresses) != 0 || n.ManagementPublic == "" {
			t.Errorf("%s: up made %d Elastic IPs, outputs %+v", file, len(made), n)
		}
		eni := aws.String(n.ProviderENI.ID)
		got(l.root.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: eni, PrivateIpAddresses: []string{"10.0.1.67", "10.0.1.64"},
		}))
		// With on-demand it is the cloud's; those of a pool are not.
		a := got(l.root.AllocateAddress(ctx, &ec2.AllocateAddressInput{}))
		public, pool := "", []string{*a.AllocationId}
		if w.Cloud.Provider.ElasticIPs == model.ElasticIPsOnDemand {
			got(l.root.CreateTags(ctx, &ec2.CreateTagsInput{
				Resources: []string{*a.AllocationId}, Tags: awsapi.Tags("first", "address/provider/10.0.1.67"),
			}))
			public, pool = *a.PublicIp, nil
		}
		got(l.root.AssociateAddress(ctx, &ec2.AssociateAddressInput{
			AllocationId: a.AllocationId, NetworkInterfaceId: eni, PrivateIpAddress: aws.String("10.0.1.67"),
		}))
		second := l.furtherInterface(t, "10.0.1.9", "10.0.1.65")
		got(l.root.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{
			NetworkInterfaceId: &second, InstanceId: aws.String(n.InstanceID), DeviceIndex: aws.Int32(2),
		}))
		if p := planOf(t, l, w); p != "" {
			t.Errorf("%s: up would change what the agent has done:\n%s", file, p)
		}
		want := []AddressPair{{"10.0.1.64", ""}, {"10.0.1.65", ""}, {"10.0.1.67", public}}
		if got := bringUp(t, l, w).Nodes[0].Addresses; !slices.Equal(got, want) {
			t.Errorf("%s: addresses %+v", file, got)
		}
		// Addresses outside Neutron's range have no owner.
		got(l.root.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: eni, PrivateIpAddresses: []string{"10.0.1.70"},
		}))
		if p := planOf(t, l, w); p != "~ change network interface: provider of cloud-1 gives up 10.0.1.70\n" {
			t.Errorf("%s: an address out of the range:\n%s", file, p)
		}
		takeDown(t, l, "first", pool...)
	}
}

// furtherInterface makes one for the provider network, as an agent does.
func (l *labAccount) furtherInterface(t *testing.T, primary string, secondary ...string) string {
	t.Helper()
	s := seen(t, l, "first")
	i := slices.IndexFunc(s.Interfaces, func(n inventory.Interface) bool { return n.Part == "eni/cloud-1/provider" })
	in := &ec2.CreateNetworkInterfaceInput{
		SubnetId: &s.Interfaces[i].Subnet, Groups: s.Interfaces[i].Groups, TagSpecifications: further("first"),
	}
	for _, a := range append([]string{primary}, secondary...) {
		in.PrivateIpAddresses = append(in.PrivateIpAddresses, types.PrivateIpAddressSpecification{
			PrivateIpAddress: aws.String(a), Primary: aws.Bool(a == primary),
		})
	}
	return *got(l.root.CreateNetworkInterface(ctx, in)).NetworkInterface.NetworkInterfaceId
}

// A pool's Elastic IP outlives the cloud that used it.
func TestDownKeepsThePool(t *testing.T) {
	l, w := newLab(t, 2), wanted(t, poolPolicy)
	eni := bringUp(t, l, w).Nodes[0].ProviderENI.ID
	private := aws.String("10.0.1.64")
	got(l.root.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
		NetworkInterfaceId: &eni, PrivateIpAddresses: []string{*private},
	}))
	pool := got(l.root.AllocateAddress(ctx, &ec2.AllocateAddressInput{})).AllocationId
	got(l.root.AssociateAddress(ctx, &ec2.AssociateAddressInput{
		AllocationId: pool, NetworkInterfaceId: &eni, PrivateIpAddress: private,
	}))
	takeDown(t, l, "first", *pool)
}

// A change between all and on-demand keeps the Elastic IPs: only the responsibility changes. The
// other policies release them.
func TestPolicyChanged(t *testing.T) {
	const file = "provider: {addresses: 2, elasticIPs: %s}\n"
	l := newLab(t, 3)
	before := bringUp(t, l, wanted(t, fmt.Sprintf(file, model.ElasticIPsAll))).Nodes[0]
	for _, tt := range []struct {
		policy     model.ElasticIPPolicy
		elasticIPs int
	}{{model.ElasticIPsOnDemand, 3}, {model.ElasticIPsAll, 3}, {model.ElasticIPsNone, 1}} {
		w := wanted(t, fmt.Sprintf(file, tt.policy))
		now := bringUp(t, l, w).Nodes[0]
		if n := len(got(l.root.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})).Addresses); n != tt.elasticIPs {
			t.Errorf("%s: %d Elastic IPs", tt.policy, n)
		}
		if tt.elasticIPs == 3 && !slices.Equal(before.Addresses, now.Addresses) {
			t.Errorf("%s: addresses %v, before %v", tt.policy, now.Addresses, before.Addresses)
		}
		if got := seen(t, l, "first").Role.Rights; !iampolicy.Same(got, iampolicy.OfGateways(w.Cloud, labRegion).Text()) {
			t.Errorf("%s: the rights are %s", tt.policy, got)
		}
	}
}

// An agent must not allocate again what is being released: with another policy it loses the right
// first, and with the cloud its instance.
func TestAgentsLeaveFirst(t *testing.T) {
	l := newLab(t, 3)
	bringUp(t, l, wanted(t, "provider: {addresses: 2}\n"))
	s := seen(t, l, "first")
	up, err := PlanUp(wanted(t, "provider: {addresses: 2, elasticIPs: none}\n"), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		plan  *Plan
		first string
		n     int
	}{{up, "iam-role/rights", 2}, {PlanDown(s), s.Instances[0].ID, 3}} {
		n := 0
		for _, a := range tt.plan.Actions {
			if a.Verb == Delete && a.Object == "elastic ip" {
				if n++; !slices.Contains(a.Needs, tt.first) {
					t.Errorf("%s does not wait for %s", a, tt.first)
				}
			}
		}
		if n != tt.n {
			t.Errorf("%d Elastic IPs are released, want %d", n, tt.n)
		}
	}
}
