package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/agent"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/terminal"
)

func heldFor(n int) (all []model.Held) {
	for i := range n {
		all = append(all, model.Held{Allocation: "eipalloc-" + string(rune('a'+i)), Public: netip.AddrFrom4([4]byte{198, 51, 100, byte(70 + i)}),
			Addr: netip.AddrFrom4([4]byte{10, 0, 1, byte(70 + i)}), Since: time.Now().Add(-time.Hour), Until: time.Now().Add(23 * time.Hour)})
	}
	return all
}

func TestGatewayRelease(t *testing.T) {
	overdue, done := heldFor(2)[0], heldFor(2)[1]
	overdue.Until = time.Now().Add(-time.Minute)
	done.Agreed = true
	for _, tt := range []struct {
		name, output string
		held         []model.Held
		addrs        []string
		unnoticed    bool // by the agent
		agreed       string
		want, err    string
	}{
		{name: "all", held: heldFor(3), agreed: "10.0.1.70 10.0.1.71 10.0.1.72", want: "Agreed to the release of 3."},
		{name: "by either address", held: heldFor(3), addrs: []string{"10.0.1.72", "198.51.100.70"}, agreed: "10.0.1.70 10.0.1.72", want: "release of 2."},
		{name: "as JSON", output: "json", held: heldFor(1), agreed: "10.0.1.70", want: `"public": "198.51.100.70"`},
		{name: "the agent does not run", held: heldFor(1), unnoticed: true, agreed: "10.0.1.70", want: "with its next turn: it is not active"},
		{name: "none is held", want: "No Elastic IP waits for its release."},
		{name: "none is held, as JSON", output: "json", want: `"agreed": []`},
		{name: "none waits any more", held: []model.Held{overdue, done}, want: "No Elastic IP waits for its release."},
		{name: "another address", held: heldFor(1), addrs: []string{"10.0.1.9"}, err: "no Elastic IP of 10.0.1.9 waits for its release"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			var got []string
			a := &App{Terminal: terminal.New(&out, &out)}
			a.Output = tt.output
			g := heldGateway{
				status: func(context.Context) (agent.Status, error) {
					return agent.Status{Agent: &agent.Report{Held: tt.held}}, nil
				},
				agree: func(_ context.Context, held []model.Held) error {
					for _, h := range held {
						if h.Agreed || h.Since.IsZero() {
							t.Errorf("agreed to %+v, which is not what was shown", h)
						}
						got = append(got, h.Addr.String())
					}
					return nil
				},
				nudge: func(context.Context) error {
					if tt.unnoticed {
						return errors.New("it is not active")
					}
					return nil
				},
			}
			err := a.gatewayRelease(t.Context(), g, tt.addrs, true)
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

// Nothing is agreed to by nobody.
func TestGatewayReleaseAsks(t *testing.T) {
	nobody, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	defer func(stdin *os.File) { os.Stdin = stdin }(os.Stdin)
	os.Stdin = nobody
	var out bytes.Buffer
	a := &App{Terminal: terminal.New(&out, &out)}
	err = a.gatewayRelease(t.Context(), heldGateway{
		status: func(context.Context) (agent.Status, error) {
			return agent.Status{Agent: &agent.Report{Held: heldFor(2)}}, nil
		},
		agree: func(context.Context, []model.Held) error { t.Error("agreed"); return nil },
	}, nil, false)
	if err == nil || !strings.Contains(out.String(), "198.51.100.71") {
		t.Errorf("error %v; it says:\n%s", err, &out)
	}
}

func TestStatusShowsWhatIsHeld(t *testing.T) {
	held := heldFor(3)
	held[1].Agreed, held[2].Until = true, time.Time{}
	n := nodeStatus{NodeOutput: infra.NodeOutput{Addresses: []infra.AddressPair{{Private: "10.0.1.70", Public: "198.51.100.70"}}},
		Gateway: &agent.Status{Agent: &agent.Report{Held: held}}}
	var got []string
	for _, l := range n.addresses() {
		got = append(got, l.private+" "+l.public+" "+l.use)
	}
	want := []string{
		"10.0.1.70 198.51.100.70 not Neutron's any more, kept until " + minute(held[0].Until),
		"10.0.1.71 198.51.100.71 not Neutron's any more, kept until the agent's next turn: agreed to",
		"10.0.1.72 198.51.100.72 not Neutron's any more, kept until an operator agrees",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
