// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// sourceAssign is the source of most rules of secondary addresses.
const sourceAssign = "EC2 API Reference, AssignPrivateIpAddresses"

var addressChecks = []Check{
	{
		ID: "assign", Title: "Secondary addresses are assigned", Confidence: Documented, Source: sourceAssign,
		Rule: "Addresses that are named are assigned and listed after the primary one; the answer names them",
		run: func(b *bench) {
			p := b.place(28)
			e := *b.eni(p, p.at(9)).NetworkInterfaceId
			out := must(b.assign(e, false, p.at(4), p.at(5)))(b)
			var named []string
			for _, a := range out.AssignedPrivateIpAddresses {
				named = append(named, aws.ToString(a.PrivateIpAddress))
			}
			slices.Sort(named)
			b.want("the addresses in the answer", named, []string{p.at(4), p.at(5)})
			b.hasAddresses(e, p.at(9), p.at(4), p.at(5))
			b.available(p, 8)
		},
	},
	{
		ID: "assign-count", Title: "AWS chooses addresses", Confidence: Documented, Source: sourceAssign,
		Rule: "With SecondaryPrivateIpAddressCount AWS chooses free addresses of the subnet", Needs: []string{"assign"},
		run: func(b *bench) {
			p := b.place(28)
			e := *b.eni(p).NetworkInterfaceId
			out := must(b.AssignPrivateIpAddresses(b.ctx,
				&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &e, SecondaryPrivateIpAddressCount: aws.Int32(3)}))(b)
			b.want("addresses in the answer", len(out.AssignedPrivateIpAddresses), 3)
			b.available(p, 7)
		},
	},
	{
		ID: "assign-selectors", Title: "One way of naming addresses", Confidence: Documented, Source: sourceAssign,
		Rule: "Addresses and a count together are InvalidParameterCombination; neither is MissingParameter",
		run: func(b *bench) {
			p := b.place(28)
			e := *b.eni(p, p.at(4)).NetworkInterfaceId
			_, err := b.AssignPrivateIpAddresses(b.ctx,
				&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &e, PrivateIpAddresses: []string{p.at(5)},
					SecondaryPrivateIpAddressCount: aws.Int32(1)})
			b.wantCode(err, "both", "InvalidParameterCombination")
			_, err = b.AssignPrivateIpAddresses(b.ctx, &ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &e})
			b.wantCode(err, "neither", "MissingParameter")
		},
	},
	{
		ID: "assign-whole", Title: "A batch is assigned whole or not at all", Confidence: Documented,
		Source: "EC2 User Guide, MultipleIP: the entire operation fails if one of the addresses can't be assigned",
		Rule:   "When one address of a batch cannot be assigned, none is", Needs: []string{"assign", "subnet-reserved"},
		run: func(b *bench) {
			p := b.place(28)
			e, other := *b.eni(p, p.at(4)).NetworkInterfaceId, *b.eni(p, p.at(10), p.at(11)).NetworkInterfaceId
			_, err := b.assign(e, false, p.at(5), p.at(11))
			b.wantCode(err, "a free address and one of another interface", "InvalidParameterValue")
			_, err = b.assign(e, true, p.at(5), p.at(11), p.at(1))
			b.wantCode(err, "a free address, one to move and a reserved one", "InvalidParameterValue")
			err = b.unassign(other, p.at(11), p.at(12))
			b.wantCode(err, "unassigning one that is there and one that is not", "InvalidParameterValue")
			b.hasAddresses(e, p.at(4))
			b.hasAddresses(other, p.at(10), p.at(11))
		},
	},
	{
		ID: "assign-again", Title: "Assigning what is assigned", Confidence: Unknown, Source: sourceAssign,
		Rule: "What is answered when an address is assigned to the interface that has it", Needs: []string{"assign"},
		run: func(b *bench) {
			p := b.place(28)
			e := *b.eni(p, p.at(4), p.at(5)).NetworkInterfaceId
			for _, move := range []bool{false, true} {
				_, err := b.assign(e, move, p.at(5))
				b.observe("the secondary, AllowReassignment %v: %s", move, answer(err))
			}
			_, err := b.assign(e, true, p.at(4))
			b.observe("the primary: %s", answer(err))
			b.hasAddresses(e, p.at(4), p.at(5))
		},
	},
	{
		ID: "assign-unattached-limit", Title: "Addresses of an interface that is not attached", Confidence: Unknown,
		Source: "EC2 User Guide, using-eni: the number depends on the instance type",
		Rule:   "How many addresses an interface may have that is on no instance", Needs: []string{"assign-count"},
		run: func(b *bench) {
			p := b.place(24)
			e, n := *b.eni(p, p.at(4)).NetworkInterfaceId, 1
			for _, more := range []int32{29, 20, 14} { // to 30, 50, 64
				_, err := b.AssignPrivateIpAddresses(b.ctx,
					&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &e, SecondaryPrivateIpAddressCount: &more})
				if err != nil {
					b.observe("%d and %d more: %s", n, more, answer(err))
					return
				}
				n += int(more)
			}
			b.observe("at least %d", n)
		},
	},
	{
		ID: "unassign", Title: "Secondary addresses are unassigned", Confidence: Documented,
		Source: "EC2 API Reference, UnassignPrivateIpAddresses",
		Rule:   "An unassigned address is gone from the interface and free", Needs: []string{"assign"},
		run: func(b *bench) {
			p := b.place(28)
			e := *b.eni(p, p.at(4), p.at(5), p.at(6)).NetworkInterfaceId
			b.need(b.unassign(e, p.at(5)))
			b.hasAddresses(e, p.at(4), p.at(6))
			b.available(p, 9)
		},
	},
	{
		ID: "unassign-absent", Title: "Unassigning what is not there", Confidence: Reported,
		Source: "users' logs of UnassignPrivateIpAddresses",
		Rule:   "Unassigning an address that the interface has not is InvalidParameterValue", Needs: []string{"unassign"},
		run: func(b *bench) {
			p := b.place(28)
			e := *b.eni(p, p.at(4), p.at(5)).NetworkInterfaceId
			b.wantCode(b.unassign(e, p.at(6)), "an address that nobody has", "InvalidParameterValue")
			b.need(b.unassign(e, p.at(5)))
			b.hasAddresses(e, p.at(4))
			b.wantCode(b.unassign(e, p.at(5)), "an address that was unassigned", "InvalidParameterValue")
		},
	},
	{
		ID: "unassign-primary", Title: "The primary address stays", Confidence: Documented,
		Source: "EC2 User Guide, using-eni: the primary address cannot be moved",
		Rule:   "The primary address is neither unassigned nor moved",
		run: func(b *bench) {
			p := b.place(28)
			e, other := *b.eni(p, p.at(4)).NetworkInterfaceId, *b.eni(p, p.at(5)).NetworkInterfaceId
			b.refused(b.unassign(e, p.at(4)), "unassigning the primary")
			_, err := b.assign(other, true, p.at(4))
			b.refused(err, "moving the primary of another")
			b.hasAddresses(e, p.at(4))
		},
	},
	{
		ID: "address-in-use", Title: "An address has one owner", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview: InvalidIPAddress.InUse",
		Rule:   "A new interface does not get an address that another has",
		run: func(b *bench) {
			p := b.place(28)
			b.eni(p, p.at(4), p.at(5))
			for _, n := range []int{4, 5} {
				a := p.at(n)
				_, err := b.CreateNetworkInterface(b.ctx,
					&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, PrivateIpAddress: &a,
						TagSpecifications: b.tags(types.ResourceTypeNetworkInterface)})
				b.wantCode(err, "an interface with "+a, "InvalidIPAddress.InUse", "InvalidParameterValue",
					"Resource.AlreadyAssigned")
				b.observe("%s", answer(err))
			}
		},
	},
	{
		ID: "address-limit", Title: "The instance type limits addresses", Confidence: Documented,
		Source: "EC2 User Guide, using-eni; EC2 API Reference, errors-overview",
		Rule: fmt.Sprintf("An interface of a %s has %d addresses at most; one more is PrivateIpAddressLimitExceeded",
			machineType, machineAddresses),
		Needs: []string{"assign", "instance-types"}, Costs: []Cost{Instances},
		run: func(b *bench) {
			p := b.place(28)
			e := *b.eni(p, p.at(4)).NetworkInterfaceId
			i := b.quietMachine(p, e)
			must(b.assign(e, false, p.at(5), p.at(6)))(b)
			_, err := b.assign(e, false, p.at(7), p.at(8))
			b.wantCode(err, "to five addresses", "PrivateIpAddressLimitExceeded")
			_, err = b.assign(e, false, p.at(7))
			grants(0, err)(b, "to four addresses")
			b.hasAddresses(e, p.at(4), p.at(5), p.at(6), p.at(7))
			b.terminate(i)
		},
	},
}

