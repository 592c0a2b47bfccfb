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

// Tags for communication between Macaw and the owner of a floating IP. They are not in the
// description, which is the owner's, and which Neutron cannot change without removing the floating
// IP's rules from OVN and adding them again. A tag is written only to the database. It increments
// the revision number, so Neutron's OVN maintenance replaces the rules with the same ones, in one
// transaction and within five minutes, as after any change of state.
const (
	tagPublic  = "elastic-ip="        // ours: the public address, "elastic-ip=198.51.100.7"
	tagProblem = "elastic-ip-error="  // ours: why there is none, a code such as "elastic-ip-quota"
	tagPolicy  = "elastic-ip-policy=" // the owner's: the source of the public address

	// tagForwards marks floating IPs that were made for forwards, and that are removed with their
	// last one.
	tagForwards = "macaw-forwards"
)

// problemCode is the form of a problem's code: it has no character with a meaning in a URL.
var problemCode = regexp.MustCompile(`^[a-z0-9-]{1,100}$`)

// PublicOf returns the public address in tags.
func PublicOf(tags []string) (netip.Addr, bool) {
	for _, t := range tags {
		if a, ok := publicTag(t); ok {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// ProblemOf returns the code in tags for the reason why there is no public address.
func ProblemOf(tags []string) (string, bool) {
	for _, t := range tags {
		if code, ok := problemTag(t); ok {
			return code, true
		}
	}
	return "", false
}

// PolicyOf returns the policy that the owner has set by a tag, "none", "on-demand", "pool" or
// "all". The error describes an invalid tag.
func PolicyOf(tags []string) (policy model.ElasticIPPolicy, ok bool, err error) {
	for _, t := range tags {
		value, tagged := strings.CutPrefix(t, tagPolicy)
		switch {
		case !tagged:
		case !slices.Contains(model.ElasticIPPolicies(), model.ElasticIPPolicy(value)):
			return "", false, fmt.Errorf("tag %q: want one of none, on-demand, pool, all", t)
		case ok:
			return "", false, fmt.Errorf("tags %q and %q contradict each other", tagPolicy+string(policy), t)
		default:
			policy, ok = model.ElasticIPPolicy(value), true
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

// planTags returns the changes after which the tags show the public address, if valid, and the
// problem, if not empty. Tags that Macaw cannot have written stay.
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

// SetStatusTags sets the tags of a floating IP or port for its public address, zero if it has none,
// and its problem, a code such as "elastic-ip-quota" or empty. It compares with the tags in a, and
// reports whether it wrote.
//
// It adds or removes each tag by a separate request, so that concurrent changes of other tags are
// not lost, as they would be by writing the full list. Neutron's router treats the text after a
// path's last dot, here "7" of "elastic-ip=198.51.100.7", as the name of a format; its API restores
// all but "json" (neutron/api/v2/resource.py), and no tag of Macaw ends in that. Outdated tags are
// removed first, so that a killed run leaves tags missing, but none that are wrong.
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
			continue // removed by somebody else
		}
		if err != nil {
			return changed, fmt.Errorf("removing tag %s of %s: %w", t, a.Addr, err)
		}
		changed = true
	}
	for _, t := range add {
		err := attributestags.Add(ctx, p.Client.api, resource, a.ID, t).ExtractErr()
		if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			return changed, nil // released meanwhile
		}
		if err != nil {
			return changed, fmt.Errorf("adding tag %s to %s: %w", t, a.Addr, err)
		}
		changed = true
	}
	return changed, nil
}

// Refused reports whether an error is Neutron's refusal of this particular request, such as for one
// tag too many: repeating it will not help soon, but other requests may succeed. It is false if
// Neutron did not answer, failed, or wants a login or a pause.
func Refused(err error) bool {
	e, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	return ok && e.Actual >= 400 && e.Actual < 500 &&
		!slices.Contains([]int{http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests}, e.Actual)
}
