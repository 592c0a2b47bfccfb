// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

func texts(addrs []netip.Addr) []string {
	var all []string
	for _, a := range addrs {
		all = append(all, a.String())
	}
	return all
}

// split makes two calls of one. A call takes effect for all addresses or for none (EC2
// User Guide, MultipleIP), so one bad address would hold up the others.
func split(a Action) (Action, Action) {
	b, n := a, len(a.Addrs)/2
	a.Addrs, b.Addrs = a.Addrs[:n:n], b.Addrs[n:]
	return a, b
}

// assign registers addresses, as many of them as AWS takes. One that is assigned to the
// interface already is no error.
func (p *pass) assign(ctx context.Context, a Action) {
	if a.Move {
		all := len(a.Addrs)
		a.Addrs = slices.DeleteFunc(slices.Clone(a.Addrs), func(addr netip.Addr) bool { return !p.cfg.StillHere(addr) })
		if len(a.Addrs) < all {
			p.requeue()
		}
		if len(a.Addrs) == 0 {
			return
		}
	}
	err := p.callAssign(ctx, a)
	switch {
	case err == nil:
		var effects []effect
		for _, addr := range a.Addrs {
			effects = append(effects, addressAssigned{addr, a.ENI, a.Move})
		}
		p.wrote(effects...)
	case errors.Is(err, errElsewhere):
		p.assign(ctx, a) // those that are still here
	case aboutAddresses(err) && len(a.Addrs) > 1:
		one, other := split(a)
		p.assign(ctx, one)
		p.assign(ctx, other)
	case aboutAddresses(err):
		p.noteAssignFailed(a.Addrs)
		text := "AWS does not assign " + a.addr().String() + ": " + errorText(err)
		p.memory.locked(func(m *memory) { m.refused[a.addr()] = refusal{time.Now(), Refused, text} })
		p.requeue()
	case errorCode(err) == "PrivateIpAddressLimitExceeded":
		// More is on it than Describe showed. The next round takes another interface.
		p.noteAssignFailed(a.Addrs)
		p.memory.locked(func(m *memory) { m.full[a.ENI] = time.Now() })
		p.requeue()
	default:
		p.noteAssignFailed(a.Addrs)
		for _, addr := range a.Addrs {
			p.failed(addr, err)
		}
	}
}

func (p *pass) callAssign(ctx context.Context, a Action) error {
	eni, addrs := aws.String(a.ENI), texts(a.Addrs)
	if a.ipv6() {
		in := &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: eni, Ipv6Addresses: addrs}
		o := callOptions{action: "AssignIpv6Addresses", deadline: p.end}
		return p.do(ctx, o, func(ctx context.Context) error {
			_, err := p.api.AssignIpv6Addresses(ctx, in, noRetry)
			return err
		})
	}
	in := &ec2.AssignPrivateIpAddressesInput{
		NetworkInterfaceId: eni, PrivateIpAddresses: addrs, AllowReassignment: aws.Bool(a.Move),
	}
	o := callOptions{action: "AssignPrivateIpAddresses", deadline: p.end}
	if a.Move { // waiting for AWS's limits, and retries, take seconds
		o.check = func() error {
			if slices.ContainsFunc(a.Addrs, func(addr netip.Addr) bool { return !p.cfg.StillHere(addr) }) {
				return errElsewhere
			}
			return nil
		}
	}
	return p.do(ctx, o, func(ctx context.Context) error {
		_, err := p.api.AssignPrivateIpAddresses(ctx, in, noRetry)
		return err
	})
}

// unassign takes addresses off an interface. The Elastic IP of one is disassociated by it
// (EC2 API Reference, UnassignPrivateIpAddresses).
func (p *pass) unassign(ctx context.Context, a Action) {
	err := p.callUnassign(ctx, a)
	switch {
	case err != nil && len(a.Addrs) > 1 && (errors.Is(err, errAlreadyDone) || aboutAddresses(err)):
		one, other := split(a)
		p.unassign(ctx, one)
		p.unassign(ctx, other)
	case err == nil, errors.Is(err, errAlreadyDone):
		var effects []effect
		for _, addr := range a.Addrs {
			effects = append(effects, addressUnassigned{addr, a.ENI})
		}
		p.wrote(effects...)
	default:
		for _, addr := range a.Addrs {
			p.failed(addr, err)
		}
	}
}

func (p *pass) callUnassign(ctx context.Context, a Action) error {
	eni, addrs := aws.String(a.ENI), texts(a.Addrs)
	if a.ipv6() {
		in := &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: eni, Ipv6Addresses: addrs}
		o := callOptions{action: "UnassignIpv6Addresses", deadline: p.end}
		return p.do(ctx, o, func(ctx context.Context) error {
			_, err := p.api.UnassignIpv6Addresses(ctx, in, noRetry)
			return alreadyUnassigned(err)
		})
	}
	in := &ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: eni, PrivateIpAddresses: addrs}
	o := callOptions{action: "UnassignPrivateIpAddresses", deadline: p.end}
	return p.do(ctx, o, func(ctx context.Context) error {
		_, err := p.api.UnassignPrivateIpAddresses(ctx, in, noRetry)
		return alreadyUnassigned(err)
	})
}

// alreadyUnassigned makes errAlreadyDone of a refusal to unassign what is not assigned.
func alreadyUnassigned(err error) error {
	if notAssigned(err) || notFound(err) {
		return errors.Join(errAlreadyDone, err)
	}
	return err
}
