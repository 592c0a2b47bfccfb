package registrar

import (
	"context"
	"errors"
	"net/netip"
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

// halves splits a call in two. A batch is all or nothing (EC2 User Guide,
// MultipleIP), so one bad address would hold up the others.
func halves(a Action) (Action, Action) {
	b, n := a, len(a.Addrs)/2
	a.Addrs, b.Addrs = a.Addrs[:n:n], b.Addrs[n:]
	return a, b
}

// assign registers addresses, as many of them as AWS takes. What is assigned
// to the interface already is no error.
func (t *turn) assign(ctx context.Context, a Action) {
	k := kindOfCall{action: "AssignPrivateIpAddresses", deadline: t.end}
	if a.ipv6() {
		k.action = "AssignIpv6Addresses"
	}
	err := t.do(ctx, k, func(ctx context.Context) error {
		if a.ipv6() {
			_, err := t.api.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: aws.String(a.ENI), Ipv6Addresses: texts(a.Addrs)}, once)
			return err
		}
		_, err := t.api.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: aws.String(a.ENI),
			PrivateIpAddresses: texts(a.Addrs), AllowReassignment: aws.Bool(a.Move)}, once)
		return err
	})
	switch {
	case err == nil:
		var facts []fact
		for _, addr := range a.Addrs {
			facts = append(facts, registered{addr, a.ENI})
		}
		t.did(facts...)
	case aboutAddresses(err) && len(a.Addrs) > 1:
		one, other := halves(a)
		t.assign(ctx, one)
		t.assign(ctx, other)
	case aboutAddresses(err):
		t.lack(a.Addrs)
		t.memory.note(func(m *memory) {
			m.refused[a.addr()] = refusal{time.Now(), Refused, "AWS does not assign " + a.addr().String() + ": " + errorText(err)}
		})
		t.look()
	case errorCode(err) == "PrivateIpAddressLimitExceeded":
		// There is more on it than was shown. The next round takes another.
		t.lack(a.Addrs)
		t.memory.note(func(m *memory) { m.full[a.ENI] = time.Now() })
		t.look()
	default:
		t.lack(a.Addrs)
		for _, addr := range a.Addrs {
			t.failed(addr, err)
		}
	}
}

// look makes another round worth while although nothing was written: it sees
// more.
func (t *turn) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress = true
}

// unassign takes addresses away. An Elastic IP on one is disassociated with it
// (EC2 API Reference, UnassignPrivateIpAddresses).
func (t *turn) unassign(ctx context.Context, a Action) {
	k := kindOfCall{action: "UnassignPrivateIpAddresses", deadline: t.end}
	if a.ipv6() {
		k.action = "UnassignIpv6Addresses"
	}
	err := t.do(ctx, k, func(ctx context.Context) error {
		var err error
		if a.ipv6() {
			_, err = t.api.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: aws.String(a.ENI), Ipv6Addresses: texts(a.Addrs)}, once)
		} else {
			_, err = t.api.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: aws.String(a.ENI), PrivateIpAddresses: texts(a.Addrs)}, once)
		}
		if notAssigned(err) || notFound(err) {
			return errors.Join(errAlready, err)
		}
		return err
	})
	switch {
	case err != nil && len(a.Addrs) > 1 && (errors.Is(err, errAlready) || aboutAddresses(err)):
		one, other := halves(a)
		t.unassign(ctx, one)
		t.unassign(ctx, other)
	case err == nil, errors.Is(err, errAlready):
		var facts []fact
		for _, addr := range a.Addrs {
			facts = append(facts, unregistered{addr, a.ENI})
		}
		t.did(facts...)
	default:
		for _, addr := range a.Addrs {
			t.failed(addr, err)
		}
	}
}
