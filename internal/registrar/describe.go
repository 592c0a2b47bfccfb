// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	awsapi "macaw.example/internal/aws"
)

// filterValues is how many values one filter may have (EC2 User Guide,
// Using_Filtering).
const filterValues = 200

// AWS's answers about large clouds are taken in parts, since each is in memory as a
// whole.
const (
	elasticIPsPerCall = 1000 // about
	interfacesPerPage = 20   // with up to 63 addresses each
)

// describe reads AWS. DescribeNetworkInterfaces is the truth; an instance's metadata
// lags behind it. estimate is about how many Elastic IPs there are.
func (r *Registrar) describe(ctx context.Context, estimate int) (Seen, error) {
	var s Seen
	if err := r.loadLimits(ctx); err != nil {
		return s, err
	}
	s.Interfaces = r.limits.interfaces
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		ofCloud, inSubnet := awsapi.ByTag(awsapi.TagCloud, r.cfg.Cloud), awsapi.Filter("subnet-id", r.cfg.Subnet)
		s.ENIs, err = r.interfaces(ctx, ofCloud, inSubnet)
		return err
	})
	var tagged, pool []ElasticIP
	g.Go(func() (err error) {
		tagged, err = r.taggedElasticIPs(ctx, estimate)
		return err
	})
	if len(r.cfg.Pool) > 0 {
		g.Go(func() (err error) {
			pool, err = r.elasticIPs(ctx, awsapi.Filter("allocation-id", r.cfg.Pool...))
			return err
		})
	}
	g.Go(func() (err error) {
		s.Holders, err = r.holders(ctx)
		return err
	})
	if err := g.Wait(); err != nil {
		return s, err
	}
	for a, h := range s.Holders { // an interface of the cloud has it by now
		if s.eni(h.ENI) != nil {
			delete(s.Holders, a)
		}
	}
	s.Elastic = pool
	for _, e := range tagged {
		if e.forAddress().IsValid() && !slices.Contains(r.cfg.Pool, e.Allocation) {
			s.Elastic = append(s.Elastic, e)
		}
	}
	s.sort()
	return s, nil
}

// instanceLimits are those of the instance type: network interfaces on its first
// network card, and addresses on each of them.
type instanceLimits struct{ interfaces, addresses, ipv6 int }

// loadLimits describes the instance type, once: it does not change while the instance
// runs.
func (r *Registrar) loadLimits(ctx context.Context) error {
	if r.limits != nil {
		return nil
	}
	kind := types.InstanceType(r.cfg.InstanceType)
	in := &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{kind}}
	return r.do(ctx, callOptions{action: "DescribeInstanceTypes"}, func(ctx context.Context) error {
		out, err := r.api.DescribeInstanceTypes(ctx, in, noRetry)
		if err != nil {
			return err
		}
		if len(out.InstanceTypes) == 0 || out.InstanceTypes[0].NetworkInfo == nil {
			return fmt.Errorf("AWS does not describe instance type %s", r.cfg.InstanceType)
		}
		n := out.InstanceTypes[0].NetworkInfo
		l := instanceLimits{
			interfaces: int(aws.ToInt32(n.MaximumNetworkInterfaces)),
			addresses:  int(aws.ToInt32(n.Ipv4AddressesPerInterface)),
			ipv6:       int(aws.ToInt32(n.Ipv6AddressesPerInterface)),
		}
		for _, card := range n.NetworkCards {
			if aws.ToInt32(card.NetworkCardIndex) == 0 && card.MaximumNetworkInterfaces != nil {
				l.interfaces = int(*card.MaximumNetworkInterfaces)
			}
		}
		r.limits = &l
		return nil
	})
}