var moveChecks = []Check{
	{
		ID: "move-refused", Title: "An address moves only if that is allowed", Confidence: Reported,
		Source: "users' logs: \"[10.0.0.5] assigned, but move is not allowed.\"",
		Rule:   "Without AllowReassignment an address of another interface is InvalidParameterValue, and stays",
		Needs:  []string{"assign"},
		run: func(b *bench) {
			p := b.place(28)
			from, to := *b.eni(p, p.at(4), p.at(5)).NetworkInterfaceId, *b.eni(p, p.at(8)).NetworkInterfaceId
			_, err := b.assign(to, false, p.at(5))
			b.wantCode(err, "AllowReassignment false", "InvalidParameterValue")
			b.observe("%s", answer(err))
			b.hasAddresses(from, p.at(4), p.at(5))
			b.hasAddresses(to, p.at(8))
		},
	},
	{
		ID: "move", Title: "An address moves", Confidence: Documented, Source: sourceAssign,
		Rule: "With AllowReassignment an address leaves the other interface and is on this one", Needs: []string{"assign"},
		run: func(b *bench) {
			p := b.place(28)
			from, to := *b.eni(p, p.at(4), p.at(5), p.at(6)).NetworkInterfaceId, *b.eni(p, p.at(8)).NetworkInterfaceId
			must(b.assign(to, true, p.at(5), p.at(7)))(b) // one moves, one is new
			b.hasAddresses(to, p.at(8), p.at(5), p.at(7))
			b.hasAddresses(from, p.at(4), p.at(6))
		},
	},
	{
		ID: "move-elastic", Title: "The Elastic IP moves with its address", Confidence: Documented, Source: sourceAssign,
		Rule: "When an address moves, the Elastic IP on it moves with it", Needs: []string{"move", "elastic-secondary"},
		Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.place(28)
			from, to := *b.eni(p, p.at(4), p.at(5)).NetworkInterfaceId, *b.eni(p, p.at(8)).NetworkInterfaceId
			e := b.elasticIPs(1)[0]
			was := must(b.associate(e.id, from, p.at(5), false))(b)
			b.onAddress(e.id, from, p.at(5))
			must(b.assign(to, true, p.at(5)))(b)
			b.onAddress(e.id, to, p.at(5))
			is := aws.ToString(must(b.seeAddress(e.id))(b).AssociationId)
			b.observe("the association's ID is the same: %v", is == aws.ToString(was.AssociationId))
		},
	},
	{
		ID: "unassign-elastic", Title: "Unassigning drops the Elastic IP", Confidence: Documented,
		Source: "EC2 API Reference, UnassignPrivateIpAddresses",
		Rule:   "When an address is unassigned, the Elastic IP on it is disassociated, and does not come back with it",
		Needs:  []string{"unassign", "elastic-secondary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.place(28)
			eni := *b.eni(p, p.at(4), p.at(5)).NetworkInterfaceId
			e := b.elasticIPs(1)[0]
			must(b.associate(e.id, eni, p.at(5), false))(b)
			b.onAddress(e.id, eni, p.at(5))
			b.need(b.unassign(eni, p.at(5)))
			b.onAddress(e.id, "", "")
			must(b.assign(eni, false, p.at(5)))(b)
			b.hasAddresses(eni, p.at(4), p.at(5))
			b.onAddress(e.id, "", "")
		},
	},
}
