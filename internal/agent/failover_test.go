// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab"
)

// failoverFault is what is wrong while a router fails over.
type failoverFault struct {
	name   string
	enis   int // provider interfaces of the gateway that takes over
	faults []lab.Fault
	do     func(w *world)
}

func failoverFaults() []failoverFault {
	times := func(name, action string, min, max time.Duration) []lab.Fault {
		return []lab.Fault{{Name: name, Action: action, Min: lab.FaultDuration(min), Max: lab.FaultDuration(max)}}
	}
	errors := func(action, code, when string, rate float64) []lab.Fault {
		return []lab.Fault{{Name: lab.Error, Action: action, Code: code, When: when, Rate: rate}}
	}
	return []failoverFault{
		{name: "none", enis: 3},
		{name: "latency-0.05-0.5s", enis: 3, faults: times(lab.Latency, "*", 50*ms, 500*ms)},
		{name: "latency-1.2s", enis: 3, faults: times(lab.Latency, "*", 1200*ms, 1200*ms)},
		{name: "latency-1.2s-of-Assign", enis: 3, faults: times(lab.Latency, "Assign*", 1200*ms, 1200*ms)},
		{name: "lag-1-5s", enis: 3, faults: times(lab.Lag, "*", time.Second, 5*time.Second)},
		{name: "errors-30%", enis: 3, faults: errors("*", "InternalError", lab.Either, 0.3)},
		{name: "bucket-empty", enis: 3, do: (*world).emptyBucket},
		{name: "answer-lost", enis: 3, do: func(w *world) { w.nodes[1].change(func() { w.nodes[1].lose = 1 }) }},
		{name: "no-Neutron", enis: 3, do: func(w *world) {
			w.nodes[1].change(func() { w.nodes[1].noWord = time.Now().Add(time.Hour) })
		}},
		{name: "one-interface", enis: 1, faults: times(lab.Latency, "*", 50*ms, 500*ms)},
	}
}

// emptyBucket uses up all that AWS allows of the call that moves addresses, as another program of the account may.
func (w *world) emptyBucket() {
	other := ec2.NewFromConfig(w.api.Config(), func(o *ec2.Options) { o.RetryMaxAttempts = 1 })
	for range 110 { // each fails for its arguments, or since there is no token left
		_, _ = other.AssignPrivateIpAddresses(context.Background(), &ec2.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: &w.subnet, PrivateIpAddresses: []string{"10.20.24.1"}})
	}
}

// BenchmarkFailover has a router with floating IPs move from one gateway to another, whose agent has everything but the
// kernel, against the lab's AWS with its published token buckets. Time is virtual, so that the numbers are those of the
// calls, and not of the machine that runs it. From the moment that OVN's southbound database says where the router is:
//
//	claim-s     until the first call that moves addresses is sent
//	s/failover  until AWS has the last address on the other gateway, with its Elastic IP; the median
//	max-s       the longest of these
//	map-s       until the last one is translated there
//	calls       how many calls move the addresses
//
// Before it comes OVN's detection, and after it AWS's network follows the call.
//
//	go test -run '^$' -bench Failover -benchtime 9x ./internal/agent
func BenchmarkFailover(b *testing.B) {
	for _, f := range failoverFaults() {
		for _, n := range []int{1, 25, 100} {
			b.Run(fmt.Sprintf("%s/%d", f.name, n), func(b *testing.B) {
				var all []failoverTimes
				for i := range b.N {
					inBubbleOf(b, func(t *testing.T) { all = append(all, f.measure(t, n, uint64(i))) })
				}
				median := func(of func(failoverTimes) time.Duration) float64 {
					var s []float64
					for _, x := range all {
						s = append(s, of(x).Seconds())
					}
					slices.Sort(s)
					return s[len(s)/2]
				}
				longest := slices.MaxFunc(all, func(x, y failoverTimes) int { return int(x.registered - y.registered) })
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(func(x failoverTimes) time.Duration { return x.claim }), "claim-s")
				b.ReportMetric(median(func(x failoverTimes) time.Duration { return x.registered }), "s/failover")
				b.ReportMetric(longest.registered.Seconds(), "max-s")
				b.ReportMetric(median(func(x failoverTimes) time.Duration { return x.translated }), "map-s")
				b.ReportMetric(float64(all[0].calls), "calls")
			})
		}
	}
}

// However slow AWS is and however old its answers are: a router's addresses are translated on the other gateway when
// the calls that claim them are answered, and a hundred as soon as one.
func TestFailoverWaitsForNothingElse(t *testing.T) {
	for _, f := range failoverFaults() {
		limit, ok := map[string]time.Duration{"none": 0, "latency-1.2s": 1200 * ms, "lag-1-5s": 0, "no-Neutron": 0}[f.name]
		if !ok {
			continue
		}
		for _, n := range []int{1, 100} {
			if got := f.measure(t, n, 1); got.translated > limit+50*ms {
				t.Errorf("%s: %d floating IPs after %v, want %v", f.name, n, got.translated, limit)
			}
		}
	}
}

// inBubbleOf runs a test in a benchmark: bubbles are for tests only.
func inBubbleOf(b *testing.B, f func(t *testing.T)) {
	all := func(_, _ string) (bool, error) { return true, nil }
	if !testing.RunTests(all, []testing.InternalTest{{Name: b.Name(), F: f}}) {
		b.FailNow()
	}
}

// failoverTimes are from OVN's word on.
type failoverTimes struct {
	claim, registered, translated time.Duration
	calls                         int
}

// measure has a router with n floating IPs fail over.
func (f failoverFault) measure(t *testing.T, n int, seed uint64) (out failoverTimes) {
	o := worldOptions{nodes: 2, kind: types.InstanceTypeM8i4xlarge, enis: 3, quota: n + 10, last: f.enis}
	inWorld(t, o, func(w *world) {
		ctx := t.Context()
		_ = must(0, w.api.SetFaultSeed(ctx, seed))
		_ = must(0, w.api.SetFault(ctx, lab.Fault{Name: lab.Throttle}))
		r := w.addRouter(0, "gw-1")
		for i := range n {
			w.float(i, r)
		}
		for _, g := range w.nodes {
			g.slow = 100 * ms
			g.start()
		}
		w.watch.sleep(true)
		time.Sleep(5 * time.Minute) // until all are registered, and the buckets full
		for _, fault := range f.faults {
			_ = must(0, w.api.SetFault(ctx, fault))
		}
		if f.do != nil {
			f.do(w)
		}
		w.watch.sleep(false)
		began := time.Now()
		w.bind(r, "gw-2")
		for out.translated == 0 {
			time.Sleep(5 * ms)
			registered, last := w.watch.on("gw-2")
			entries, _ := w.nodes[1].machine.Entries()
			if registered == n+1 {
				out.registered = last.Sub(began)
			}
			if registered == n+1 && len(entries) == n+1 {
				out.translated = time.Since(began)
			}
			if time.Since(began) > 10*time.Minute {
				t.Fatalf("after %v %d of %d addresses are on gw-2, %d translated", time.Since(began), registered, n+1,
					len(entries))
			}
		}
		out.claim, out.calls = w.watch.claimed(began)
	})
	return out
}
