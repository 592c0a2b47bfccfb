// SPDX-License-Identifier: Apache-2.0

package agentcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

// fakeAgent holds some Elastic IPs, and records agreements.
type fakeAgent struct {
	held, agreed []model.Held
	reload       error
	silent       error // it does not answer
}

func (f *fakeAgent) Status(context.Context) (nodeapi.Status, error) {
	if f.silent != nil {
		return nodeapi.Status{}, f.silent
	}
	return nodeapi.Status{Mode: nodeapi.ModeTranslate, Report: &nodeapi.Report{Held: f.held}}, nil
}

func (f *fakeAgent) Agree(_ context.Context, held []model.Held) error {
	f.agreed = append(f.agreed, held...)
	return nil
}

func (f *fakeAgent) Reload(context.Context) error          { return f.reload }
func (f *fakeAgent) SetMode(context.Context, string) error { return f.silent }

func heldFor(n int) (all []model.Held) {
	for i := range n {
		all = append(all, model.Held{Allocation: "eipalloc-" + string(rune('a'+i)),
			Public: netip.AddrFrom4([4]byte{198, 51, 100, byte(70 + i)}),
			Addr: netip.AddrFrom4([4]byte{10, 0, 1,
				byte(70 + i)}), Since: time.Now().Add(-time.Hour), Until: time.Now().Add(23 * time.Hour)})
	}
	return all
}

func TestRelease(t *testing.T) {
	overdue, done := heldFor(2)[0], heldFor(2)[1]
	overdue.Until = time.Now().Add(-time.Minute)
	done.Agreed = true
	for _, tt := range []struct {
		name, output string
		held         []model.Held
		addrs        []string
		unnoticed    bool // the agent is not notified
		agreed       string
		want, err    string
	}{
		{name: "all", held: heldFor(3), agreed: "10.0.1.70 10.0.1.71 10.0.1.72", want: "Agreed to the release of 3."},
		{name: "by either address", held: heldFor(3), addrs: []string{"10.0.1.72", "198.51.100.70"},
			agreed: "10.0.1.70 10.0.1.72", want: "release of 2."},
		{name: "as JSON", output: "json", held: heldFor(1), agreed: "10.0.1.70", want: `"public": "198.51.100.70"`},
		{name: "the agent does not run", held: heldFor(1), unnoticed: true, agreed: "10.0.1.70",
			want: "in its next pass: it is not active"},
		{name: "none is held", want: "No Elastic IP is waiting for release."},
		{name: "none is held, as JSON", output: "json", want: `"agreed": []`},
		{name: "none waits any more", held: []model.Held{overdue, done}, want: "No Elastic IP is waiting for release."},
		{name: "another address", held: heldFor(1), addrs: []string{"10.0.1.9"},
			err: "no Elastic IP of 10.0.1.9 is waiting for release"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			var got []string
			c := &Commands{Terminal: terminal.New(&out, &out), Name: "macaw agent"}
			c.Output = tt.output
			fake := &fakeAgent{held: tt.held}
			if tt.unnoticed {
				fake.reload = errors.New("it is not active")
			}
			err := c.release(t.Context(), []Gateway{{Agent: fake}}, tt.addrs, true)
			for _, h := range fake.agreed {
				if h.Agreed || h.Since.IsZero() {
					t.Errorf("agreed to %+v, which is not what was shown", h)
				}
				got = append(got, h.Addr.String())
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if !strings.Contains(out.String(), tt.want) || strings.Join(got, " ") != tt.agreed {
				t.Errorf("agreed to %v, want %s; it says:\n%s", got, tt.agreed, &out)
			}
			if tt.output == "json" && !json.Valid(out.Bytes()) {
				t.Errorf("no JSON:\n%s", &out)
			}
		})
	}
}

// Nothing is agreed to without an answer.
func TestReleaseAsks(t *testing.T) {
	nobody, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	defer func(stdin *os.File) { os.Stdin = stdin }(os.Stdin)
	os.Stdin = nobody
	var out bytes.Buffer
	c := &Commands{Terminal: terminal.New(&out, &out), Name: "macaw agent"}
	fake := &fakeAgent{held: heldFor(2)}
	err = c.release(t.Context(), []Gateway{{Agent: fake}}, nil, false)
	if len(fake.agreed) > 0 {
		t.Error("agreed")
	}
	if err == nil || !strings.Contains(out.String(), "198.51.100.71") {
		t.Errorf("error %v; it says:\n%s", err, &out)
	}
}

// Several gateways are asked about once, and each agent is told of its own.
func TestReleaseOfSeveral(t *testing.T) {
	all := heldFor(3)
	first, second, dead := &fakeAgent{held: all[:2]}, &fakeAgent{held: all[2:]}, &fakeAgent{silent: errors.New("no route")}
	var out bytes.Buffer
	c := &Commands{Terminal: terminal.New(&out, &out), Name: "macaw agent"}
	c.Output = "json"
	gateways := []Gateway{{"gw-1", first}, {"gw-2", second}, {"gw-3", dead}}
	err := c.release(t.Context(), gateways, []string{"10.0.1.71", "10.0.1.72"}, true)
	if err == nil || !strings.Contains(err.Error(), "node gw-3: no route") {
		t.Error(err)
	}
	if len(first.agreed) != 1 || first.agreed[0].Allocation != "eipalloc-b" || len(second.agreed) != 1 {
		t.Errorf("agreed to %v and %v", first.agreed, second.agreed)
	}
	var got agreed
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got.Agreed) != 2 || got.Agreed[1].Node != "gw-2" {
		t.Errorf("%v: %s", err, &out)
	}
}
