// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"

	"macaw.example/internal/model"
)

// What is said by tags between Macaw and the owner of a floating IP. They are
// tags and not the description, which is the owner's, and which Neutron cannot
// change without taking the floating IP's rules out of OVN and putting them back.
// A tag is written to the database only. That makes the revision number grow, for
// which Neutron's OVN maintenance puts the same rules in place of themselves, in
// one transaction and within five minutes, as after any change of state.
const (
	tagPublic  = "elastic-ip="        // ours: the public address, "elastic-ip=198.51.100.7"
	tagProblem = "elastic-ip-error="  // ours: why there is none, a code such as "elastic-ip-quota"
	tagPolicy  = "elastic-ip-policy=" // the owner's: where the public address is to come from

	// tagForwards marks floating IPs that were made for forwards, and that go
	// with their last one.
	tagForwards = "macaw-forwards"
)

// problemCode is what a problem looks like: nothing that an address of a request
// gives a meaning to.
var problemCode = regexp.MustCompile(`^[a-z0-9-]{1,100}$`)

// PublicOf returns the public address that tags tell.
func PublicOf(tags []string) (netip.Addr, bool) {
	for _, t := range tags {
		if a, ok := publicTag(t); ok {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// ProblemOf returns the code that tags tell of why there is no public address.
func ProblemOf(tags []string) (string, bool) {
	for _, t := range tags {
		if code, ok := problemTag(t); ok {
			return code, true
		}
	}
	return "", false
}

// PolicyOf returns the policy that the owner asks for by a tag, "none",
// "on-demand", "pool" or "all". The error says what is wrong with the tag.
func PolicyOf(tags []string) (policy model.ElasticIPs, ok bool, err error) {
	for _, t := range tags {
		value, tagged := strings.CutPrefix(t, tagPolicy)
		switch {
		case !tagged:
		case !slices.Contains(model.ElasticIPPolicies(), model.ElasticIPs(value)):
			return "", false, fmt.Errorf("tag %q: want one of none, on-demand, pool, all", t)
		case ok:
			return "", false, fmt.Errorf("tags %q and %q contradict each other", tagPolicy+string(policy), t)
		default:
			policy, ok = model.ElasticIPs(value), true
		}
	}
	return policy, ok, nil
}

func publicTag(t string) (netip.Addr, bool) {
	value, ok := strings.CutPrefix(t, tagPublic)
	a, err := netip.ParseAddr(value)
	return a, ok && err == nil && a.Is4()
}

func problemTag(t string) (string, bool) {
	value, ok := strings.CutPrefix(t, tagProblem)
	return value, ok && problemCode.MatchString(value)
}

// planTags returns what makes tags tell the public address, if there is one, and
// the problem, unless that is empty. Tags that we cannot have written stay.
func planTags(have []string, public netip.Addr, problem string) (add, remove []string) {
	var want []string
	if public.IsValid() {
		want = append(want, tagPublic+public.String())
	}
	if problem != "" {
		want = append(want, tagProblem+problem)
	}
	for _, t := range want {
		if !slices.Contains(have, t) {
			add = append(add, t)
		}
	}
	for _, t := range have {
		_, isPublic := publicTag(t)
		_, isProblem := problemTag(t)
		if (isPublic || isProblem) && !slices.Contains(want, t) {
			remove = append(remove, t)
		}
	}
	return add, remove
}

// SetStatusTags makes the tags of a floating IP or port say its public address, zero if
// it has none, and what stands in the way, a code such as "elastic-ip-quota" or
// empty. It goes by the tags in a, and says whether it wrote.
//
// Each tag is added or removed by a request of its own, so that tags that others
// write at the same time are not lost, as they would be if the whole list were
// put. Neutron's router takes what follows the last dot of a path, here "7" of
// "elastic-ip=198.51.100.7", for the name of a format; its API puts back all but
// "json" (neutron/api/v2/resource.py), and no tag of ours ends so. What is wrong
// goes first: a run that is killed leaves too little, and nothing wrong.
func (p Provider) SetStatusTags(
	ctx context.Context, a Address, public netip.Addr, problem string,
) (changed bool, err error) {
	if public.IsValid() && !public.Is4() {
		return false, fmt.Errorf("tagging %s: %s is no IPv4 address", a.Addr, public)
	}
	if problem != "" && !problemCode.MatchString(problem) {
		return false, fmt.Errorf("tagging %s: %q is no code", a.Addr, problem)
	}
	resource := "ports"
	if a.Kind == KindFloating {
		resource = "floatingips"
	}
	add, remove := planTags(a.Tags, public, problem)
	for _, t := range remove {
		err := attributestags.Delete(ctx, p.Client.api, resource, a.ID, t).ExtractErr()
		if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			continue // somebody was faster
		}
		if err != nil {
			return changed, fmt.Errorf("removing tag %s of %s: %w", t, a.Addr, err)
		}
		changed = true
	}
	for _, t := range add {
		err := attributestags.Add(ctx, p.Client.api, resource, a.ID, t).ExtractErr()
		if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			return changed, nil // it was given back meanwhile
		}
		if err != nil {
			return changed, fmt.Errorf("adding tag %s to %s: %w", t, a.Addr, err)
		}
		changed = true
	}
	return changed, nil
}

// Refused says whether an error is Neutron's answer to the very request, such as a tag
// too many: the same request will not fare better soon, and others may. It is not if
// Neutron did not answer, is out of order, or wants somebody to log in or to wait.
func Refused(err error) bool {
	e, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	return ok && e.Actual >= 400 && e.Actual < 500 &&
		!slices.Contains([]int{http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests}, e.Actual)
}
