// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"math"
	"time"
)

// ElasticIPPolicy is a policy for the Elastic IPs of Neutron's addresses. The cloud file sets the
// cloud's policy, and a tag on a floating IP overrides it.
type ElasticIPPolicy string

// The policies.
const (
	// ElasticIPsAll: each address has one that was made with the cloud. None is allocated or
	// released later, and addresses stay registered when Neutron releases them.
	ElasticIPsAll ElasticIPPolicy = "all"
	// ElasticIPsOnDemand: allocated when Neutron assigns an address, and released with it.
	ElasticIPsOnDemand ElasticIPPolicy = "on-demand"
	// ElasticIPsPool: one of a list of allocations; none is allocated or released.
	ElasticIPsPool ElasticIPPolicy = "pool"
	// ElasticIPsNone: addresses can be reached inside the VPC only.
	ElasticIPsNone ElasticIPPolicy = "none"
)

// ElasticIPPolicies returns every policy.
func ElasticIPPolicies() []ElasticIPPolicy {
	return []ElasticIPPolicy{ElasticIPsAll, ElasticIPsOnDemand, ElasticIPsPool, ElasticIPsNone}
}

// Wait is a duration, as text for example "24h0m0s", or "never".
type Wait time.Duration

// Never is a wait that only an operator ends.
const Never = Wait(math.MaxInt64)

const never = "never"

// String returns the wait as text.
func (w Wait) String() string {
	if w == Never {
		return never
	}
	return time.Duration(w).String()
}

// MarshalText implements encoding.TextMarshaler.
func (w Wait) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Wait) UnmarshalText(text []byte) error {
	if string(text) == never {
		*w = Never
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is neither a duration such as 1h30m nor %q", text, never)
	}
	*w = Wait(d)
	return nil
}
