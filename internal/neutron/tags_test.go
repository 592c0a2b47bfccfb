// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2"

	"macaw.example/internal/model"
)

func TestPlanTags(t *testing.T) {
	seven, none := netip.MustParseAddr("198.51.100.7"), netip.Addr{}
	for _, c := range []struct {
		name        string
		have        []string
		public      netip.Addr
		problem     string
		add, remove []string
	}{
		{name: "nothing to say"},
		{name: "first address", have: []string{"shop", "elastic-ip-policy=pool"}, public: seven,
			add: []string{"elastic-ip=198.51.100.7"}},
		{name: "said", have: []string{"elastic-ip=198.51.100.7"}, public: seven},
		{
			name: "another address", have: []string{"elastic-ip=198.51.100.6", "shop"}, public: seven,
			add: []string{"elastic-ip=198.51.100.7"}, remove: []string{"elastic-ip=198.51.100.6"},
		},
		{
			name: "a problem", have: []string{"elastic-ip=198.51.100.7"}, public: none, problem: "elastic-ip-quota",
			add: []string{"elastic-ip-error=elastic-ip-quota"}, remove: []string{"elastic-ip=198.51.100.7"},
		},
		{
			name: "solved", have: []string{"elastic-ip-error=elastic-ip-quota", "elastic-ip-error=pool-empty"}, public: seven,
			add:    []string{"elastic-ip=198.51.100.7"},
			remove: []string{"elastic-ip-error=elastic-ip-quota", "elastic-ip-error=pool-empty"},
		},
		{name: "both", have: []string{"elastic-ip=198.51.100.7"}, public: seven, problem: "refused",
			add: []string{"elastic-ip-error=refused"}},
		{name: "the owner's", have: []string{"elastic-ip=mine/../", "elastic-ip-error=What?", "elastic-ip",
			"elastic-ip-policy=x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			add, remove := planTags(c.have, c.public, c.problem)
			if d := cmp.Diff(c.add, add); d != "" {
				t.Errorf("add (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.remove, remove); d != "" {
				t.Errorf("remove (-want +got):\n%s", d)
			}
		})
	}
}

func TestReadTags(t *testing.T) {
	for _, c := range []struct {
		tags            []string
		public, problem string
		policy          model.ElasticIPPolicy
		bad             bool
	}{
		{},
		{tags: []string{"shop", "elastic-ip=198.51.100.7"}, public: "198.51.100.7"},
		{tags: []string{"elastic-ip=soon", "elastic-ip-error=pool-empty", "elastic-ip-policy=on-demand"},
			problem: "pool-empty", policy: "on-demand"},
		{tags: []string{"elastic-ip-policy=some"}, bad: true},
		{tags: []string{"elastic-ip-policy="}, bad: true},
		{tags: []string{"elastic-ip-policy=none", "elastic-ip-policy=all"}, bad: true},
	} {
		var public string
		if a, ok := PublicOf(c.tags); ok {
			public = a.String()
		}
		problem, _ := ProblemOf(c.tags)
		policy, ok, err := PolicyOf(c.tags)
		if public != c.public || problem != c.problem || policy != c.policy || ok != (c.policy != "") ||
			(err != nil) != c.bad {
			t.Errorf("%q: public %q, problem %q, policy %q %v, error %v", c.tags, public, problem, policy, ok, err)
		}
	}
}

func TestSetStatusTags(t *testing.T) {
	ctx := context.Background()
	f, p := recorded(t)
	seven := netip.MustParseAddr("198.51.100.7")
	a := Address{Addr: netip.MustParseAddr("10.20.1.12"), Kind: KindFloating, ID: "fip1",
		Tags: []string{"shop", "elastic-ip=198.51.100.6", "elastic-ip-error=refused"}}
	const (
		old   = "DELETE /floatingips/fip1/tags/elastic-ip=198.51.100.6"
		other = "DELETE /floatingips/fip1/tags/elastic-ip-error=refused"
		put   = "PUT /floatingips/fip1/tags/elastic-ip=198.51.100.7"
	)
	f.answers[old], f.answers[other], f.answers[put] = "", `{"NeutronError": {}}`, ""
	f.status[put], f.status[other] = http.StatusCreated, http.StatusNotFound
	changed, err := p.SetStatusTags(ctx, a, seven, "")
	if err != nil || !changed {
		t.Errorf("changed %v, error %v", changed, err)
	}
	if d := cmp.Diff([]string{old, other, put}, f.writes); d != "" {
		t.Errorf("writes (-want +got):\n%s", d)
	}

	f.writes, a.Tags = nil, []string{"elastic-ip=198.51.100.7", "shop"}
	if changed, err := p.SetStatusTags(ctx, a, seven, ""); err != nil || changed || f.writes != nil {
		t.Errorf("again: changed %v, error %v, writes %q", changed, err, f.writes)
	}

	f.status[put] = http.StatusBadRequest // Neutron accepts at most fifty tags
	a.Tags = nil
	if changed, err := p.SetStatusTags(ctx, a, seven, ""); err == nil || changed {
		t.Errorf("refused: changed %v, error %v", changed, err)
	}

	f.writes = nil
	gateway := Address{Addr: netip.MustParseAddr("10.20.1.10"), Kind: KindRouter, ID: "gw1"}
	const port = "PUT /ports/gw1/tags/elastic-ip-error=pool-empty"
	f.answers[port], f.status[port] = "", http.StatusCreated
	if changed, err := p.SetStatusTags(ctx, gateway, netip.Addr{}, "pool-empty"); err != nil || !changed {
		t.Errorf("port: changed %v, error %v", changed, err)
	}

	f.writes = nil
	for _, problem := range []string{"a/b", "x.json", "No"} {
		if _, err := p.SetStatusTags(ctx, a, netip.Addr{}, problem); err == nil || f.writes != nil {
			t.Errorf("code %q: error %v, writes %q", problem, err, f.writes)
		}
	}
	if _, err := p.SetStatusTags(ctx, a, netip.MustParseAddr("2001:db8::7"), ""); err == nil {
		t.Error("an IPv6 address was told")
	}
}

func TestRefused(t *testing.T) {
	for status, want := range map[int]bool{400: true, 403: true, 404: true, 409: true, 401: false, 408: false, 429: false,
		500: false, 503: false} {
		err := fmt.Errorf("adding tag: %w", gophercloud.ErrUnexpectedResponseCode{Actual: status})
		if got := Refused(err); got != want {
			t.Errorf("%d is an answer to the very request: %v, want %v", status, got, want)
		}
	}
	if Refused(context.DeadlineExceeded) || Refused(nil) {
		t.Error("no answer is taken for one")
	}
}
