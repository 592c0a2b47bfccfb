// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var describeChecks = []Check{
	{
		ID: "pages", Title: "Pages", Confidence: Documented, Source: "EC2 API Reference, query-requests: Pagination",
		Rule: "MaxResults cuts a page, NextToken goes on after it; all pages together are the whole, without repetition",
		run: func(b *bench) {
			p, want := b.place(27), []string{}
			for i := range 7 {
				want = append(want, aws.ToString(b.eni(p, p.at(4+i)).NetworkInterfaceId))
			}
			var seen []string
			pages := ec2.NewDescribeNetworkInterfacesPaginator(b.EC2, &ec2.DescribeNetworkInterfacesInput{
				MaxResults: aws.Int32(5), Filters: filters("subnet-id", p.subnet)})
			count := 0
			for ; pages.HasMorePages(); count++ {
				page := must(pages.NextPage(b.ctx))(b)
				b.holds(len(page.NetworkInterfaces) <= 5, "at most 5 on a page", "%d", len(page.NetworkInterfaces))
				for _, e := range page.NetworkInterfaces {
					seen = append(seen, aws.ToString(e.NetworkInterfaceId))
				}
			}
			slices.Sort(seen)
			slices.Sort(want)
			b.want("all interfaces, each once", seen, want)
			b.observe("7 interfaces on %d pages of 5", count)
		},
	},
	{
		ID: "pages-limits", Title: "Limits of a page", Confidence: Documented,
		Source: "EC2 API Reference, DescribeNetworkInterfaces: MaxResults",
		Rule:   "MaxResults is 5 to 1000; with IDs it is InvalidParameterCombination",
		run: func(b *bench) {
			for _, n := range []int32{4, 1001} {
				_, err := b.DescribeNetworkInterfaces(b.ctx, &ec2.DescribeNetworkInterfacesInput{MaxResults: &n})
				b.wantCode(err, fmt.Sprintf("MaxResults %d", n), "InvalidParameterValue")
			}
			for _, n := range []int32{5, 1000} {
				_, err := b.DescribeNetworkInterfaces(b.ctx, &ec2.DescribeNetworkInterfacesInput{MaxResults: &n})
				grants(0, err)(b, fmt.Sprintf("MaxResults %d is taken", n))
			}
			p := b.place(28)
			e := b.eni(p)
			_, err := b.DescribeNetworkInterfaces(b.ctx,
				&ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(5), NetworkInterfaceIds: []string{*e.NetworkInterfaceId}})
			b.wantCode(err, "MaxResults and IDs", "InvalidParameterCombination")
		},
	},
	{
		ID: "pages-token", Title: "A token that was never given", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview",
		Rule:   "NextToken that EC2 did not give is InvalidNextToken or InvalidPaginationToken",
		run: func(b *bench) {
			_, err := b.DescribeSubnets(b.ctx,
				&ec2.DescribeSubnetsInput{MaxResults: aws.Int32(5), NextToken: aws.String("moon")})
			b.wantCode(err, "a token of my own", "InvalidNextToken", "InvalidPaginationToken")
			b.observe("%s", answer(err))
		},
	},
	{
		ID: "filters", Title: "Filters", Confidence: Documented, Source: "EC2 User Guide, Using_Filtering",
		Rule: "Filters are joined by AND, a filter's values by OR; * is any text, ? one character, a backslash takes " +
			"either literally; case matters",
		run: func(b *bench) {
			p := b.place(28)
			for _, name := range []string{"alpha", "alpine", "a*"} {
				b.eniFrom(&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, Description: &name,
					TagSpecifications: []types.TagSpecification{{
						ResourceType: types.ResourceTypeNetworkInterface, Tags: []types.Tag{{Key: aws.String("greek"), Value: &name},
							{Key: aws.String(TagRun), Value: &b.cfg.Run}}}}})
			}
			here := types.Filter{Name: aws.String("subnet-id"), Values: []string{p.subnet}}
			for _, c := range []struct {
				name   string
				values []string
				want   int
			}{
				{"description", []string{"alpha", "alpine"}, 2},
				{"description", []string{"alp*"}, 2},
				{"description", []string{"alp?a"}, 1},
				{"description", []string{`a\*`}, 1},
				{"description", []string{"Alpha"}, 0},
				{"tag:greek", []string{"alpha"}, 1},
				{"tag-key", []string{"greek"}, 3},
				{"tag:Greek", []string{"alpha"}, 0},
				{"addresses.private-ip-address", []string{p.at(1)}, 0},
				{"status", []string{"available"}, 3},
			} {
				b.eventually(fmt.Sprintf("%s=%q finds %d interfaces", c.name, c.values, c.want), func() (string, bool) {
					out := must(b.DescribeNetworkInterfaces(b.ctx,
						&ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{here, {Name: &c.name, Values: c.values}}}))(b)
					return fmt.Sprint(len(out.NetworkInterfaces)), len(out.NetworkInterfaces) == c.want
				})
			}
		},
	},
	{
		ID: "filters-unknown", Title: "A filter that does not exist", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview: InvalidParameterValue",
		Rule:   "A filter that the call does not know is InvalidParameterValue",
		run: func(b *bench) {
			_, err := b.DescribeSubnets(b.ctx, &ec2.DescribeSubnetsInput{Filters: filters("moon", "full")})
			b.wantCode(err, "filter moon", "InvalidParameterValue")
		},
	},
	{
		ID: "consistency", Title: "When what was made can be seen", Confidence: Unknown,
		Source: "EC2 Developer Guide, eventual-consistency",
		Rule: "How long after CreateNetworkInterface and AssignPrivateIpAddresses the result is in " +
			"DescribeNetworkInterfaces",
		run: func(b *bench) {
			p := b.place(28)
			made := must(b.CreateNetworkInterface(b.ctx,
				&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet,
					TagSpecifications: b.tags(types.ResourceTypeNetworkInterface)}))(b)
			id := aws.ToString(made.NetworkInterface.NetworkInterfaceId)
			took := b.eventually("the interface is seen", func() (string, bool) {
				_, err := b.DescribeNetworkInterfaces(b.ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}})
				return answer(err), err == nil
			})
			b.observe("an interface is seen after %.1f s", took.Seconds())
			free := p.at(12)
			must(b.assign(id, false, free))(b)
			took = b.eventually("the address is seen", func() (string, bool) {
				return "it is not", slices.Contains(addressesOf(b.see(id)), free)
			})
			b.observe("an address is seen after %.1f s", took.Seconds())
		},
	},
}
