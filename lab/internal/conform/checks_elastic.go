// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

const sourceAssociate = "EC2 API Reference, AssociateAddress"

var elasticChecks = []Check{
	{
		ID: "elastic-primary", Title: "An Elastic IP goes to the primary address", Confidence: Documented,
		Source: sourceAssociate,
		Rule:   "An Elastic IP is associated with the primary address unless another is named", Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.place(28)
			eni := *b.eni(p, p.at(6), p.at(4)).NetworkInterfaceId
			e := b.elasticIPs(1)[0]
			must(b.associate(e.id, eni, "", false))(b)
			b.onAddress(e.id, eni, p.at(6))
			b.eventually("the interface shows the Elastic IP", func() (string, bool) {
				a := b.see(eni).Association
				if a == nil {
					return "no association", false
				}
				return aws.ToString(a.PublicIp), aws.ToString(a.PublicIp) == e.public.String() &&
					aws.ToString(a.AllocationId) == e.id
			})
		},
	},
	{
		ID: "elastic-secondary", Title: "A secondary address has an Elastic IP of its own", Confidence: Documented,
		Source: "EC2 User Guide, elastic-ip-addresses-eip",
		Rule:   "Each private address may have one Elastic IP", Needs: []string{"elastic-primary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.place(28)
			eni := *b.eni(p, p.at(4), p.at(5)).NetworkInterfaceId
			e := b.elasticIPs(2)
			must(b.associate(e[0].id, eni, "", false))(b)
			must(b.associate(e[1].id, eni, p.at(5), false))(b)
			b.onAddress(e[0].id, eni, p.at(4))
			b.onAddress(e[1].id, eni, p.at(5))
		},
	},
	{
		ID: "elastic-foreign", Title: "An Elastic IP needs a registered address", Confidence: Documented,
		Source: sourceAssociate,
		Rule:   "An address that the interface has not is refused", Needs: []string{"elastic-primary"},
		Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.place(28)
			eni := *b.eni(p, p.at(4)).NetworkInterfaceId
			e := b.elasticIPs(1)[0]
			_, err := b.associate(e.id, eni, p.at(5), true)
			b.refused(err, "an address that nobody has")
			b.onAddress(e.id, "", "")
		},
	},
	{
		ID: "elastic-again", Title: "Associating is idempotent", Confidence: Documented,
		Source: "EC2 Developer Guide, ec2-api-idempotency",
		Rule:   "The same association again succeeds", Needs: []string{"elastic-primary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			on := b.associated()
			second := grants(b.associate(on.id, on.eni, "", true))(b, "success")
			b.observe("the association's ID is the same: %v", on.association == aws.ToString(second.AssociationId))
			_, err := b.associate(on.id, on.eni, "", false)
			b.observe("with AllowReassociation false: %s", answer(err))
		},
	},
	{
		ID: "elastic-reassociate-refused", Title: "An Elastic IP in use is not taken away", Confidence: Documented,
		Source: sourceAssociate,
		Rule: "With AllowReassociation false, an Elastic IP that is on another address, or an address that has another, " +
			"is Resource.AlreadyAssociated", Needs: []string{"elastic-primary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.place(28)
			eni := *b.eni(p, p.at(4), p.at(5)).NetworkInterfaceId
			e := b.elasticIPs(2)
			must(b.associate(e[0].id, eni, p.at(4), false))(b)
			b.onAddress(e[0].id, eni, p.at(4))
			_, err := b.associate(e[0].id, eni, p.at(5), false)
			b.wantCode(err, "the same Elastic IP on another address", "Resource.AlreadyAssociated")
			_, err = b.associate(e[1].id, eni, p.at(4), false)
			b.wantCode(err, "another Elastic IP on the same address", "Resource.AlreadyAssociated")
			b.onAddress(e[0].id, eni, p.at(4))
		},
	},
	{
		ID: "elastic-reassociate", Title: "An Elastic IP moves", Confidence: Documented, Source: sourceAssociate,
		Rule:  "With AllowReassociation an Elastic IP leaves the address that it is on, and takes the place of another",
		Needs: []string{"elastic-primary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.place(28)
			from, to := *b.eni(p, p.at(4)).NetworkInterfaceId, *b.eni(p, p.at(5)).NetworkInterfaceId
			e := b.elasticIPs(2)
			must(b.associate(e[0].id, from, "", true))(b)
			must(b.associate(e[1].id, to, "", true))(b)
			b.onAddress(e[0].id, from, p.at(4))
			b.onAddress(e[1].id, to, p.at(5))
			must(b.associate(e[0].id, to, "", true))(b)
			b.onAddress(e[0].id, to, p.at(5))
			b.onAddress(e[1].id, "", "")
		},
	},
	{
		ID: "elastic-no-gateway", Title: "An Elastic IP needs an Internet gateway", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview: Gateway.NotAttached",
		Rule:   "In a VPC without an Internet gateway an association is Gateway.NotAttached",
		Needs:  []string{"elastic-primary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			p := b.placeIn(b.bare(), 28)
			eni := *b.eni(p, p.at(4)).NetworkInterfaceId
			e := b.elasticIPs(1)[0]
			_, err := b.associate(e.id, eni, "", true)
			b.wantCode(err, "an association", "Gateway.NotAttached")
		},
	},
	{
		ID: "elastic-release", Title: "An Elastic IP in use is not released", Confidence: Documented,
		Source: "EC2 API Reference, ReleaseAddress",
		Rule:   "Releasing an associated Elastic IP is InvalidIPAddress.InUse", Needs: []string{"elastic-primary"},
		Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			on := b.associated()
			_, err := b.ReleaseAddress(b.ctx, &ec2.ReleaseAddressInput{AllocationId: &on.id})
			b.wantCode(err, "a release", "InvalidIPAddress.InUse")
		},
	},
	{
		ID: "elastic-released", Title: "A released Elastic IP is gone", Confidence: Documented,
		Source: "EC2 API Reference, ReleaseAddress",
		Rule:   "Describing or releasing a released Elastic IP is InvalidAllocationID.NotFound", Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			e := b.elasticIPs(1)[0]
			must(b.ReleaseAddress(b.ctx, &ec2.ReleaseAddressInput{AllocationId: &e.id}))(b)
			b.eventually("InvalidAllocationID.NotFound", func() (string, bool) {
				_, err := b.seeAddress(e.id)
				return answer(err), code(err) == "InvalidAllocationID.NotFound"
			})
			_, err := b.ReleaseAddress(b.ctx, &ec2.ReleaseAddressInput{AllocationId: &e.id})
			b.wantCode(err, "a second release", "InvalidAllocationID.NotFound")
		},
	},
	{
		ID: "elastic-disassociate", Title: "Disassociating", Confidence: Documented,
		Source: "EC2 API Reference, DisassociateAddress",
		Rule:   "A disassociated Elastic IP is on no address", Needs: []string{"elastic-primary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			on := b.associated()
			must(b.DisassociateAddress(b.ctx, &ec2.DisassociateAddressInput{AssociationId: &on.association}))(b)
			b.onAddress(on.id, "", "")
		},
	},
	{
		ID: "elastic-disassociate-again", Title: "Disassociating what is not associated", Confidence: Unknown,
		Source: "EC2 API Reference, DisassociateAddress: an idempotent operation",
		Rule: "What is answered to a second disassociation: the document says no error, clients handle " +
			"InvalidAssociationID.NotFound", Needs: []string{"elastic-disassociate"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			on := b.associated()
			must(b.DisassociateAddress(b.ctx, &ec2.DisassociateAddressInput{AssociationId: &on.association}))(b)
			b.onAddress(on.id, "", "")
			_, err := b.DisassociateAddress(b.ctx, &ec2.DisassociateAddressInput{AssociationId: &on.association})
			b.observe("by the association's ID: %s", answer(err))
			_, err = b.DisassociateAddress(b.ctx, &ec2.DisassociateAddressInput{PublicIp: aws.String(on.public.String())})
			b.observe("by the public address: %s", answer(err))
		},
	},
	{
		ID: "elastic-interface-deleted", Title: "The Elastic IP of an interface that is deleted", Confidence: Inferred,
		Source: "EC2 User Guide, elastic-ip-addresses-eip: it stays the account's until it is released",
		Rule:   "Deleting an interface disassociates its Elastic IPs and releases none", Needs: []string{"elastic-primary"},
		Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			on := b.associated()
			must(b.DeleteNetworkInterface(b.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &on.eni}))(b)
			b.onAddress(on.id, "", "")
		},
	},
	{
		ID: "elastic-filters", Title: "Elastic IPs are found by what they are on", Confidence: Documented,
		Source: "EC2 API Reference, DescribeAddresses",
		Rule:   "DescribeAddresses filters by association, interface, private address and tag",
		Needs:  []string{"elastic-primary"}, Costs: []Cost{ElasticIPs},
		run: func(b *bench) {
			on := b.associated()
			for _, f := range [][2]string{{"association-id", on.association}, {"network-interface-id", on.eni},
				{"private-ip-address", on.at(4)}, {"public-ip", on.public.String()}, {"allocation-id", on.id}} {
				b.eventually(f[0]+" finds it", func() (string, bool) {
					out := must(b.DescribeAddresses(b.ctx,
						&ec2.DescribeAddressesInput{Filters: filters(f[0], f[1], "tag:"+TagRun, b.cfg.Run)}))(b)
					if len(out.Addresses) != 1 {
						return "it does not", false
					}
					return aws.ToString(out.Addresses[0].AllocationId), aws.ToString(out.Addresses[0].AllocationId) == on.id
				})
			}
		},
	},
}
