// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"
)

// Leftover is a resource of a run that still exists.
type Leftover struct {
	Run  string `json:"run"`
	Type string `json:"type"` // such as network-interface or role
	ID   string `json:"id"`
}

// Leftovers finds the resources of a run by tag, and in IAM by path; an empty run means all runs.
func Leftovers(ctx context.Context, cfg Config, run string) ([]Leftover, error) {
	wanted := filters("tag-key", TagRun)
	if run != "" {
		wanted = filters("tag:"+TagRun, run)
	}
	left, err := find(ctx, cfg.EC2, wanted)
	if err != nil {
		return nil, err
	}
	known, err := identities(ctx, cfg.Wire, run)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(left.instances, left.nats, left.addresses, left.vpcs, left.gateways, left.keys, known)
	slices.SortFunc(all, func(a, b Leftover) int {
		return cmp.Or(strings.Compare(a.Run, b.Run), strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}

// leftovers are the resources that Clean starts from, by kind. It finds the contents of
// a VPC itself.
type leftovers struct {
	instances, nats, addresses, vpcs, gateways, keys []Leftover
}

func runOf(tags []types.Tag) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == TagRun {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

func find(ctx context.Context, api EC2, wanted []types.Filter) (leftovers, error) {
	var l leftovers
	instances, err := api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: wanted})
	if err != nil {
		return l, fmt.Errorf("finding instances of earlier runs: %w", err)
	}
	for _, r := range instances.Reservations {
		for _, i := range r.Instances {
			if i.State.Name != types.InstanceStateNameTerminated {
				l.instances = append(l.instances, Leftover{runOf(i.Tags), "instance", *i.InstanceId})
			}
		}
	}
	nats, err := api.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: wanted})
	if err != nil && code(err) != "InvalidAction" {
		return l, fmt.Errorf("finding NAT gateways of earlier runs: %w", err)
	}
	if err == nil {
		for _, n := range nats.NatGateways {
			if n.State != types.NatGatewayStateDeleted {
				l.nats = append(l.nats, Leftover{runOf(n.Tags), "natgateway", *n.NatGatewayId})
			}
		}
	}
	addresses, err := api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: wanted})
	if err != nil {
		return l, fmt.Errorf("finding Elastic IPs of earlier runs: %w", err)
	}
	for _, a := range addresses.Addresses {
		l.addresses = append(l.addresses, Leftover{runOf(a.Tags), "elastic-ip", *a.AllocationId})
	}
	vpcs, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: wanted})
	if err != nil {
		return l, fmt.Errorf("finding VPCs of earlier runs: %w", err)
	}
	for _, v := range vpcs.Vpcs {
		l.vpcs = append(l.vpcs, Leftover{runOf(v.Tags), "vpc", *v.VpcId})
	}
	gateways, err := api.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{Filters: wanted})
	if err != nil {
		return l, fmt.Errorf("finding Internet gateways of earlier runs: %w", err)
	}
	for _, g := range gateways.InternetGateways {
		l.gateways = append(l.gateways, Leftover{runOf(g.Tags), "internet-gateway", *g.InternetGatewayId})
	}
	keys, err := api.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{Filters: wanted})
	if err != nil {
		return l, fmt.Errorf("finding key pairs of earlier runs: %w", err)
	}
	for _, k := range keys.KeyPairs {
		l.keys = append(l.keys, Leftover{runOf(k.Tags), "key-pair", *k.KeyName})
	}
	return l, nil
}

// Clean removes the resources of a run, or of all runs if run is empty. It continues
// after errors, and may be repeated.
func Clean(ctx context.Context, cfg Config, run string) error {
	api, wanted := cfg.EC2, filters("tag-key", TagRun)
	if run != "" {
		wanted = filters("tag:"+TagRun, run)
	}
	c := &cleaner{api: api, wire: cfg.Wire}
	l, err := find(ctx, api, wanted)
	if err != nil {
		c.note(err) // IAM may answer all the same
	}
	c.machines(ctx, l)
	c.each(l.addresses, func(a Leftover) error { return releaseAddress(ctx, api, a.ID) })
	c.each(l.vpcs, func(v Leftover) error { return c.vpc(ctx, v.ID) })
	c.each(l.gateways, func(g Leftover) error {
		return c.gone(ctx, func() error {
			_, err := api.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &g.ID})
			return err
		})
	})
	c.each(l.keys, func(k Leftover) error {
		_, err := api.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyName: &k.ID})
		return err
	})
	known, err := identities(ctx, cfg.Wire, run)
	if err != nil {
		c.note(err)
	}
	c.each(known, func(i Leftover) error { return c.identity(ctx, i) })
	return c.err
}

