// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"net/netip"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/agent"
	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/lab/labtest"
)

const (
	agentType   = types.InstanceTypeM8i48xlarge
	agentPerENI = 63 // secondary addresses
)

var agentSubnet = netip.MustParsePrefix("10.20.64.0/18")

// agentRegion is the lab's AWS with a cloud's provider subnet.
type agentRegion struct {
	api    *labtest.API
	client *ec2.Client // without a network
	subnet string
	nodes  []agentNode
	policy model.ElasticIPPolicy
}

// agentNode is a node with its provider ENIs.
type agentNode struct {
	name, instance string
	enis, macs     []string
	primary        netip.Addr // of the first ENI
	addresses      int        // that Neutron has on the node
	floating       int        // of those that are floating IPs
}

// newAgentRegion makes the nodes and registers the addresses of all nodes but the first;
// with Elastic IPs those of the first too.
func newAgentRegion(b *testing.B, policy model.ElasticIPPolicy, cloud *agentCloud) *agentRegion {
	// The addresses are never used on a wire.
	api := labtest.NewAPI(b, labtest.APIOptions{ElasticIPQuota: 2 * len(cloud.hosts),
		ElasticIPs: netip.MustParsePrefix("198.18.0.0/18")})
	r := &agentRegion{api: api, policy: policy, client: ec2.NewFromConfig(api.Config())}
	ctx := b.Context()
	vpc := done(r.client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.20.0.0/16")})).Vpc.VpcId
	gateway := done(r.client.CreateInternetGateway(ctx,
		&ec2.CreateInternetGatewayInput{})).InternetGateway.InternetGatewayId
	done(r.client.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: gateway, VpcId: vpc}))
	r.subnet = *done(r.client.CreateSubnet(ctx,
		&ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: aws.String(agentSubnet.String())})).Subnet.SubnetId
	done(r.client.CreateSubnetCidrReservation(ctx,
		&ec2.CreateSubnetCidrReservationInput{SubnetId: &r.subnet, Cidr: aws.String(agentRange.String()),
			ReservationType: types.SubnetCidrReservationTypeExplicit}))
	group := *done(r.client.CreateSecurityGroup(ctx,
		&ec2.CreateSecurityGroupInput{GroupName: aws.String("provider"), Description: aws.String("provider"),
			VpcId: vpc})).GroupId
	for first := 0; first < len(cloud.hosts); {
		name, last := cloud.host(first), first
		for last < len(cloud.hosts) && cloud.host(last) == name {
			last++
		}
		n := r.node(ctx, name, group, last-first)
		r.nodes = append(r.nodes, n)
		if len(r.nodes) > 1 || policy != model.ElasticIPsNone {
			r.register(ctx, n, first, last)
		}
		first = last
	}
	return r
}

func (r *agentRegion) node(ctx context.Context, name, group string, addresses int) agentNode {
	n := agentNode{name: name, addresses: addresses, floating: addresses * (10 - routersInTen) / 10}
	in := &ec2.RunInstancesInput{ImageId: &r.api.Image, InstanceType: agentType, MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1)}
	for i := range 1 + (addresses+agentPerENI-1)/agentPerENI {
		part := "eni/" + name + "/management"
		switch {
		case i == 1:
			part = "eni/" + name + "/provider"
		case i > 1:
			part = "eni/" + name + "/provider-" + strconv.Itoa(i)
		}
		e := done(r.client.CreateNetworkInterface(ctx,
			&ec2.CreateNetworkInterfaceInput{SubnetId: &r.subnet, Groups: []string{group},
				Description: aws.String("agentbench " + part), TagSpecifications: agentTags(types.ResourceTypeNetworkInterface,
					part)})).NetworkInterface
		in.NetworkInterfaces = append(in.NetworkInterfaces,
			types.InstanceNetworkInterfaceSpecification{DeviceIndex: aws.Int32(int32(i)),
				NetworkInterfaceId: e.NetworkInterfaceId})
		if i == 0 {
			continue
		}
		if i == 1 {
			n.primary = netip.MustParseAddr(*e.PrivateIpAddress)
		}
		n.enis, n.macs = append(n.enis, *e.NetworkInterfaceId), append(n.macs, *e.MacAddress)
	}
	n.instance = *done(r.client.RunInstances(ctx, in)).Instances[0].InstanceId
	return n
}

func agentTags(t types.ResourceType, part string) []types.TagSpecification {
	return awsapi.Tagged(t, "agentbench", part)
}

// register does the work of a node's earlier agent.
func (r *agentRegion) register(ctx context.Context, n agentNode, first, last int) {
	for i := first; i < last; i += agentPerENI {
		eni := n.enis[(i-first)/agentPerENI]
		var addrs []string
		for k := i; k < min(i+agentPerENI, last); k++ {
			addrs = append(addrs, nthOf(agentRange, k+1).String())
		}
		done(r.client.AssignPrivateIpAddresses(ctx,
			&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &eni, PrivateIpAddresses: addrs}))
		if r.policy == model.ElasticIPsNone {
			continue
		}
		for _, a := range addrs {
			e := done(r.client.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc,
				TagSpecifications: agentTags(types.ResourceTypeElasticIp, "address/provider/"+a)}))
			done(r.client.AssociateAddress(ctx,
				&ec2.AssociateAddressInput{AllocationId: e.AllocationId, NetworkInterfaceId: &eni,
					PrivateIpAddress: aws.String(a)}))
		}
	}
}

// public returns how many of a node's floating IPs are to be tagged with a public address.
func (r *agentRegion) public(n agentNode) int {
	if r.policy == model.ElasticIPsNone {
		return 0
	}
	return n.floating
}

// config returns the configuration of the first node's agent.
func (r *agentRegion) config(policy model.ElasticIPPolicy, keystone string) agent.Config {
	n := r.nodes[0]
	c := agent.Config{
		Cloud: "agentbench", Node: n.name, Region: "us-east-1", Instance: n.instance, InstanceType: string(agentType),
		SubnetID: r.subnet,
		Policy:   policy, Range: []netip.Prefix{agentRange}, NICMAC: model.MAC(vmac(n.macs[0])), Primary: n.primary,
		Subnet: agentSubnet, Network: "public",
		Metrics: netip.MustParseAddrPort("127.0.0.1:9109"),
		Auth:    &neutron.Auth{URL: keystone + "/v3", User: "macaw", Password: "secret", Project: "service"},
	}
	for _, node := range r.nodes {
		c.Gateways = append(c.Gateways, node.name)
	}
	return c
}

func done[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
