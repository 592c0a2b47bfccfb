// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var dependencyChecks = []Check{
	{
		ID: "dependency-subnet", Title: "A subnet with interfaces is not deleted", Confidence: Documented,
		Source: "EC2 API Reference, DeleteSubnet",
		Rule:   "Deleting a subnet with an interface in it is DependencyViolation",
		run: func(b *bench) {
			p := b.place(28)
			e := b.eni(p).NetworkInterfaceId
			_, err := b.DeleteSubnet(b.ctx, &ec2.DeleteSubnetInput{SubnetId: &p.subnet})
			b.wantCode(err, "a subnet with an interface", "DependencyViolation")
			must(b.DeleteNetworkInterface(b.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: e}))(b)
			b.eventually("the empty subnet is deleted", func() (string, bool) {
				_, err := b.DeleteSubnet(b.ctx, &ec2.DeleteSubnetInput{SubnetId: &p.subnet})
				return answer(err), err == nil
			})
		},
	},
	{
		ID: "dependency-vpc", Title: "A VPC with something in it is not deleted", Confidence: Documented,
		Source: "EC2 API Reference, DeleteVpc",
		Rule:   "Deleting a VPC with subnets or a gateway is DependencyViolation",
		run: func(b *bench) {
			b.place(28)
			_, err := b.DeleteVpc(b.ctx, &ec2.DeleteVpcInput{VpcId: &b.sites.main.vpc})
			b.wantCode(err, "a VPC with subnets and a gateway", "DependencyViolation")
		},
	},
	{
		ID: "dependency-gateway", Title: "Internet gateways and VPCs", Confidence: Documented,
		Source: "EC2 API Reference, AttachInternetGateway and DeleteInternetGateway",
		Rule: "An attached gateway is neither deleted (DependencyViolation) nor attached again " +
			"(Resource.AlreadyAssociated); a VPC has one; detaching what is not attached is Gateway.NotAttached",
		run: func(b *bench) {
			attached, v, far := b.sites.main.gateway, b.sites.main.vpc, b.bare().vpc
			_, err := b.DeleteInternetGateway(b.ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &attached})
			b.wantCode(err, "deleting an attached gateway", "DependencyViolation")
			_, err = b.AttachInternetGateway(b.ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &attached, VpcId: &far})
			b.wantCode(err, "attaching it to another VPC", "Resource.AlreadyAssociated")
			made := must(b.CreateInternetGateway(b.ctx,
				&ec2.CreateInternetGatewayInput{TagSpecifications: b.tags(types.ResourceTypeInternetGateway)}))(b)
			other := made.InternetGateway.InternetGatewayId
			b.settled(func() error {
				_, err := b.DescribeInternetGateways(b.ctx,
					&ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{*other}})
				return err
			})
			_, err = b.AttachInternetGateway(b.ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: other, VpcId: &v})
			b.wantCode(err, "a second gateway for a VPC", "InvalidParameterValue")
			_, err = b.DetachInternetGateway(b.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: other, VpcId: &v})
			b.wantCode(err, "detaching what is not attached", "Gateway.NotAttached")
			must(b.DeleteInternetGateway(b.ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: other}))(b)
		},
	},
	{
		ID: "dependency-addresses", Title: "Elastic IPs hold the gateway", Confidence: Documented,
		Source: "EC2 API Reference, DetachInternetGateway",
		Rule:   "A gateway is not detached from a VPC that has Elastic IPs in use: DependencyViolation",
		Needs:  []string{"elastic-primary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			on := b.associated()
			_, err := b.DetachInternetGateway(b.ctx,
				&ec2.DetachInternetGatewayInput{InternetGatewayId: &b.sites.main.gateway, VpcId: &on.vpc})
			b.wantCode(err, "detaching", "DependencyViolation")
		},
	},
}