// cleaner removes resources and collects errors.
type cleaner struct {
	api  EC2
	wire Wire
	mu   sync.Mutex
	err  error
}

func (c *cleaner) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, err)
}

// sideBySide is the number of concurrent removals, far below AWS's limits (EC2
// Developer Guide, ec2-api-throttling).
const sideBySide = 8

func (c *cleaner) each(all []Leftover, remove func(Leftover) error) {
	var g errgroup.Group
	g.SetLimit(sideBySide)
	for _, l := range all {
		g.Go(func() error {
			if err := remove(l); err != nil {
				c.note(fmt.Errorf("removing %s %s: %w", l.Type, l.ID, err))
			}
			return nil
		})
	}
	_ = g.Wait() // errors are collected
}

// gone repeats a removal until it succeeds or the resource does not exist; its
// dependents may still be terminating.
func (c *cleaner) gone(ctx context.Context, remove func() error) error {
	pause, begun := 200*time.Millisecond, time.Now()
	for {
		err := remove()
		passing := slices.Contains([]string{"DependencyViolation", "InvalidNetworkInterface.InUse", "InvalidIPAddress.InUse",
			"InvalidParameterValue", "IncorrectState", "OperationNotPermitted"}, code(err))
		switch {
		case err == nil, strings.HasSuffix(code(err), "NotFound"), code(err) == "Gateway.NotAttached":
			return nil
		case !passing || time.Since(begun) > 5*time.Minute:
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
		pause = min(pause*3/2, 5*time.Second)
	}
}

// machines terminates instances and NAT gateways, and waits: their interfaces are
// deleted with them.
func (c *cleaner) machines(ctx context.Context, l leftovers) {
	c.each(l.nats, func(n Leftover) error {
		if _, err := c.api.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &n.ID}); err != nil {
			return err
		}
		return ec2.NewNatGatewayDeletedWaiter(c.api,
			func(o *ec2.NatGatewayDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).
			Wait(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{n.ID}}, 10*time.Minute)
	})
	var ids []string
	for _, i := range l.instances {
		ids = append(ids, i.ID)
	}
	if len(ids) == 0 {
		return
	}
	_, err := c.api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids})
	if err == nil {
		err = ec2.NewInstanceTerminatedWaiter(c.api,
			func(o *ec2.InstanceTerminatedWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).
			Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids}, 10*time.Minute)
	}
	if err != nil {
		c.note(fmt.Errorf("terminating %s: %w", strings.Join(ids, ", "), err))
	}
}

// releaseAddress disassociates and releases an Elastic IP, if it exists.
func releaseAddress(ctx context.Context, api EC2, id string) error {
	c := &cleaner{api: api}
	return c.gone(ctx, func() error {
		out, err := api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{id}})
		if err != nil {
			return err
		}
		for _, a := range out.Addresses {
			if a.AssociationId == nil {
				continue
			}
			if _, err := api.DisassociateAddress(ctx,
				&ec2.DisassociateAddressInput{AssociationId: a.AssociationId}); err != nil &&
				!strings.HasSuffix(code(err), ".NotFound") {
				return err
			}
		}
		_, err = api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &id})
		return err
	})
}

