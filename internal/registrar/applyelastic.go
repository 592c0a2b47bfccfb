// SPDX-License-Identifier: Apache-2.0

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

// allocate allocates an Elastic IP for an address and associates it. The same call sets
// its tags: a process that is killed right after it leaves nothing that cannot be found.
func (p *pass) allocate(ctx context.Context, a Action) {
	if p.didAssignFail(a.addr()) || recent(p.quotaReached(), time.Now(), retryAfter) {
		return
	}
	part := addressPart(a.addr())
	in := &ec2.AllocateAddressInput{
		Domain: types.DomainTypeVpc, TagSpecifications: p.cfg.tags(types.ResourceTypeElasticIp, part),
	}
	var out *ec2.AllocateAddressOutput
	o := callOptions{action: "AllocateAddress", nonIdempotent: true, deadline: p.end}
	err := p.do(ctx, o, func(ctx context.Context) (err error) {
		out, err = p.api.AllocateAddress(ctx, in, noRetry)
		return err
	})
	switch {
	case err == nil:
		p.memory.locked(func(m *memory) { m.quotaReached = time.Time{} })
		a.Verb, a.Allocation, a.Move = Associate, aws.ToString(out.AllocationId), true
		p.wrote(elasticIPAllocated{ElasticIP{Allocation: a.Allocation, Public: address(out.PublicIp), Part: part}})
		p.associate(ctx, a)
	case errors.Is(err, errAmbiguous):
		p.memory.locked(func(m *memory) { m.ambiguous[a.addr()] = time.Now() })
		p.failed(a.addr(), err)
	case errorCode(err) == "AddressLimitExceeded":
		p.memory.locked(func(m *memory) { m.quotaReached = time.Now() })
		p.requeue() // the next plan reports it for all that wait
	default:
		p.failed(a.addr(), err)
	}
}

func (p *pass) quotaReached() (at time.Time) {
	p.memory.locked(func(m *memory) { at = m.quotaReached })
	return at
}

func (p *pass) gatewayMissing() (at time.Time) {
	p.memory.locked(func(m *memory) { at = m.gatewayMissing })
	return at
}

// associate associates an Elastic IP with an address. AllowReassociation is always given:
// without it some accounts refuse what others do.
func (p *pass) associate(ctx context.Context, a Action) {
	if p.didAssignFail(a.addr()) || recent(p.gatewayMissing(), time.Now(), retryAfter) {
		return
	}
	in := &ec2.AssociateAddressInput{
		AllocationId: aws.String(a.Allocation), NetworkInterfaceId: aws.String(a.ENI),
		PrivateIpAddress: aws.String(a.addr().String()), AllowReassociation: aws.Bool(a.Move),
	}
	o := callOptions{
		action: "AssociateAddress", deadline: p.end,
		// What was just allocated or assigned may not be known everywhere.
		notYetVisible: func(err error) bool { return notAssigned(err) || notFound(err) },
	}
	var out *ec2.AssociateAddressOutput
	err := p.do(ctx, o, func(ctx context.Context) (err error) {
		out, err = p.api.AssociateAddress(ctx, in, noRetry)
		return err
	})
	switch {
	case err == nil:
		p.wrote(elasticIPAssociated{a.Allocation, aws.ToString(out.AssociationId), a.ENI, a.addr()})
	case errorCode(err) == "Gateway.NotAttached":
		p.memory.locked(func(m *memory) { m.gatewayMissing = time.Now() })
		p.requeue()
	case errorCode(err) == "Resource.AlreadyAssociated":
		p.memory.locked(func(m *memory) { m.busy[a.Allocation] = time.Now() })
		p.requeue() // the next plan takes another
	case notFound(err), notAssigned(err):
		// One of the two is gone, whatever was expected.
		p.memory.drop(a.Allocation, associationKey(a.Allocation), addressKey(a.addr()))
		p.failed(a.addr(), err)
	default:
		p.failed(a.addr(), err)
	}
}

// disassociate ends the association of an Elastic IP.
func (p *pass) disassociate(ctx context.Context, a Action) {
	in := &ec2.DisassociateAddressInput{AssociationId: aws.String(a.Association)}
	o := callOptions{action: "DisassociateAddress", deadline: p.end}
	err := p.do(ctx, o, func(ctx context.Context) error {
		_, err := p.api.DisassociateAddress(ctx, in, noRetry)
		return alreadyGone(err)
	})
	if err != nil && !errors.Is(err, errAlreadyDone) {
		p.failed(netip.Addr{}, err)
		return
	}
	p.wrote(elasticIPAssociated{allocation: a.Allocation})
}

// release releases an Elastic IP. One that has come into use meanwhile stays: AWS refuses
// to release it (EC2 API Reference, ReleaseAddress).
func (p *pass) release(ctx context.Context, a Action) {
	in := &ec2.ReleaseAddressInput{AllocationId: aws.String(a.Allocation)}
	o := callOptions{action: "ReleaseAddress", deadline: p.end}
	err := p.do(ctx, o, func(ctx context.Context) error {
		_, err := p.api.ReleaseAddress(ctx, in, noRetry)
		return alreadyGone(err)
	})
	switch {
	case err == nil, errors.Is(err, errAlreadyDone):
		p.wrote(elasticIPReleased(a.Allocation))
	case errorCode(err) == "InvalidIPAddress.InUse":
		p.memory.drop(associationKey(a.Allocation))
		// Its grace period begins again.
		p.memory.locked(func(m *memory) { delete(m.orphanedSince, a.Allocation) })
	default:
		p.failed(netip.Addr{}, err)
	}
}

// alreadyGone makes errAlreadyDone of a refusal to remove what is not there.
func alreadyGone(err error) error {
	if notFound(err) {
		return errors.Join(errAlreadyDone, err)
	}
	return err
}
