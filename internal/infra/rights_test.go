// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/iampolicy"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

var allPolicies = model.ElasticIPPolicies()

// gatewayLab is a local AWS with two clouds, first and second, and resources that belong to
// neither. Its agent is a client with the rights of the first cloud's instance.
type gatewayLab struct {
	*labAccount
	t             *testing.T
	ctx           context.Context
	agent         *ec2.Client
	cloud         *cloud.Cloud
	first, second inventory.Seen
	pool          string // an allocation without tags
	other         string // another
}

// private is the address of Neutron's that the tests move.
const private = "10.0.1.64"

const floatingPart = awsapi.AddressParts + private

func newGatewayLab(t *testing.T, policy model.ElasticIPPolicy) *gatewayLab {
	t.Helper()
	l := &gatewayLab{labAccount: newLab(t, 12), t: t, ctx: context.Background()}
	l.pool, l.other = l.allocate(), l.allocate()
	file := fmt.Sprintf("provider:\n  addresses: 2\n  ipv6: true\n  elasticIPs: %s\n", policy)
	if policy == model.ElasticIPsPool {
		file += "  pool: [" + l.pool + "]\n"
	}
	l.cloud = l.bringUp("first", file)
	l.bringUp("second", "provider: {addresses: 2}\n")
	l.first, l.second = l.see("first"), l.see("second")
	key, ok := l.api.RoleCredentials(l.first.Instances[0].ID, l.first.Instances[0].Profile.Name)
	if !ok {
		t.Fatal("the instance has no role")
	}
	l.agent = ec2.NewFromConfig(l.as(key.AccessKeyID, key.SecretAccessKey, key.SessionToken))
	return l
}

func (l *gatewayLab) allocate() string {
	out, err := l.root.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
	if err != nil {
		l.t.Fatal(err)
	}
	return *out.AllocationId
}

func (l *gatewayLab) bringUp(name, file string) *cloud.Cloud {
	l.t.Helper()
	w := labWanted(l.t, l.labAccount)
	c, err := cloud.Parse("x.yaml", []byte("name: "+name+"\ntarget: lab\n"+file))
	if err != nil {
		l.t.Fatal(err)
	}
	w.Cloud = c
	if _, _, err := labUp(l.ctx, l.Clients, w); err != nil {
		l.t.Fatal(err)
	}
	return c
}

func (l *gatewayLab) see(name string) inventory.Seen {
	l.t.Helper()
	s, err := inventory.See(l.ctx, l.EC2, l.IAM, name)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// find returns the ID of the one resource of a part.
func (l *gatewayLab) find(s inventory.Seen, part string) string {
	l.t.Helper()
	var ids []string
	add := func(id, p string) {
		if p == part {
			ids = append(ids, id)
		}
	}
	for _, n := range s.Interfaces {
		add(n.ID, n.Part)
	}
	for _, n := range s.Subnets {
		add(n.ID, n.Part)
	}
	for _, g := range s.SecurityGroups {
		add(g.ID, g.Part)
	}
	for _, a := range s.Addresses {
		add(a.ID, a.Part)
	}
	if len(ids) != 1 {
		l.t.Fatalf("%d things are %s of cloud %s", len(ids), part, s.Cloud)
	}
	return ids[0]
}

// association returns an Elastic IP's association.
func (l *gatewayLab) association(s inventory.Seen, part string) *string {
	id := l.find(s, part)
	i := slices.IndexFunc(s.Addresses, func(a inventory.Address) bool { return a.ID == id })
	return aws.String(s.Addresses[i].Association)
}

func floating(cloud string) []types.TagSpecification {
	return awsapi.Tagged(types.ResourceTypeElasticIp, cloud, floatingPart)
}

func further(cloud string) []types.TagSpecification {
	return awsapi.Tagged(types.ResourceTypeNetworkInterface, cloud, "eni/cloud-1/provider-2")
}

// work does everything that an agent does, up to the first call that is refused.
func (l *gatewayLab) work() error {
	api, ctx := l.agent, l.ctx
	eni := aws.String(l.find(l.first, "eni/cloud-1/provider"))
	if _, err := api.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: []string{*eni},
	}); err != nil {
		return err
	}
	if _, err := api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{}); err != nil {
		return err
	}
	if _, err := api.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{
		InstanceTypes: []types.InstanceType{"t3.xlarge"},
	}); err != nil {
		return err
	}
	if _, err := api.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
		NetworkInterfaceId: eni, PrivateIpAddresses: []string{private}, AllowReassignment: aws.Bool(true)}); err != nil {
		return err
	}
	subnet, _ := inventory.IPv6Of(l.first.Subnets, l.find(l.first, "subnet/provider"))
	ipv6 := []string{cloud.IPv6Block(subnet).Addr().String()}
	if _, err := api.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{
		NetworkInterfaceId: eni, Ipv6Addresses: ipv6,
	}); err != nil {
		return err
	}
	if _, err := api.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{
		NetworkInterfaceId: eni, Ipv6Addresses: ipv6,
	}); err != nil {
		return err
	}
	if err := l.lead(eni); err != nil {
		return err
	}
	if _, err := api.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{
		NetworkInterfaceId: eni, PrivateIpAddresses: []string{private},
	}); err != nil {
		return err
	}
	made, err := api.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
		SubnetId: aws.String(l.find(l.first, "subnet/provider")), Groups: []string{l.find(l.first,
			"security-group/provider")}, TagSpecifications: further("first")})
	if err != nil {
		return err
	}
	_, err = api.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{
		NetworkInterfaceId: made.NetworkInterface.NetworkInterfaceId, InstanceId: aws.String(l.first.Instances[0].ID),
		DeviceIndex: aws.Int32(2)})
	return err
}