// lookUps are the calls that look up an unknown ID, for each kind of resource.
var lookUps = []struct {
	kind, action, parameter, prefix, code string
}{
	{"VPC", "DescribeVpcs", "VpcId.1", "vpc", "InvalidVpcID.NotFound"},
	{"subnet", "DescribeSubnets", "SubnetId.1", "subnet", "InvalidSubnetID.NotFound"},
	{"network interface", "DescribeNetworkInterfaces", "NetworkInterfaceId.1", "eni",
		"InvalidNetworkInterfaceID.NotFound"},
	{"Elastic IP", "DescribeAddresses", "AllocationId.1", "eipalloc", "InvalidAllocationID.NotFound"},
	{"association", "DisassociateAddress", "AssociationId", "eipassoc", "InvalidAssociationID.NotFound"},
	{"route table", "DescribeRouteTables", "RouteTableId.1", "rtb", "InvalidRouteTableID.NotFound"},
	{"Internet gateway", "DescribeInternetGateways", "InternetGatewayId.1", "igw", "InvalidInternetGatewayID.NotFound"},
	{"security group", "DescribeSecurityGroups", "GroupId.1", "sg", "InvalidGroup.NotFound"},
	{"instance", "DescribeInstances", "InstanceId.1", "i", "InvalidInstanceID.NotFound"},
	{"image", "DescribeImages", "ImageId.1", "ami", "InvalidAMIID.NotFound"},
	{"attachment", "DetachNetworkInterface", "AttachmentId", "eni-attach", "InvalidAttachmentID.NotFound"},
}

var notFoundChecks = []Check{
	{
		ID: "not-found", Title: "IDs that nothing has", Confidence: Documented, Source: "EC2 API Reference, errors-overview",
		Rule: "An ID of the right form that nothing has is the NotFound of its kind", Needs: []string{"wire-error"},
		run: func(b *bench) {
			for _, l := range lookUps {
				b.wantRefusal(b.call(l.action, l.parameter, b.unknownID(l.prefix)), 400, l.kind, l.code)
			}
			_, err := b.DescribeAddresses(b.ctx, &ec2.DescribeAddressesInput{PublicIps: []string{"192.0.2.1"}})
			b.wantCode(err, "a public address", "InvalidAddress.NotFound")
			_, err = b.DescribeKeyPairs(b.ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{"macaw-conform-none"}})
			b.wantCode(err, "a key pair", "InvalidKeyPair.NotFound")
		},
	},
	{
		ID: "malformed", Title: "IDs that cannot be", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview: the codes that end in Malformed",
		Rule:   "An ID that is not of the kind's form is refused, mostly by a code that ends in Malformed",
		Needs:  []string{"wire-error"},
		run: func(b *bench) {
			for _, l := range lookUps {
				a := b.call(l.action, l.parameter, "moon")
				e := a.refusal()
				b.holds(e != nil && a.Status == 400, l.kind+" moon: refused with 400", "%d %.200s", a.Status, a.Body)
				b.observe("%s: %s", l.kind, e.Errors[0].Code)
			}
		},
	},
	{
		ID: "key-pair", Title: "Key pairs", Confidence: Documented, Source: "EC2 User Guide, ec2-key-pairs",
		Rule: "A name is used once (InvalidKeyPair.Duplicate); deleting a name that nothing has succeeds",
		run: func(b *bench) {
			name := "macaw-conform-" + b.cfg.Run + "-check"
			in := &ec2.ImportKeyPairInput{KeyName: &name, PublicKeyMaterial: []byte(newKey(b).authorized),
				TagSpecifications: b.tags(types.ResourceTypeKeyPair)}
			must(b.ImportKeyPair(b.ctx, in))(b)
			_, err := b.ImportKeyPair(b.ctx, in)
			b.wantCode(err, "the same name again", "InvalidKeyPair.Duplicate")
			out := must(b.DescribeKeyPairs(b.ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{name}}))(b)
			b.want("the type", out.KeyPairs[0].KeyType, types.KeyTypeEd25519)
			for range 2 {
				_, err = b.DeleteKeyPair(b.ctx, &ec2.DeleteKeyPairInput{KeyName: &name})
				grants(0, err)(b, "deleting")
			}
			_, err = b.ImportKeyPair(b.ctx,
				&ec2.ImportKeyPairInput{KeyName: &name, PublicKeyMaterial: []byte("moon"),
					TagSpecifications: b.tags(types.ResourceTypeKeyPair)})
			b.wantCode(err, "no key", "InvalidKey.Format")
		},
	},
}
