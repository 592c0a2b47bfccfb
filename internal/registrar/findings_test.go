// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
)

// settled reconciles for two minutes and returns the last result.
func settled(t *testing.T, reg *Registrar, w []Want) (res Result) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Second) {
		var err error
		if res, err = reg.Reconcile(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	return res
}

func codes(findings []model.Finding) map[netip.Addr]model.Code {
	out := map[netip.Addr]model.Code{}
	for _, f := range findings {
		out[f.Addr] = f.Code
	}
	return out
}

func wantCodes(t *testing.T, res Result, want map[netip.Addr]model.Code) {
	t.Helper()
	if d := cmp.Diff(want, codes(res.Findings), byValue); d != "" {
		t.Errorf("findings (-want +got):\n%s\n%v", d, res.Findings)
	}
	for _, f := range res.Findings {
		if f.Hint == "" {
			t.Errorf("no hint in %+v", f)
		}
	}
}

func TestQuota(t *testing.T) {
	inRegion(t, 2, func(r *region) {
		reg, _ := r.start(r.node("gw-1", "m8i.large", 1))
		w := wants(4)
		res := settled(r.t, reg, w)
		if len(res.Registered) != 4 || len(res.Findings) != 2 || res.Findings[0].Code != ElasticIPQuota ||
			res.Findings[1].Code != ElasticIPQuota {
			t.Errorf("registered %v, findings %v", res.Registered, res.Findings)
		}
		has := 0
		var kept []Want
		for _, one := range w {
			if res.Registered[one.Addr].Public.IsValid() {
				has++
			} else {
				kept = append(kept, one)
			}
		}
		if has != 2 {
			t.Errorf("%d have an Elastic IP, want 2", has)
		}
		// Those go, and the others get theirs.
		until(r.t, reg, kept, 5*time.Minute)
		r.check(kept)
	})
}

func TestAddressInUseElsewhere(t *testing.T) {
	inRegion(t, 30, func(r *region) {
		reg, _ := r.start(r.node("gw-1", "m8i.large", 1))
		w := wants(15)
		w = append(w, Want{Addr: ip("10.20.31.254"), Here: true, Policy: model.ElasticIPsNone},
			Want{Addr: ip("10.99.0.1"), Here: true})
		bad := w[6].Addr
		e := must(r.CreateNetworkInterface(r.t.Context(), &ec2.CreateNetworkInterfaceInput{
			SubnetId: &r.subnet, PrivateIpAddress: aws.String(bad.String()),
		})).NetworkInterface
		res := must(reg.Reconcile(r.t.Context(), w)) // the others do not wait for anything
		wantCodes(t, res, map[netip.Addr]model.Code{bad: AddressInUse, ip("10.99.0.1"): OutOfRange})
		if len(res.Registered) != 15 {
			t.Errorf("%d of 15 others are registered", len(res.Registered))
		}
		must(r.DeleteNetworkInterface(r.t.Context(),
			&ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: e.NetworkInterfaceId}))
		wantCodes(t, settled(r.t, reg, w), map[netip.Addr]model.Code{ip("10.99.0.1"): OutOfRange})
	})
}

func TestNoGateway(t *testing.T) {
	inRegion(t, 30, func(r *region) {
		reg, _ := r.start(r.node("gw-1", "m8i.large", 1))
		gateway := &ec2.DetachInternetGatewayInput{InternetGatewayId: &r.gateway, VpcId: &r.vpc}
		must(r.DetachInternetGateway(r.t.Context(), gateway))
		w := wants(2)
		res := settled(r.t, reg, w)
		wantCodes(t, res, map[netip.Addr]model.Code{w[0].Addr: NoGateway, w[1].Addr: NoGateway})
		must(r.AttachInternetGateway(r.t.Context(),
			&ec2.AttachInternetGatewayInput{InternetGatewayId: &r.gateway, VpcId: &r.vpc}))
		wantCodes(t, settled(r.t, reg, w), map[netip.Addr]model.Code{})
		r.check(w)
	})
}