// interfaces describes the network interfaces that filters select.
func (r *Registrar) interfaces(ctx context.Context, filters ...types.Filter) ([]ENI, error) {
	var all []ENI
	in := &ec2.DescribeNetworkInterfacesInput{Filters: filters, MaxResults: aws.Int32(interfacesPerPage)}
	pages := ec2.NewDescribeNetworkInterfacesPaginator(r.api, in)
	for pages.HasMorePages() {
		err := r.do(ctx, callOptions{action: "DescribeNetworkInterfaces"}, func(ctx context.Context) error {
			out, err := pages.NextPage(ctx, noRetry)
			if err != nil {
				return err
			}
			for _, n := range out.NetworkInterfaces {
				all = append(all, r.eniFrom(n))
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("describing network interfaces: %w", err)
		}
	}
	return all, nil
}

func (r *Registrar) eniFrom(n types.NetworkInterface) ENI {
	e := ENI{
		ID: aws.ToString(n.NetworkInterfaceId), MAC: aws.ToString(n.MacAddress), Subnet: aws.ToString(n.SubnetId),
		Part: awsapi.Part(n.TagSet), Primary: address(n.PrivateIpAddress),
		Prefixes: len(n.Ipv4Prefixes), PrefixesIPv6: len(n.Ipv6Prefixes),
	}
	if a := n.Attachment; a != nil {
		switch a.Status {
		case types.AttachmentStatusDetached, types.AttachmentStatusDetaching:
		default:
			e.Instance, e.Device = aws.ToString(a.InstanceId), int(aws.ToInt32(a.DeviceIndex))
		}
	}
	for _, g := range n.Groups {
		e.Groups = append(e.Groups, aws.ToString(g.GroupId))
	}
	for _, a := range n.PrivateIpAddresses {
		private := address(a.PrivateIpAddress)
		if private != e.Primary {
			e.Addresses = append(e.Addresses, private)
		}
		if p := a.Association; p != nil && p.PublicIp != nil {
			if e.Public == nil {
				e.Public = map[netip.Addr]Public{}
			}
			e.Public[private] = Public{address(p.PublicIp), aws.ToString(p.AllocationId)}
		}
	}
	for _, a := range n.Ipv6Addresses {
		e.IPv6 = append(e.IPv6, address(a.Ipv6Address))
	}
	if r.cfg.mine(e) && r.limits != nil {
		e.Limit, e.LimitIPv6 = r.limits.addresses, r.limits.ipv6
	}
	return e
}

// address parses an address of AWS's; an absent one is the invalid address.
func address(text *string) netip.Addr {
	a, _ := netip.ParseAddr(aws.ToString(text))
	return a
}

// taggedElasticIPs describes the Elastic IPs that have the tags of this cloud's
// provider addresses.
func (r *Registrar) taggedElasticIPs(ctx context.Context, estimate int) ([]ElasticIP, error) {
	var all []ElasticIP
	ofCloud := awsapi.ByTag(awsapi.TagCloud, r.cfg.Cloud)
	for _, parts := range partPatterns(estimate) {
		some, err := r.elasticIPs(ctx, ofCloud, awsapi.ByTag(awsapi.TagPart, parts...))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// partPatterns are the values of the filters, one for each call, that together
// find the parts of all provider addresses. Decimals end in each digit about equally
// often, wherever the addresses lie.
func partPatterns(estimate int) [][]string {
	calls := min((estimate+elasticIPsPerCall-1)/elasticIPsPerCall, 10)
	if calls <= 1 {
		return [][]string{{partAddress + "*"}}
	}
	patterns := make([][]string, calls)
	for digit := range 10 {
		i := digit * calls / 10
		patterns[i] = append(patterns[i], fmt.Sprintf("%s*%d", partAddress, digit))
	}
	return patterns
}

// elasticIPs describes the Elastic IPs that filters select. There are no pages (EC2 API
// Reference, DescribeAddresses).
func (r *Registrar) elasticIPs(ctx context.Context, filters ...types.Filter) ([]ElasticIP, error) {
	var all []ElasticIP
	err := r.do(ctx, callOptions{action: "DescribeAddresses"}, func(ctx context.Context) error {
		out, err := r.api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filters}, noRetry)
		if err != nil {
			return err
		}
		all = make([]ElasticIP, 0, len(out.Addresses))
		for _, a := range out.Addresses {
			all = append(all, ElasticIP{
				Allocation: aws.ToString(a.AllocationId), Public: address(a.PublicIp),
				Association: aws.ToString(a.AssociationId), ENI: aws.ToString(a.NetworkInterfaceId),
				Private: address(a.PrivateIpAddress), Part: awsapi.Part(a.Tags),
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("describing Elastic IPs: %w", err)
	}
	return all, nil
}

// holders describes the interfaces that have the addresses which AWS refused to assign.
func (r *Registrar) holders(ctx context.Context) (map[netip.Addr]Holder, error) {
	var refused []netip.Addr
	r.memory.locked(func(m *memory) { refused = slices.SortedFunc(maps.Keys(m.refused), netip.Addr.Compare) })
	if len(refused) == 0 {
		return nil, nil
	}
	byFilter := map[string][]string{}
	for _, a := range refused {
		name := "addresses.private-ip-address"
		if !a.Is4() {
			name = "ipv6-addresses.ipv6-address"
		}
		byFilter[name] = append(byFilter[name], a.String())
	}
	holders := map[netip.Addr]Holder{}
	for name, texts := range byFilter {
		for values := range slices.Chunk(texts, filterValues) {
			enis, err := r.interfaces(ctx, awsapi.Filter("subnet-id", r.cfg.Subnet), awsapi.Filter(name, values...))
			if err != nil {
				return nil, err
			}
			for _, e := range enis {
				for _, a := range slices.Concat([]netip.Addr{e.Primary}, e.Addresses, e.IPv6) {
					if slices.Contains(refused, a) {
						holders[a] = Holder{e.ID, e.Instance}
					}
				}
			}
		}
	}
	return holders, nil
}
