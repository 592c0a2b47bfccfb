// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"slices"
	"strings"
	"time"

	"macaw.example/lab/internal/ec2"
)

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Time
}

// rates are a bucket's size and its refill rate in tokens per second.
type rates struct{ burst, refill float64 }

// take takes n tokens; false if there are not enough.
func (b *bucket) take(r rates, n float64, now time.Time) bool {
	b.fill(r, now)
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}

func (b *bucket) fill(r rates, now time.Time) {
	if b.at.IsZero() {
		b.tokens = r.burst
	} else {
		b.tokens = min(r.burst, b.tokens+now.Sub(b.at).Seconds()*r.refill)
	}
	b.at = now
}

// The published buckets (EC2 Developer Guide, ec2-api-throttling).
var (
	mutating   = rates{50, 5}
	describing = rates{100, 20}
	unfiltered = rates{50, 10}

	published = map[string]rates{
		"AssignPrivateIpAddresses": {100, 5}, "UnassignPrivateIpAddresses": {100, 5}, "AssignIpv6Addresses": {100, 5},
		"UnassignIpv6Addresses":  {100, 5},
		"CreateNetworkInterface": {100, 5}, "DeleteNetworkInterface": {100, 5}, "ModifyNetworkInterfaceAttribute": {100, 5},
		"CreateSubnetCidrReservation": {5, 1}, "DeleteSubnetCidrReservation": {5, 1},
		"CreateTags": {100, 10}, "DeleteTags": {100, 10},
		"CreateNatGateway": {10, 1}, "AssociateNatGatewayAddress": {10, 1}, "DisassociateNatGatewayAddress": {10, 1},
		"RunInstances": {5, 2}, "StartInstances": {5, 2}, "TerminateInstances": {100, 5},
	}
	// These also take a token for each resource.
	byResource = map[string]rates{"RunInstances": {1000, 2}, "StartInstances": {1000, 2}, "TerminateInstances": {1000, 20}}
	// These have a smaller bucket for calls that do not narrow their results.
	costly = []string{"DescribeInstances", "DescribeInstanceStatus", "DescribeNetworkInterfaces", "DescribeSecurityGroups",
		"DescribeVolumes", "DescribeSnapshots", "DescribeSpotInstanceRequests"}
)

func reads(action string) bool {
	return strings.HasPrefix(action, "Describe") || strings.HasPrefix(action, "Get")
}

// ratesOf returns the bucket of a call.
func ratesOf(c ec2.CallFacts) (name string, r rates) {
	r, known := published[c.Action]
	switch {
	case known:
		return c.Action, r
	case slices.Contains(costly, c.Action) && !c.Narrowed:
		return c.Action + " of everything", unfiltered
	case reads(c.Action):
		return c.Action, describing
	}
	return c.Action, mutating
}

// throttled takes a call's tokens from its buckets. If one is short, it takes none and
// returns true.
func (i *Injector) throttled(c ec2.CallFacts) bool {
	now := i.cfg.Now()
	name, r := ratesOf(c)
	each, limited := byResource[c.Action]
	resources := i.bucket(c.Action + " resources")
	if limited {
		if resources.fill(each, now); resources.tokens < float64(c.Resources) {
			return true
		}
	}
	if !i.bucket(name).take(r, 1, now) {
		return true
	}
	if limited {
		resources.take(each, float64(c.Resources), now)
	}
	return false
}

func (i *Injector) bucket(name string) *bucket {
	if i.buckets[name] == nil {
		i.buckets[name] = &bucket{}
	}
	return i.buckets[name]
}