// TestPool has two nodes that reach for the same three Elastic IPs.
func TestPool(t *testing.T) {
	inRegion(t, 30, func(r *region) {
		var pool []string
		for range 3 {
			pool = append(pool, *must(r.AllocateAddress(r.t.Context(), &ec2.AllocateAddressInput{})).AllocationId)
		}
		change := func(c *Config) { c.Policy, c.Pool = model.ElasticIPsPool, pool }
		one, _ := r.start(r.node("gw-1", "m8i.large", 1, change))
		two, _ := r.start(r.node("gw-2", "m8i.large", 1, change))
		w := wants(4)
		for i := range w {
			w[i].Here = i%2 == 0
		}
		mirror := append([]Want(nil), w...)
		for i := range mirror {
			mirror[i].Here = i%2 == 1
		}
		second := make(chan Result)
		go func() { second <- settled(r.t, two, mirror) }()
		a := settled(r.t, one, w)
		b := <-second
		public := map[netip.Addr]bool{}
		for _, res := range []Result{a, b} {
			for addr, at := range res.Registered {
				if at.Public.IsValid() && public[at.Public] {
					t.Errorf("%s leads to %s and to another", at.Public, addr)
				}
				public[at.Public] = true
			}
		}
		delete(public, netip.Addr{})
		findings := append(a.Findings, b.Findings...)
		if len(public) != 3 || len(findings) != 1 || findings[0].Code != PoolEmpty {
			t.Errorf("%d Elastic IPs in use, want 3; findings %v", len(public), findings)
		}
		// The pool is left as it was found.
		settled(r.t, one, nil)
		settled(r.t, two, nil)
		for _, e := range must(r.DescribeAddresses(r.t.Context(),
			&ec2.DescribeAddressesInput{AllocationIds: pool})).Addresses {
			if e.AssociationId != nil {
				t.Errorf("%s still leads to %s", *e.PublicIp, *e.PrivateIpAddress)
			}
		}
	})
}

// TestInterfacesAreUsedUp fills all that the type carries: two provider
// interfaces with 19 addresses each.
func TestInterfacesAreUsedUp(t *testing.T) {
	inRegion(t, 5, func(r *region) {
		reg, _ := r.start(r.node("gw-1", "m8i.large", 1, func(c *Config) { c.Policy = model.ElasticIPsNone }))
		w := wants(40)
		res := settled(r.t, reg, w)
		if len(res.ENIs) != 2 || len(res.Registered) != 38 || res.ENIs[1].Part != "eni/gw-1/provider-2" ||
			res.ENIs[1].Device != 2 {
			t.Errorf("%d registered on %+v", len(res.Registered), res.ENIs)
		}
		wantCodes(t, res, map[netip.Addr]model.Code{{}: ENIFull, w[38].Addr: ENIFull, w[39].Addr: ENIFull})
	})
}

// withoutRights is refused one action.
type withoutRights struct{ EC2 }

func (withoutRights) AssignPrivateIpAddresses(context.Context, *ec2.AssignPrivateIpAddressesInput, ...options) (
	*ec2.AssignPrivateIpAddressesOutput, error) {
	return nil, &smithy.GenericAPIError{
		Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation.",
	}
}

func TestWithoutRights(t *testing.T) {
	inRegion(t, 5, func(r *region) {
		reg := New(withoutRights{r.Client}, r.node("gw-1", "m8i.large", 1))
		w := wants(2)
		res := settled(r.t, reg, w)
		wantCodes(t, res, map[netip.Addr]model.Code{w[0].Addr: Refused, w[1].Addr: Refused})
		res = must(reg.Reconcile(r.t.Context(), w))
		if wait := time.Until(res.Next); wait < time.Second || res.Calls > 5 {
			t.Errorf("%d calls, and the next ones in %v", res.Calls, wait)
		}
	})
}

// TestUnreadable has an AWS that does not answer: nothing is changed, and the
// caller learns of it.
func TestUnreadable(t *testing.T) {
	inRegion(t, 5, func(r *region) {
		c := r.node("gw-1", "m8i.large", 1)
		reg, d := r.start(c)
		w := wants(2)
		until(r.t, reg, w, time.Minute)
		d.before = func() error { return errors.New("no route to host") }
		if _, err := reg.Reconcile(r.t.Context(), nil); !errors.Is(err, errUnavailable) {
			t.Errorf("error %v", err)
		}
		r.check(w)
	})
}
