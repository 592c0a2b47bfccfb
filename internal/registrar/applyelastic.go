package registrar

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// allocate makes an Elastic IP for an address and leads it there. Its tags are
// set by the same call: whoever is killed right after it leaves nothing that
// cannot be found.
func (t *turn) allocate(ctx context.Context, a Action) {
	if t.lacks(a.addr()) || recent(t.quota(), time.Now(), again) {
		return
	}
	part := addressPart(a.addr())
	var out *ec2.AllocateAddressOutput
	err := t.do(ctx, kindOfCall{action: "AllocateAddress", unique: true, deadline: t.end}, func(ctx context.Context) (err error) {
		out, err = t.api.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc,
			TagSpecifications: t.cfg.tags(types.ResourceTypeElasticIp, part)}, once)
		return err
	})
	switch {
	case err == nil:
		t.memory.note(func(m *memory) { m.quota = time.Time{} })
		a.Verb, a.Allocation, a.Move = Associate, aws.ToString(out.AllocationId), true
		t.did(allocated{ElasticIP{Allocation: a.Allocation, Public: address(out.PublicIp), Part: part}})
		t.associate(ctx, a)
	case errors.Is(err, errUnsure):
		t.memory.note(func(m *memory) { m.unsure[a.addr()] = time.Now() })
		t.failed(a.addr(), err)
	case errorCode(err) == "AddressLimitExceeded":
		t.memory.note(func(m *memory) { m.quota = time.Now() })
		t.look() // the next plan tells it of all that wait
	default:
		t.failed(a.addr(), err)
	}
}

func (t *turn) quota() (at time.Time) {
	t.memory.note(func(m *memory) { at = m.quota })
	return at
}

func (t *turn) gateway() (at time.Time) {
	t.memory.note(func(m *memory) { at = m.gateway })
	return at
}

// associate leads an Elastic IP to an address. AllowReassociation is always
// said: without it some accounts refuse what others do.
func (t *turn) associate(ctx context.Context, a Action) {
	if t.lacks(a.addr()) || recent(t.gateway(), time.Now(), again) {
		return
	}
	// What was made or assigned just now may not be known everywhere.
	k := kindOfCall{action: "AssociateAddress", deadline: t.end, yet: func(err error) bool { return notAssigned(err) || notFound(err) }}
	var out *ec2.AssociateAddressOutput
	err := t.do(ctx, k, func(ctx context.Context) (err error) {
		out, err = t.api.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: aws.String(a.Allocation),
			NetworkInterfaceId: aws.String(a.ENI), PrivateIpAddress: aws.String(a.addr().String()), AllowReassociation: aws.Bool(a.Move)}, once)
		return err
	})
	switch {
	case err == nil:
		t.did(leads{a.Allocation, aws.ToString(out.AssociationId), a.ENI, a.addr()})
	case errorCode(err) == "Gateway.NotAttached":
		t.memory.note(func(m *memory) { m.gateway = time.Now() })
		t.look()
	case errorCode(err) == "Resource.AlreadyAssociated":
		t.memory.note(func(m *memory) { m.busy[a.Allocation] = time.Now() })
		t.look() // the next plan takes another
	case notFound(err), notAssigned(err):
		// One of the two is not there any more, whatever was believed.
		t.memory.doubt(a.Allocation, leadsKey(a.Allocation), keyOf(a.addr()))
		t.failed(a.addr(), err)
	default:
		t.failed(a.addr(), err)
	}
}

// disassociate ends what an Elastic IP leads to.
func (t *turn) disassociate(ctx context.Context, a Action) {
	err := t.do(ctx, kindOfCall{action: "DisassociateAddress", deadline: t.end}, func(ctx context.Context) error {
		_, err := t.api.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: aws.String(a.Association)}, once)
		if notFound(err) {
			return errors.Join(errAlready, err)
		}
		return err
	})
	if err != nil && !errors.Is(err, errAlready) {
		t.failed(netip.Addr{}, err)
		return
	}
	t.did(leads{allocation: a.Allocation})
}

// release gives an Elastic IP back. One that has come into use meanwhile stays:
// AWS refuses to release it (EC2 API Reference, ReleaseAddress).
func (t *turn) release(ctx context.Context, a Action) {
	err := t.do(ctx, kindOfCall{action: "ReleaseAddress", deadline: t.end}, func(ctx context.Context) error {
		_, err := t.api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: aws.String(a.Allocation)}, once)
		if notFound(err) {
			return errors.Join(errAlready, err)
		}
		return err
	})
	switch {
	case err == nil, errors.Is(err, errAlready):
		t.did(released(a.Allocation))
	case errorCode(err) == "InvalidIPAddress.InUse":
		t.memory.doubt(leadsKey(a.Allocation))
		t.memory.note(func(m *memory) { delete(m.spare, a.Allocation) }) // its grace begins anew
	default:
		t.failed(netip.Addr{}, err)
	}
}
