// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/model"
	"macaw.example/lab"
	"macaw.example/lab/labtest"
)

// region is a local AWS with a cloud's provider subnet in it, all in a bubble
// with a clock of its own: hours of throttling take no time.
type region struct {
	*ec2.Client // without faults
	t           *testing.T
	api         *labtest.API
	subnet      string
	group       string
	gateway     string
	vpc         string
	quota       int

	mu    sync.Mutex
	twice []string // addresses that were seen on two interfaces
}

// direct hands requests to a handler without a network, which a bubble's clock
// does not wait for.
type direct struct {
	handler http.Handler
	// before is called before each request, after with its answer; they may
	// refuse it, or lose the answer.
	before, after func() error
}

func (d *direct) Do(r *http.Request) (resp *http.Response, err error) {
	if d.before != nil {
		if err := d.before(); err != nil {
			return nil, err
		}
	}
	if resp, err = (labtest.Direct{Handler: d.handler}).Do(r); err == nil && d.after != nil {
		if err = d.after(); err != nil {
			return nil, err
		}
	}
	return resp, err
}

func (r *region) client(d *direct) *ec2.Client {
	return ec2.NewFromConfig(r.api.Config(), func(o *ec2.Options) { o.HTTPClient = d })
}

func inRegion(t *testing.T, quota int, f func(r *region)) {
	synctest.Test(t, func(t *testing.T) {
		r := &region{t: t, quota: quota}
		// Addresses that are never on a wire.
		r.api = labtest.NewAPI(t, labtest.APIOptions{ElasticIPQuota: quota,
			ElasticIPs: netip.MustParsePrefix("198.18.0.0/20")})
		r.Client = r.client(&direct{handler: r.api.Calm})
		ctx := t.Context()
		r.vpc = *must(r.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.20.0.0/16"),
			AmazonProvidedIpv6CidrBlock: aws.Bool(true)})).Vpc.VpcId
		r.gateway = *must(r.CreateInternetGateway(ctx,
			&ec2.CreateInternetGatewayInput{})).InternetGateway.InternetGatewayId
		must(r.AttachInternetGateway(ctx,
			&ec2.AttachInternetGatewayInput{InternetGatewayId: &r.gateway, VpcId: &r.vpc}))
		v := must(r.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{r.vpc}})).Vpcs[0]
		six := netip.MustParsePrefix(*v.Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock)
		r.subnet = *must(r.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: &r.vpc, CidrBlock: aws.String("10.20.16.0/20"),
			Ipv6CidrBlock: aws.String(netip.PrefixFrom(six.Addr(), 64).String()),
		})).Subnet.SubnetId
		must(r.CreateSubnetCidrReservation(ctx, &ec2.CreateSubnetCidrReservationInput{
			SubnetId: &r.subnet, Cidr: aws.String("10.20.24.0/21"),
			ReservationType: types.SubnetCidrReservationTypeExplicit,
		}))
		r.group = *must(r.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			GroupName: aws.String("provider"), Description: aws.String("provider"), VpcId: &r.vpc,
		})).GroupId
		f(r)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// node makes a gateway node with some provider interfaces, and returns the
// configuration of its Registrar.
func (r *region) node(name string, kind types.InstanceType, enis int, change ...func(*Config)) Config {
	c := Config{Cloud: "first", Node: name, InstanceType: string(kind), Subnet: r.subnet,
		Policy: model.ElasticIPsOnDemand,
		Range:  []netip.Prefix{netip.MustParsePrefix("10.20.24.0/21"), netip.MustParsePrefix("2001:db8::/32")}}
	in := &ec2.RunInstancesInput{ImageId: &r.api.Image, InstanceType: kind, MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1)}
	for n := range enis + 1 {
		part := "eni/" + name + "/management"
		if n > 0 {
			part = interfacePart(name, n)
		}
		e := must(r.CreateNetworkInterface(r.t.Context(), &ec2.CreateNetworkInterfaceInput{
			SubnetId: &r.subnet, Groups: []string{r.group},
			TagSpecifications: c.tags(types.ResourceTypeNetworkInterface, part),
		})).NetworkInterface
		in.NetworkInterfaces = append(in.NetworkInterfaces, types.InstanceNetworkInterfaceSpecification{
			DeviceIndex: aws.Int32(int32(n)), NetworkInterfaceId: e.NetworkInterfaceId,
		})
	}
	c.Instance = *must(r.RunInstances(r.t.Context(), in)).Instances[0].InstanceId
	synctest.Wait()
	for _, f := range change {
		f(&c)
	}
	return c
}

