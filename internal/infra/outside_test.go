// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/iampolicy"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

type outsideCall struct {
	name string
	call func() error
}

// outside are calls that no agent has a right to.
func (l *gatewayLab) outside() []outsideCall {
	var all []outsideCall
	add := func(name string, call func() error) { all = append(all, outsideCall{name, call}) }
	api, ctx := l.agent, l.ctx

	bare, err := l.root.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
		SubnetId: aws.String(l.find(l.first, "subnet/provider")),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	own, management := l.find(l.first, "eni/cloud-1/provider"), l.find(l.first, "eni/cloud-1/management")
	foreign := map[string]string{
		"another cloud's interface":      l.find(l.second, "eni/cloud-1/provider"),
		"the node's management":          management,
		"an interface without tags":      *bare.NetworkInterface.NetworkInterfaceId,
		"an interface that is not there": "eni-0123456789abcdef0",
	}
	instance, second := l.first.Instances[0].ID, l.second.Instances[0].ID

	for what, eni := range foreign {
		add("assign to "+what, func() error {
			_, err := api.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
				NetworkInterfaceId: &eni, PrivateIpAddresses: []string{private}, AllowReassignment: aws.Bool(true),
			})
			return err
		})
		add("unassign from "+what, func() error {
			_, err := api.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{
				NetworkInterfaceId: &eni, PrivateIpAddresses: []string{private},
			})
			return err
		})
		add("assign IPv6 to "+what, func() error {
			_, err := api.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{
				NetworkInterfaceId: &eni, Ipv6AddressCount: aws.Int32(1),
			})
			return err
		})
		add("unassign IPv6 from "+what, func() error {
			_, err := api.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{
				NetworkInterfaceId: &eni, Ipv6Addresses: []string{"2001:db8::1"},
			})
			return err
		})
		add("lead the pool's Elastic IP to "+what, func() error {
			_, err := api.AssociateAddress(ctx, &ec2.AssociateAddressInput{
				AllocationId: &l.pool, NetworkInterfaceId: &eni,
			})
			return err
		})
		add("attach "+what, func() error {
			_, err := api.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{
				NetworkInterfaceId: &eni, InstanceId: &instance, DeviceIndex: aws.Int32(3),
			})
			return err
		})
	}
	l.outsideAddresses(add, own)
	l.outsideMaking(add)
	add("attach to another cloud's instance", func() error {
		_, err := api.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{
			NetworkInterfaceId: &own, InstanceId: &second, DeviceIndex: aws.Int32(3),
		})
		return err
	})
	for _, id := range []string{own, l.other, second, l.find(l.second, "eni/cloud-1/provider")} {
		add("take "+id+" over by a tag", func() error {
			_, err := api.CreateTags(ctx, &ec2.CreateTagsInput{
				Resources: []string{id}, Tags: awsapi.Tags("first", floatingPart),
			})
			return err
		})
		add("take the tags of "+id, func() error {
			_, err := api.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{id}})
			return err
		})
	}
	add("delete its own interface", func() error {
		_, err := api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &own})
		return err
	})
	add("open its own interface", func() error {
		_, err := api.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
			NetworkInterfaceId: &own, SourceDestCheck: &types.AttributeBooleanValue{Value: aws.Bool(false)},
		})
		return err
	})
	add("launch", func() error {
		_, err := api.RunInstances(ctx, &ec2.RunInstancesInput{
			ImageId: aws.String("ami-0123456789abcdef0"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		})
		return err
	})
	add("terminate its own instance", func() error {
		_, err := api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{instance}})
		return err
	})
	add("make a route", func() error {
		_, err := api.CreateRoute(ctx,
			&ec2.CreateRouteInput{RouteTableId: &l.first.RouteTables[0].ID, DestinationCidrBlock: aws.String("192.0.2.0/24"),
				NetworkInterfaceId: &own})
		return err
	})
	add("change the route", func() error {
		_, err := api.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: &l.first.RouteTables[0].ID,
			DestinationCidrBlock: aws.String(inventory.Everywhere), NetworkInterfaceId: &own})
		return err
	})
	add("open a security group", func() error {
		_, err := api.AuthorizeSecurityGroupIngress(ctx,
			&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &l.first.SecurityGroups[0].ID,
				IpPermissions: anyTraffic(inventory.Everywhere)})
		return err
	})
	add("remove the reservation", func() error {
		_, err := api.DeleteSubnetCidrReservation(ctx, &ec2.DeleteSubnetCidrReservationInput{
			SubnetCidrReservationId: &l.first.Reservations[0].ID,
		})
		return err
	})
	add("look at instances", func() error {
		_, err := api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
		return err
	})
	add("look at VPCs", func() error { _, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); return err })
	key, err := api.Options().Credentials.Retrieve(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	identities := awsiam.NewFromConfig(l.as(key.AccessKeyID, key.SecretAccessKey, key.SessionToken))
	add("take more rights", func() error {
		_, err := identities.PutRolePolicy(ctx,
			&awsiam.PutRolePolicyInput{RoleName: &l.first.Role.Name, PolicyName: aws.String("more"),
				PolicyDocument: aws.String(iampolicy.OfGateways(l.cloud, labRegion).Text())})
		return err
	})
	return all
}

