// SPDX-License-Identifier: Apache-2.0

package labtest

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"golang.org/x/crypto/ssh"
)

// debian is the public parameter with the newest image of Debian 13.
const debian = "/aws/service/debian/release/13/latest/amd64"

// network is the VPC of a Lab's machines.
type network struct {
	vpc, subnet, group, key, image string
	signer                         ssh.Signer
}

// net makes the network when the first machine needs it.
func (l *Lab) net(t testing.TB) *network {
	t.Helper()
	l.once.Do(func() { l.network = l.makeNetwork() })
	if l.network == nil {
		t.Fatal("the lab has no network: an earlier attempt failed")
	}
	return l.network
}

func (l *Lab) makeNetwork() *network {
	t := l.t
	t.Helper()
	api := ec2.NewFromConfig(l.Config())
	ctx := t.Context()
	n := &network{signer: newKey(t)}
	// Resources are removed in reverse order, with a context that outlives the test.
	later := func(what string, remove func(context.Context) error) {
		t.Cleanup(func() {
			if err := remove(context.Background()); err != nil {
				t.Errorf("removing %s: %v", what, err)
			}
		})
	}
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("making %s: %v", what, err)
		}
	}
	parameter, err := ssm.NewFromConfig(l.Config()).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(debian)})
	check("the image's name", err)
	n.image = *parameter.Parameter.Value

	vpc, err := api.CreateVpc(ctx,
		&ec2.CreateVpcInput{CidrBlock: aws.String("10.99.0.0/16"), AmazonProvidedIpv6CidrBlock: aws.Bool(true)})
	check("a VPC", err)
	n.vpc = *vpc.Vpc.VpcId
	later(n.vpc, func(ctx context.Context) error {
		_, err := api.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &n.vpc})
		return err
	})
	gateway, err := api.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})
	check("an Internet gateway", err)
	igw := gateway.InternetGateway.InternetGatewayId
	later(*igw, func(ctx context.Context) error {
		_, err := api.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: igw})
		return err
	})
	_, err = api.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: igw, VpcId: &n.vpc})
	check("an Internet gateway's attachment", err)
	later("the attachment of "+*igw, func(ctx context.Context) error {
		_, err := api.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: igw, VpcId: &n.vpc})
		return err
	})
	subnet, err := api.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: &n.vpc, CidrBlock: aws.String("10.99.0.0/24"), Ipv6CidrBlock: aws.String(n.ipv6Block(t, api)),
	})
	check("a subnet", err)
	n.subnet = *subnet.Subnet.SubnetId
	later(n.subnet, func(ctx context.Context) error {
		_, err := api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &n.subnet})
		return err
	})
	tables, err := api.DescribeRouteTables(ctx,
		&ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{n.vpc}}}})
	check("a route", err)
	for _, to := range []ec2.CreateRouteInput{{DestinationCidrBlock: aws.String("0.0.0.0/0")},
		{DestinationIpv6CidrBlock: aws.String("::/0")}} {
		to.RouteTableId, to.GatewayId = tables.RouteTables[0].RouteTableId, igw
		_, err = api.CreateRoute(ctx, &to)
		check("a route", err)
	}
	group, err := api.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("labtest"), Description: aws.String("lets everything pass"), VpcId: &n.vpc,
	})
	check("a security group", err)
	n.group = *group.GroupId
	later(n.group, func(ctx context.Context) error {
		_, err := api.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &n.group})
		return err
	})
	_, err = api.AuthorizeSecurityGroupIngress(ctx,
		&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &n.group, IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
			Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}},
		}}})
	check("a rule", err)
	n.key = "labtest-" + n.vpc
	_, err = api.ImportKeyPair(ctx,
		&ec2.ImportKeyPairInput{KeyName: &n.key, PublicKeyMaterial: ssh.MarshalAuthorizedKey(n.signer.PublicKey())})
	check("a key pair", err)
	later(n.key, func(ctx context.Context) error {
		_, err := api.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyName: &n.key})
		return err
	})
	return n
}

// ipv6Block returns a /64 of the VPC's IPv6 block, which AWS associates shortly after it
// creates the VPC.
func (n *network) ipv6Block(t testing.TB, api *ec2.Client) string {
	t.Helper()
	for range 50 {
		seen, err := api.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{n.vpc}})
		if err != nil {
			t.Fatalf("finding the IPv6 block of %s: %v", n.vpc, err)
		}
		for _, b := range seen.Vpcs[0].Ipv6CidrBlockAssociationSet {
			if b.Ipv6CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
				return netip.PrefixFrom(netip.MustParsePrefix(*b.Ipv6CidrBlock).Addr(), 64).String()
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("VPC %s did not get an IPv6 block", n.vpc)
	return ""
}

// elasticIP gives a network interface an Elastic IP until the test ends.
func (n *network) elasticIP(t testing.TB, api *ec2.Client, eni string) netip.Addr {
	t.Helper()
	a, err := api.AllocateAddress(t.Context(), &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
	if err != nil {
		t.Fatalf("allocating an Elastic IP: %v", err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		// The machine may still exist: an Elastic IP must be disassociated before its
		// release.
		if now, err := api.DescribeAddresses(ctx,
			&ec2.DescribeAddressesInput{AllocationIds: []string{*a.AllocationId}}); err == nil {
			for _, address := range now.Addresses {
				if address.AssociationId != nil {
					api.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: address.AssociationId})
				}
			}
		}
		if _, err := api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: a.AllocationId}); err != nil {
			t.Errorf("releasing %s: %v", *a.PublicIp, err)
		}
	})
	if _, err := api.AssociateAddress(t.Context(), &ec2.AssociateAddressInput{
		AllocationId: a.AllocationId, NetworkInterfaceId: &eni, AllowReassociation: aws.Bool(false),
	}); err != nil {
		t.Fatalf("associating %s: %v", *a.PublicIp, err)
	}
	return netip.MustParseAddr(*a.PublicIp)
}