// vpc removes a VPC and its contents.
func (c *cleaner) vpc(ctx context.Context, id string) error {
	in := filters("vpc-id", id)
	enis, err := c.api.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: in})
	if err != nil {
		return err
	}
	var ids []Leftover
	for _, e := range enis.NetworkInterfaces {
		ids = append(ids, Leftover{"", "network-interface", *e.NetworkInterfaceId})
	}
	c.each(ids, func(e Leftover) error {
		return c.gone(ctx, func() error {
			_, err := c.api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &e.ID})
			return err
		})
	})
	if err := c.subnets(ctx, in); err != nil {
		return err
	}
	if err := c.routeTables(ctx, in); err != nil {
		return err
	}
	if err := c.groups(ctx, in); err != nil {
		return err
	}
	gateways, err := c.api.DescribeInternetGateways(ctx,
		&ec2.DescribeInternetGatewaysInput{Filters: filters("attachment.vpc-id", id)})
	if err != nil {
		return err
	}
	for _, g := range gateways.InternetGateways {
		err := c.gone(ctx, func() error {
			_, err := c.api.DetachInternetGateway(ctx,
				&ec2.DetachInternetGatewayInput{InternetGatewayId: g.InternetGatewayId, VpcId: &id})
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.gone(ctx, func() error {
		_, err := c.api.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &id})
		return err
	})
}

func (c *cleaner) subnets(ctx context.Context, in []types.Filter) error {
	out, err := c.api.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: in})
	if err != nil {
		return err
	}
	var ids []Leftover
	for _, s := range out.Subnets {
		ids = append(ids, Leftover{"", "subnet", *s.SubnetId})
	}
	c.each(ids, func(s Leftover) error {
		return c.gone(ctx, func() error {
			_, err := c.api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &s.ID})
			if code(err) == "DependencyViolation" {
				err = errors.Join(err, c.unreserve(ctx, s.ID))
			}
			return err
		})
	})
	return nil
}

// unreserve removes the reservations of a subnet: whether they prevent its deletion is
// not documented.
func (c *cleaner) unreserve(ctx context.Context, subnet string) error {
	out, err := c.api.GetSubnetCidrReservations(ctx, &ec2.GetSubnetCidrReservationsInput{SubnetId: &subnet})
	if err != nil {
		return err
	}
	for _, r := range append(out.SubnetIpv4CidrReservations, out.SubnetIpv6CidrReservations...) {
		_, err := c.api.DeleteSubnetCidrReservation(ctx,
			&ec2.DeleteSubnetCidrReservationInput{SubnetCidrReservationId: r.SubnetCidrReservationId})
		if err != nil && !strings.HasSuffix(code(err), ".NotFound") {
			return err
		}
	}
	return nil
}

func (c *cleaner) routeTables(ctx context.Context, in []types.Filter) error {
	out, err := c.api.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: in})
	if err != nil {
		return err
	}
	var ids []Leftover
	for _, r := range out.RouteTables {
		if !slices.ContainsFunc(r.Associations, func(a types.RouteTableAssociation) bool { return aws.ToBool(a.Main) }) {
			ids = append(ids, Leftover{"", "route-table", *r.RouteTableId})
		}
	}
	c.each(ids, func(r Leftover) error {
		return c.gone(ctx, func() error {
			_, err := c.api.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &r.ID})
			return err
		})
	})
	return nil
}

// groups removes security groups; it first revokes their rules, which may refer to
// other groups.
func (c *cleaner) groups(ctx context.Context, in []types.Filter) error {
	out, err := c.api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: in})
	if err != nil {
		return err
	}
	groups := slices.DeleteFunc(out.SecurityGroups,
		func(g types.SecurityGroup) bool { return aws.ToString(g.GroupName) == "default" })
	for _, g := range groups {
		if len(g.IpPermissions) == 0 {
			continue
		}
		_, err := c.api.RevokeSecurityGroupIngress(ctx,
			&ec2.RevokeSecurityGroupIngressInput{GroupId: g.GroupId, IpPermissions: g.IpPermissions})
		if err != nil && !strings.HasSuffix(code(err), ".NotFound") {
			return err
		}
	}
	var ids []Leftover
	for _, g := range groups {
		ids = append(ids, Leftover{"", "security-group", *g.GroupId})
	}
	c.each(ids, func(g Leftover) error {
		return c.gone(ctx, func() error {
			_, err := c.api.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &g.ID})
			return err
		})
	})
	return nil
}
