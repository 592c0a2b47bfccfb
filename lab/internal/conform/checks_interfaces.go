// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"net"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const sourceInterfaces = "EC2 User Guide, using-eni"

func (b *bench) modify(in *ec2.ModifyNetworkInterfaceAttributeInput) error {
	_, err := b.ModifyNetworkInterfaceAttribute(b.ctx, in)
	return err
}

var interfaceChecks = []Check{
	{
		ID: "interface", Title: "A new interface", Confidence: Documented, Source: sourceInterfaces,
		Rule: "A new interface is available, has a MAC for life, a primary address, and the source/destination check on",
		run: func(b *bench) {
			p := b.place(28)
			e := b.see(*b.eni(p, p.at(7)).NetworkInterfaceId)
			b.want("the status", e.Status, types.NetworkInterfaceStatusAvailable)
			b.want("the source/destination check", aws.ToBool(e.SourceDestCheck), true)
			b.want("the address", aws.ToString(e.PrivateIpAddress), p.at(7))
			b.want("the subnet", aws.ToString(e.SubnetId), p.subnet)
			mac, err := net.ParseMAC(aws.ToString(e.MacAddress))
			b.need(err)
			b.holds(mac[0]&1 == 0, "a unicast MAC", "%s", mac)
			b.observe("its MAC begins with %02x:%02x", mac[0], mac[1])
		},
	},
	{
		ID: "interface-modify", Title: "Attributes change one at a time", Confidence: Documented,
		Source: "EC2 API Reference, ModifyNetworkInterfaceAttribute",
		Rule:   "One attribute is changed with each call; two are InvalidParameterCombination", Needs: []string{"interface"},
		run: func(b *bench) {
			p := b.place(28)
			id := *b.eni(p).NetworkInterfaceId
			off := &types.AttributeBooleanValue{Value: aws.Bool(false)}
			b.need(b.modify(&ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &id, SourceDestCheck: off}))
			b.need(b.modify(&ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &id,
				Description: &types.AttributeValue{Value: aws.String("it's \"new\" <&>")}}))
			b.eventually("both are changed", func() (string, bool) {
				e := b.see(id)
				return aws.ToString(e.Description), !aws.ToBool(e.SourceDestCheck) &&
					aws.ToString(e.Description) == "it's \"new\" <&>"
			})
			b.wantCode(b.modify(&ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &id, SourceDestCheck: off,
				Description: &types.AttributeValue{Value: aws.String("x")}}),
				"two at once", "InvalidParameterCombination")
		},
	},
	{
		ID: "client-token", Title: "Client tokens", Confidence: Documented,
		Source: "EC2 Developer Guide, ec2-api-idempotency",
		Rule: "The same token and parameters give the same interface; the same token with others is " +
			"IdempotentParameterMismatch", Needs: []string{"interface"},
		run: func(b *bench) {
			p := b.place(28)
			token := "macaw-" + NewRun()
			create := func(description string) (*ec2.CreateNetworkInterfaceOutput, error) {
				return b.CreateNetworkInterface(b.ctx,
					&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, Description: &description, ClientToken: &token,
						TagSpecifications: b.tags(types.ResourceTypeNetworkInterface)})
			}
			first, second := must(create("a"))(b), must(create("a"))(b)
			b.want("the interface of the second call", aws.ToString(second.NetworkInterface.NetworkInterfaceId),
				aws.ToString(first.NetworkInterface.NetworkInterfaceId))
			_, err := create("b")
			b.wantCode(err, "the same token with another description", "IdempotentParameterMismatch")
			b.available(p, 10)
		},
	},
	{
		ID: "interface-attach", Title: "Interfaces on an instance", Confidence: Documented,
		Source: sourceInterfaces + "; EC2 API Reference, errors-overview",
		Rule: "An attached interface is not deleted; device index 0 is not detached; an index is used once; the " +
			"instance type limits their number",
		Needs: []string{"interface", "instance-types"}, Costs: []Cost{Instances},
		run: func(b *bench) {
			p := b.place(28)
			first, second := *b.eni(p).NetworkInterfaceId, *b.eni(p).NetworkInterfaceId
			i := b.quietMachine(p, first)
			attach := func(eni string, index int32) (*ec2.AttachNetworkInterfaceOutput, error) {
				return b.AttachNetworkInterface(b.ctx,
					&ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: &eni, InstanceId: &i, DeviceIndex: &index})
			}
			_, err := attach(second, 0)
			b.wantCode(err, "device index 0 again", "InvalidParameterValue")
			at := b.see(first).Attachment
			_, err = b.DetachNetworkInterface(b.ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: at.AttachmentId})
			b.wantCode(err, "detaching device index 0", "OperationNotPermitted")
			_, err = b.DeleteNetworkInterface(b.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &first})
			b.wantCode(err, "deleting an attached interface", "InvalidParameterValue", "InvalidNetworkInterface.InUse")
			_, err = attach(first, 1)
			b.wantCode(err, "attaching what is attached", "InvalidNetworkInterface.InUse", "InvalidParameterValue")
			for index := int32(1); index < machineENIs; index++ {
				e := second
				if index > 1 {
					e = *b.eni(p).NetworkInterfaceId
				}
				grants(attach(e, index))(b, "an interface at an index that is free")
			}
			_, err = attach(*b.eni(p).NetworkInterfaceId, machineENIs)
			b.wantCode(err, "more interfaces than the type has", "AttachmentLimitExceeded")
			b.eventually("the second interface is attached", func() (string, bool) {
				a := b.see(second).Attachment
				if a == nil {
					return "it is not", false
				}
				return string(a.Status), a.Status == types.AttachmentStatusAttached
			})
			must(b.DetachNetworkInterface(b.ctx,
				&ec2.DetachNetworkInterfaceInput{AttachmentId: b.see(second).Attachment.AttachmentId}))(b)
			b.eventually("the second interface is available", func() (string, bool) {
				s := b.see(second).Status
				return string(s), s == types.NetworkInterfaceStatusAvailable
			})
			b.terminate(i)
		},
	},
}
