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

// Of large clouds AWS's answers are taken in parts, for each is held in memory
// as a whole.
const (
	elasticIPsAtOnce = 1000 // some
	interfacesAtOnce = 20   // with up to 63 addresses each
)

// see asks AWS. DescribeNetworkInterfaces is the truth; an instance's metadata
// lags behind it. many is about how many Elastic IPs there are.
func (r *Registrar) see(ctx context.Context, many int) (Seen, error) {
	var s Seen
	if err := r.askLimits(ctx); err != nil {
		return s, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s.ENIs, err = r.interfaces(ctx, awsapi.ByTag(awsapi.TagCloud, r.cfg.Cloud), awsapi.Filter("subnet-id", r.cfg.Subnet))
		return err
	})
	var tagged, pool []ElasticIP
	g.Go(func() (err error) {
		tagged, err = r.tagged(ctx, many)
		return err
	})
	if len(r.cfg.Pool) > 0 {
		g.Go(func() (err error) {
			pool, err = r.addresses(ctx, awsapi.Filter("allocation-id", r.cfg.Pool...))
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
	for a, h := range s.Holders { // one of the cloud's, by now
		if s.eni(h.ENI) != nil {
			delete(s.Holders, a)
		}
	}
	s.Elastic = pool
	for _, e := range tagged {
		if e.purpose().IsValid() && !slices.Contains(r.cfg.Pool, e.Allocation) {
			s.Elastic = append(s.Elastic, e)
		}
	}
	s.sort()
	return s, nil
}

// limits is what the instance type carries: network interfaces on its first
// network card, and addresses on each of them.
type limits struct{ interfaces, addresses, ipv6 int }

// askLimits asks once: a type does not change while its instance runs.
func (r *Registrar) askLimits(ctx context.Context) error {
	if r.carries != nil {
		return nil
	}
	return r.do(ctx, kindOfCall{action: "DescribeInstanceTypes"}, func(ctx context.Context) error {
		out, err := r.api.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{types.InstanceType(r.cfg.InstanceType)}}, once)
		if err != nil {
			return err
		}
		if len(out.InstanceTypes) == 0 || out.InstanceTypes[0].NetworkInfo == nil {
			return fmt.Errorf("AWS knows no instance type %s", r.cfg.InstanceType)
		}
		n := out.InstanceTypes[0].NetworkInfo
		l := limits{int(aws.ToInt32(n.MaximumNetworkInterfaces)), int(aws.ToInt32(n.Ipv4AddressesPerInterface)), int(aws.ToInt32(n.Ipv6AddressesPerInterface))}
		for _, card := range n.NetworkCards {
			if aws.ToInt32(card.NetworkCardIndex) == 0 && card.MaximumNetworkInterfaces != nil {
				l.interfaces = int(*card.MaximumNetworkInterfaces)
			}
		}
		r.carries = &l
		return nil
	})
}

// interfaces asks for some network interfaces.
func (r *Registrar) interfaces(ctx context.Context, filters ...types.Filter) ([]ENI, error) {
	var all []ENI
	for p := ec2.NewDescribeNetworkInterfacesPaginator(r.api, &ec2.DescribeNetworkInterfacesInput{Filters: filters, MaxResults: aws.Int32(interfacesAtOnce)}); p.HasMorePages(); {
		if err := r.do(ctx, kindOfCall{action: "DescribeNetworkInterfaces"}, func(ctx context.Context) error {
			out, err := p.NextPage(ctx, once)
			if err == nil {
				for _, n := range out.NetworkInterfaces {
					all = append(all, r.eniOf(n))
				}
			}
			return err
		}); err != nil {
			return nil, fmt.Errorf("looking for network interfaces: %w", err)
		}
	}
	return all, nil
}

func (r *Registrar) eniOf(n types.NetworkInterface) ENI {
	e := ENI{ID: aws.ToString(n.NetworkInterfaceId), MAC: aws.ToString(n.MacAddress), Subnet: aws.ToString(n.SubnetId),
		Part: awsapi.Part(n.TagSet), Primary: address(n.PrivateIpAddress),
		Prefixes: len(n.Ipv4Prefixes), PrefixesIPv6: len(n.Ipv6Prefixes)}
	if a := n.Attachment; a != nil && a.Status != types.AttachmentStatusDetached && a.Status != types.AttachmentStatusDetaching {
		e.Instance, e.Device = aws.ToString(a.InstanceId), int(aws.ToInt32(a.DeviceIndex))
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
	if r.cfg.mine(e) && r.carries != nil {
		e.Limit, e.LimitIPv6 = r.carries.addresses, r.carries.ipv6
	}
	return e
}

// address reads what AWS writes; what is missing is the invalid address.
func address(text *string) netip.Addr {
	a, _ := netip.ParseAddr(aws.ToString(text))
	return a
}

// tagged asks for the Elastic IPs that carry the tags of this cloud's provider
// addresses.
func (r *Registrar) tagged(ctx context.Context, many int) ([]ElasticIP, error) {
	var all []ElasticIP
	for _, parts := range partPatterns(many) {
		some, err := r.addresses(ctx, awsapi.ByTag(awsapi.TagCloud, r.cfg.Cloud), awsapi.ByTag(awsapi.TagPart, parts...))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// partPatterns are the values of the filters, one for each call, that together
// find the parts of all provider addresses. Decimals end in each digit about as
// often, wherever the addresses lie.
func partPatterns(many int) [][]string {
	calls := min((many+elasticIPsAtOnce-1)/elasticIPsAtOnce, 10)
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

// addresses asks for some Elastic IPs. There are no pages (EC2 API Reference,
// DescribeAddresses).
func (r *Registrar) addresses(ctx context.Context, filters ...types.Filter) ([]ElasticIP, error) {
	var all []ElasticIP
	err := r.do(ctx, kindOfCall{action: "DescribeAddresses"}, func(ctx context.Context) error {
		out, err := r.api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filters}, once)
		if err != nil {
			return err
		}
		all = make([]ElasticIP, 0, len(out.Addresses))
		for _, a := range out.Addresses {
			all = append(all, ElasticIP{Allocation: aws.ToString(a.AllocationId), Public: address(a.PublicIp), Association: aws.ToString(a.AssociationId),
				ENI: aws.ToString(a.NetworkInterfaceId), Private: address(a.PrivateIpAddress), Part: awsapi.Part(a.Tags)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for elastic ips: %w", err)
	}
	return all, nil
}

// holders asks who has the addresses that were refused.
func (r *Registrar) holders(ctx context.Context) (map[netip.Addr]Holder, error) {
	var refused []netip.Addr
	r.memory.note(func(m *memory) { refused = slices.SortedFunc(maps.Keys(m.refused), netip.Addr.Compare) })
	if len(refused) == 0 {
		return nil, nil
	}
	names := map[string][]string{}
	for _, a := range refused {
		name := "addresses.private-ip-address"
		if !a.Is4() {
			name = "ipv6-addresses.ipv6-address"
		}
		names[name] = append(names[name], a.String())
	}
	held := map[netip.Addr]Holder{}
	for name, texts := range names {
		for values := range slices.Chunk(texts, filterValues) {
			enis, err := r.interfaces(ctx, awsapi.Filter("subnet-id", r.cfg.Subnet), awsapi.Filter(name, values...))
			if err != nil {
				return nil, err
			}
			for _, e := range enis {
				for _, a := range append(append([]netip.Addr{e.Primary}, e.Addresses...), e.IPv6...) {
					if slices.Contains(refused, a) {
						held[a] = Holder{e.ID, e.Instance}
					}
				}
			}
		}
	}
	return held, nil
}