// start is a new process on a node, behind the faults.
func (r *region) start(c Config) (*Registrar, *direct) {
	d := &direct{handler: r.api, after: func() error { r.watch(); return nil }}
	return New(r.client(d), c), d
}

func (r *region) set(f lab.Fault) {
	r.t.Helper()
	if err := r.api.SetFault(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

// watch looks for addresses on two interfaces.
func (r *region) watch() {
	on := map[netip.Addr]string{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, addresses := range r.api.Registered() {
		for _, a := range addresses {
			if on[a] != "" {
				r.twice = append(r.twice, fmt.Sprintf("%s on %s and %s", a, on[a], id))
			}
			on[a] = id
		}
	}
}

// truth returns which interface has each address of the cloud's range, and the
// addresses that the tagged Elastic IPs are associated with, by the address they are for.
func (r *region) truth() (on map[netip.Addr]string, elastic map[netip.Addr][]netip.Addr) {
	on, elastic = map[netip.Addr]string{}, map[netip.Addr][]netip.Addr{}
	cloud := awsapi.ByTag(awsapi.TagCloud, "first")
	for _, e := range must(r.DescribeNetworkInterfaces(context.Background(),
		&ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{cloud}})).NetworkInterfaces {
		for _, a := range e.PrivateIpAddresses {
			if !*a.Primary {
				on[address(a.PrivateIpAddress)] = *e.NetworkInterfaceId
			}
		}
		for _, a := range e.Ipv6Addresses {
			on[address(a.Ipv6Address)] = *e.NetworkInterfaceId
		}
	}
	for _, a := range must(r.DescribeAddresses(context.Background(),
		&ec2.DescribeAddressesInput{Filters: []types.Filter{cloud}})).Addresses {
		e := ElasticIP{Part: awsapi.Part(a.Tags)}
		elastic[e.forAddress()] = append(elastic[e.forAddress()], address(a.PrivateIpAddress))
	}
	return on, elastic
}

// wants are n addresses of this node.
func wants(n int) []Want {
	var all []Want
	a := netip.MustParseAddr("10.20.24.1")
	for range n {
		all = append(all, Want{Addr: a, FloatingIP: "fip-" + a.String(), Here: true})
		a = a.Next()
	}
	return all
}

// until reconciles as the agent does until nothing is left to do or limit is
// over.
func until(t *testing.T, r *Registrar, wanted []Want, limit time.Duration) Result {
	t.Helper()
	end := time.Now().Add(limit)
	for {
		res, err := r.Reconcile(context.Background(), wanted)
		if err == nil && res.Next.IsZero() {
			return res
		}
		if time.Now().After(end) {
			t.Fatalf("not done after %v: next %v, %v, findings %v", limit, time.Until(res.Next), err, res.Findings)
		}
		time.Sleep(max(time.Second, min(time.Until(res.Next), 30*time.Second)))
	}
}

// check compares with the truth: each wanted address on one interface, with one
// Elastic IP that leads there, and nothing else.
func (r *region) check(wanted []Want) {
	r.t.Helper()
	on, elastic := r.truth()
	var errs []error
	for _, w := range wanted {
		switch leads := elastic[w.Addr]; {
		case on[w.Addr] == "":
			errs = append(errs, fmt.Errorf("%s is not registered", w.Addr))
		case w.Addr.Is4() && (len(leads) != 1 || leads[0] != w.Addr):
			errs = append(errs, fmt.Errorf("the Elastic IPs of %s lead to %v", w.Addr, leads))
		}
		delete(on, w.Addr)
		delete(elastic, w.Addr)
	}
	if len(on)+len(elastic) > 0 {
		errs = append(errs, fmt.Errorf("left over: %v, %v", on, elastic))
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	if err := errors.Join(errs...); err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.twice) > 0 {
		r.t.Errorf("addresses on two interfaces: %v", r.twice)
	}
}

func (r *region) prefix6() string {
	out := must(r.DescribeSubnets(context.Background(), &ec2.DescribeSubnetsInput{SubnetIds: []string{r.subnet}}))
	return *out.Subnets[0].Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock
}

func (r *region) describe(eni string) ENI {
	out := must(r.DescribeNetworkInterfaces(context.Background(),
		&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{eni}}))
	return (&Registrar{}).eniFrom(out.NetworkInterfaces[0])
}