// lead associates an Elastic IP with the address and disassociates it, by the cloud's policy.
func (l *gatewayLab) lead(eni *string) error {
	var allocation *string
	switch l.cloud.Provider.ElasticIPs {
	case model.ElasticIPsNone:
		return nil
	case model.ElasticIPsAll:
		allocation = aws.String(l.find(l.first, floatingPart))
	case model.ElasticIPsPool:
		allocation = aws.String(l.pool)
	case model.ElasticIPsOnDemand:
		out, err := l.agent.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{
			Domain: types.DomainTypeVpc, TagSpecifications: floating("first"),
		})
		if err != nil {
			return err
		}
		allocation = out.AllocationId
	}
	as, err := l.agent.AssociateAddress(l.ctx, &ec2.AssociateAddressInput{
		AllocationId: allocation, NetworkInterfaceId: eni, PrivateIpAddress: aws.String(private),
		AllowReassociation: aws.Bool(true)})
	if err != nil {
		return err
	}
	if _, err := l.agent.DisassociateAddress(l.ctx, &ec2.DisassociateAddressInput{
		AssociationId: as.AssociationId,
	}); err != nil {
		return err
	}
	if l.cloud.Provider.ElasticIPs == model.ElasticIPsOnDemand {
		_, err = l.agent.ReleaseAddress(l.ctx, &ec2.ReleaseAddressInput{AllocationId: allocation})
	}
	return err
}

// tidy removes what work has left.
func (l *gatewayLab) tidy() {
	l.t.Helper()
	s := l.see("first")
	a := &applier{api: l.EC2, iam: l.IAM, clock: hurriedClock{}, cloud: "first"}
	for _, n := range s.Interfaces {
		if n.Part != "eni/cloud-1/provider-2" {
			continue
		}
		out, err := l.root.DescribeNetworkInterfaces(l.ctx, &ec2.DescribeNetworkInterfacesInput{
			NetworkInterfaceIds: []string{n.ID},
		})
		if err != nil {
			l.t.Fatal(err)
		}
		if at := out.NetworkInterfaces[0].Attachment; at != nil {
			if _, err := l.root.DetachNetworkInterface(l.ctx, &ec2.DetachNetworkInterfaceInput{
				AttachmentId: at.AttachmentId, Force: aws.Bool(true),
			}); err != nil {
				l.t.Fatal(err)
			}
		}
		if err := deleteInterface(n.ID)(l.ctx, a); err != nil {
			l.t.Fatal(err)
		}
	}
	for _, seen := range s.Addresses {
		if seen.Part == floatingPart && l.cloud.Provider.ElasticIPs == model.ElasticIPsOnDemand {
			if err := releaseAddress(seen)(l.ctx, a); err != nil {
				l.t.Fatal(err)
			}
		}
	}
}

// refused reports whether a right is missing.
func refused(err error) bool {
	return errorCode(err) == "UnauthorizedOperation" || errorCode(err) == "AccessDenied"
}

func (l *gatewayLab) put(d iampolicy.Document) {
	l.t.Helper()
	if _, err := l.IAM.PutRolePolicy(l.ctx, &awsiam.PutRolePolicyInput{
		RoleName: aws.String(l.first.Role.Name), PolicyName: aws.String(string(gatewayHolder)),
		PolicyDocument: aws.String(d.Text())}); err != nil {
		l.t.Fatal(err)
	}
}

func dropped[T any](all []T, i int) []T { return slices.Concat(all[:i], all[i+1:]) }

// With its rights an agent can do its work. Without any one of their statements, actions and
// resources, it cannot.
func TestLabRightsAreEnoughAndNeeded(t *testing.T) {
	for _, policy := range allPolicies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			l := newGatewayLab(t, policy)
			if err := l.work(); err != nil {
				t.Fatalf("with all its rights: %v", err)
			}
			l.tidy()
			whole := iampolicy.OfGateways(l.cloud, labRegion)
			without := func(what string, change func(*iampolicy.Document)) {
				d := iampolicy.OfGateways(l.cloud, labRegion)
				change(&d)
				l.put(d)
				if err := l.work(); !refused(err) {
					t.Errorf("without %s: %v", what, err)
				}
				l.tidy()
			}
			for i, s := range whole.Statement {
				without(s.Sid, func(d *iampolicy.Document) { d.Statement = dropped(d.Statement, i) })
				for j, action := range s.Action {
					if len(s.Action) > 1 {
						without(s.Sid+"'s "+action,
							func(d *iampolicy.Document) { d.Statement[i].Action = dropped(d.Statement[i].Action, j) })
					}
				}
				for j, resource := range s.Resource {
					if len(s.Resource) > 1 {
						without(s.Sid+" on "+resource,
							func(d *iampolicy.Document) { d.Statement[i].Resource = dropped(d.Statement[i].Resource, j) })
					}
				}
			}
		})
	}
}

// Everything else is refused.
func TestLabRightsEndThere(t *testing.T) {
	for _, policy := range allPolicies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			l := newGatewayLab(t, policy)
			for _, c := range l.outside() {
				if err := c.call(); !refused(err) {
					t.Errorf("%s: %v", c.name, err)
				}
			}
		})
	}
}
