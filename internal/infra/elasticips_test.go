package infra

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/model"
)

const poolPolicy = "provider: {addresses: 4, elasticIPs: pool, pool: [eipalloc-0123456789abcdef0]}\n"

// But for the policy all, the addresses in the range and Elastic IPs for them
// are the agents': up makes none, and sees nothing to do in what they have done.
func TestAddressesAreTheAgents(t *testing.T) {
	ctx := context.Background()
	for _, file := range []string{
		"provider: {addresses: 4, elasticIPs: on-demand}\n",
		"provider: {addresses: 4, elasticIPs: none}\n",
		poolPolicy,
	} {
		f, w := newFake(), wanted(t, file)
		n := bringUp(t, f, w).Nodes[0]
		if len(f.addresses) != 1 || len(n.Addresses) != 0 || n.ManagementPublic == "" {
			t.Errorf("%s: up made %d Elastic IPs, outputs %+v", file, len(f.addresses), n)
		}
		eni := aws.String(n.ProviderENI.ID)
		if _, err := f.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: eni, PrivateIpAddresses: []string{"10.0.1.67", "10.0.1.64"}}); err != nil {
			t.Fatal(err)
		}
		// With on-demand it is the cloud's; those of a pool are not.
		a, err := f.AllocateAddress(ctx, &ec2.AllocateAddressInput{})
		if err != nil {
			t.Fatal(err)
		}
		public, pool := "", []string{*a.AllocationId}
		if w.Cloud.Provider.ElasticIPs == model.ElasticIPsOnDemand {
			f.addresses[*a.AllocationId].Tags = tagsOf("first", "address/provider/10.0.1.67")
			public, pool = *a.PublicIp, nil
		}
		for range 2 { // AWS refuses while the instance is pending
			_, err = f.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: a.AllocationId, NetworkInterfaceId: eni, PrivateIpAddress: aws.String("10.0.1.67")})
		}
		if err != nil {
			t.Fatal(err)
		}
		second, err := f.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
			SubnetId: f.enis[n.ProviderENI.ID].SubnetId, Groups: []string{*f.enis[n.ProviderENI.ID].Groups[0].GroupId}, ClientToken: aws.String("t"),
			PrivateIpAddresses: []types.PrivateIpAddressSpecification{
				{PrivateIpAddress: aws.String("10.0.1.9"), Primary: aws.Bool(true)}, {PrivateIpAddress: aws.String("10.0.1.65"), Primary: aws.Bool(false)}},
			TagSpecifications: []types.TagSpecification{tagged(types.ResourceTypeNetworkInterface, "first", "eni/cloud-1/provider-2")},
		})
		if err != nil {
			t.Fatal(err)
		}
		second.NetworkInterface.Attachment = &types.NetworkInterfaceAttachment{InstanceId: aws.String(n.InstanceID), DeviceIndex: aws.Int32(2)}
		if p := planOf(t, f, w); p != "" {
			t.Errorf("%s: up would change what the agent has done:\n%s", file, p)
		}
		want := []AddressPair{{"10.0.1.64", ""}, {"10.0.1.65", ""}, {"10.0.1.67", public}}
		if got := bringUp(t, f, w).Nodes[0].Addresses; !slices.Equal(got, want) {
			t.Errorf("%s: addresses %+v", file, got)
		}
		// What is no address of Neutron's is nobody's.
		if _, err := f.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: eni, PrivateIpAddresses: []string{"10.0.1.70"}}); err != nil {
			t.Fatal(err)
		}
		if p := planOf(t, f, w); p != "~ change network interface provider of cloud-1 gives up 10.0.1.70\n" {
			t.Errorf("%s: an address out of the range:\n%s", file, p)
		}
		if err := tryDown(ctx, f, "first"); err != nil {
			t.Fatal(err)
		}
		if left := f.left(); !slices.Equal(left, pool) {
			t.Errorf("%s: left: %v", file, left)
		}
	}
}

// A pool's Elastic IP outlives the cloud that used it.
func TestDownKeepsThePool(t *testing.T) {
	ctx, f, w := context.Background(), newFake(), wanted(t, poolPolicy)
	eni := bringUp(t, f, w).Nodes[0].ProviderENI.ID
	f.addresses["eipalloc-pool"] = &types.Address{AllocationId: aws.String("eipalloc-pool")}
	if _, err := f.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: aws.String("eipalloc-pool"), NetworkInterfaceId: &eni, PrivateIpAddress: aws.String("10.0.1.64")}); err != nil {
		t.Fatal(err)
	}
	if err := tryDown(ctx, f, "first"); err != nil {
		t.Fatal(err)
	}
	if left := f.left(); !slices.Equal(left, []string{"eipalloc-pool"}) {
		t.Errorf("left: %v", left)
	}
}

// Between all and on-demand Elastic IPs stay as they are: who is responsible
// changes. The other policies let go of them.
func TestPolicyChanged(t *testing.T) {
	const file = "provider: {addresses: 2, elasticIPs: %s}\n"
	f := newFake()
	before := bringUp(t, f, wanted(t, fmt.Sprintf(file, model.ElasticIPsAll))).Nodes[0]
	for _, tt := range []struct {
		policy     model.ElasticIPs
		elasticIPs int
	}{{model.ElasticIPsOnDemand, 3}, {model.ElasticIPsAll, 3}, {model.ElasticIPsNone, 1}} {
		w := wanted(t, fmt.Sprintf(file, tt.policy))
		now := bringUp(t, f, w).Nodes[0]
		if len(f.addresses) != tt.elasticIPs {
			t.Errorf("%s: %d Elastic IPs", tt.policy, len(f.addresses))
		}
		if tt.elasticIPs == 3 && !slices.Equal(before.Addresses, now.Addresses) {
			t.Errorf("%s: addresses %v, before %v", tt.policy, now.Addresses, before.Addresses)
		}
		if got := f.iam.rights[testRole][rightsName]; got != gatewayRights(w.Cloud, "lab-1").text() {
			t.Errorf("%s: the rights are %s", tt.policy, got)
		}
	}
}

// An agent must not allocate anew what is being released: with another policy it
// loses the right first, and with the cloud its instance.
func TestAgentsLeaveFirst(t *testing.T) {
	f := newFake()
	bringUp(t, f, wanted(t, "provider: {addresses: 2}\n"))
	s, err := See(context.Background(), f.clients(), "first")
	if err != nil {
		t.Fatal(err)
	}
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