// outsideAddresses are calls for Elastic IPs that the agent must not move.
func (l *gatewayLab) outsideAddresses(add func(string, func() error), own string) {
	api, ctx := l.agent, l.ctx
	allocations := map[string]string{
		"another cloud's Elastic IP":      l.find(l.second, floatingPart),
		"an Elastic IP without tags":      l.other,
		"the node's public address":       l.find(l.first, "address/cloud-1/management"),
		"an Elastic IP that is not there": "eipalloc-0123456789abcdef0",
	}
	if l.cloud.Provider.ElasticIPs != model.ElasticIPsPool {
		allocations["an Elastic IP without tags that others have in a pool"] = l.pool
	}
	for what, id := range allocations {
		add("lead "+what, func() error {
			_, err := api.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: &id, NetworkInterfaceId: &own})
			return err
		})
		add("release "+what, func() error {
			_, err := api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &id})
			return err
		})
	}
	for what, association := range map[string]*string{
		"another cloud's Elastic IP": l.association(l.second, floatingPart),
		"the node's public address":  l.association(l.first, "address/cloud-1/management"),
	} {
		add("lead "+what+" nowhere", func() error {
			_, err := api.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: association})
			return err
		})
	}
	switch l.cloud.Provider.ElasticIPs {
	case model.ElasticIPsAll:
		add("release what up made", func() error {
			_, err := api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{
				AllocationId: aws.String(l.find(l.first, floatingPart)),
			})
			return err
		})
	case model.ElasticIPsPool:
		add("release the pool's", func() error {
			_, err := api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &l.pool})
			return err
		})
	}
}

// outsideMaking are calls that make resources which the agent must not make.
func (l *gatewayLab) outsideMaking(add func(string, func() error)) {
	api, ctx := l.agent, l.ctx
	retagged := func(specs []types.TagSpecification, key, value string) []types.TagSpecification {
		for i, t := range specs[0].Tags {
			if *t.Key == key {
				specs[0].Tags[i].Value = &value
				return specs
			}
		}
		specs[0].Tags = append(specs[0].Tags, types.Tag{Key: &key, Value: &value})
		return specs
	}
	elastic := map[string][]types.TagSpecification{
		"without tags":          nil,
		"for another cloud":     floating("second"),
		"as a node's":           retagged(floating("first"), awsapi.TagPart, "address/cloud-1/management"),
		"with a tag of others'": retagged(floating("first"), "owner", "somebody"),
	}
	if l.cloud.Provider.ElasticIPs != model.ElasticIPsOnDemand {
		elastic["at all"] = floating("first")
	}
	for how, tags := range elastic {
		add("allocate an Elastic IP "+how, func() error {
			_, err := api.AllocateAddress(ctx, &ec2.AllocateAddressInput{
				Domain: types.DomainTypeVpc, TagSpecifications: tags,
			})
			return err
		})
	}
	subnet, group := l.find(l.first, "subnet/provider"), []string{l.find(l.first, "security-group/provider")}
	for i, in := range []ec2.CreateNetworkInterfaceInput{
		{SubnetId: &subnet, Groups: group},
		{SubnetId: &subnet, Groups: group, TagSpecifications: further("second")},
		{SubnetId: &subnet, Groups: group,
			TagSpecifications: retagged(further("first"), awsapi.TagPart, "eni/cloud-1/management")},
		{SubnetId: &subnet, Groups: group, TagSpecifications: retagged(further("first"), "owner", "somebody")},
		{SubnetId: &subnet, TagSpecifications: further("first")}, // in the VPC's default group
		{SubnetId: &subnet, Groups: []string{l.find(l.first, "security-group/management")},
			TagSpecifications: further("first")},
		{SubnetId: aws.String(l.find(l.first, "subnet/management")), Groups: group, TagSpecifications: further("first")},
		{SubnetId: aws.String(l.find(l.second, "subnet/provider")),
			Groups: []string{l.find(l.second, "security-group/provider")}, TagSpecifications: further("first")},
	} {
		add(fmt.Sprintf("make interface %d", i), func() error { _, err := api.CreateNetworkInterface(ctx, &in); return err })
	}
}
