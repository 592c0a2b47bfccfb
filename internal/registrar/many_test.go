// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"flag"
	"math"
	"testing"
	"time"

	"macaw.example/internal/model"
	"macaw.example/lab"
)

// The lab takes half a minute for 1,000: go test -v -run TestMany -many 1000
var many = flag.Int("many", 200, "how many addresses TestMany registers, at most 1008")

// TestMany registers many addresses under the published token buckets, and
// compares with what these allow at best. It says what it has measured with -v.
func TestMany(t *testing.T) {
	n := *many
	enis := (n + 62) / 63 // of an m8i.48xlarge, with 63 addresses each besides the primary one
	for _, c := range []struct {
		policy model.ElasticIPPolicy
		calls  int           // at least: assign for each interface, allocate and associate for each address
		least  time.Duration // burst of 50, and 5 a second thereafter
	}{
		{model.ElasticIPsNone, enis, 0},
		{model.ElasticIPsOnDemand, enis + 2*n, time.Duration(math.Ceil(float64(n-50)/5)) * time.Second},
	} {
		t.Run(string(c.policy), func(t *testing.T) {
			inRegion(t, 2*n, func(r *region) {
				reg, _ := r.start(r.node("gw-1", "m8i.48xlarge", enis, func(cfg *Config) { cfg.Policy = c.policy }))
				r.set(lab.Fault{Name: lab.Throttle})
				w, calls, began := wants(n), 0, time.Now()
				for {
					res, err := reg.Reconcile(r.t.Context(), w)
					if err != nil || len(res.Findings) > 0 {
						t.Fatal(err, res.Findings)
					}
					if calls += res.Calls; res.Next.IsZero() {
						break
					}
				}
				took := time.Since(began)
				t.Logf("%d addresses on %d interfaces, policy %s: %d calls (at least %d), %.1f s (at least %.1f s)",
					n, enis, c.policy, calls, c.calls, took.Seconds(), c.least.Seconds())
				if calls > c.calls*11/10+10 || took > c.least*5/4+5*time.Second {
					t.Errorf("%d calls and %v, want at most a tenth and a quarter more than %d and %v", calls, took,
						c.calls, c.least)
				}
				if c.policy == model.ElasticIPsOnDemand {
					r.check(w)
				}
				if on, _ := r.truth(); len(on) != n {
					t.Errorf("%d addresses are registered", len(on))
				}
			})
		})
	}
}
