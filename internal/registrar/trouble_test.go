// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/model"
	"macaw.example/lab"
)

// An interface of this node that is on no instance carries nothing.
func TestDetachedInterface(t *testing.T) {
	inRegion(t, 50, func(r *region) {
		c := r.node("gw-1", "t3.small", 1, func(c *Config) { c.Policy = model.ElasticIPsNone }) // 3 addresses per ENI
		reg, _ := r.start(c)
		w := wants(5)
		until(t, reg, w, 10*time.Minute)
		on, _ := r.truth()
		second := on[w[4].Addr]
		out := must(r.DescribeNetworkInterfaces(r.t.Context(),
			&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{second}}))
		must(r.DetachNetworkInterface(r.t.Context(),
			&ec2.DetachNetworkInterfaceInput{AttachmentId: out.NetworkInterfaces[0].Attachment.AttachmentId,
				Force: aws.Bool(true)}))
		time.Sleep(time.Minute)
		reg, _ = r.start(c)
		until(t, reg, w, 10*time.Minute)
		on, _ = r.truth()
		for _, x := range w {
			if e := r.describe(on[x.Addr]); e.Instance != c.Instance {
				t.Errorf("%s is on %s of instance %q", x.Addr, e.ID, e.Instance)
			}
		}
	})
}

// A failover while hundreds of addresses get their Elastic IPs.
func TestFailoverInACrowd(t *testing.T) {
	for _, lag := range []int{0, 2} {
		inRegion(t, 2000, func(r *region) {
			two := r.node("gw-2", "m8i.large", 1)
			moving := Want{Addr: ip("10.20.31.1"), Here: true}
			reg2, _ := r.start(two)
			until(t, reg2, []Want{moving}, time.Minute)
			one := r.node("gw-1", "m8i.48xlarge", 16)
			var known time.Time // the agent translates it from then on
			one.Registered = func(now map[netip.Addr]Registration) {
				if _, ok := now[moving.Addr]; ok && known.IsZero() {
					known = time.Now()
				}
			}
			reg, _ := r.start(one)
			r.set(lab.Fault{Name: lab.Throttle})
			if lag > 0 {
				r.set(lab.Fault{Name: lab.Lag, Min: seconds(1), Max: seconds(lag)})
			}
			w := wants(1000)
			moving.Here = false
			w = append(w, moving)
			began := time.Now()
			var moved time.Time
			go func() { time.Sleep(65 * time.Second); moved = time.Now() }()
			for {
				x := append([]Want(nil), w...)
				if !moved.IsZero() {
					x[len(x)-1].Here = true
				}
				if _, err := reg.Reconcile(r.t.Context(), x); err != nil {
					t.Fatal(err)
				}
				if !known.IsZero() {
					if took := known.Sub(moved); took > 10*time.Second {
						t.Errorf("lag %d s: %v until the agent knows", lag, took)
					}
					break
				}
				if time.Since(began) > 5*time.Minute {
					t.Fatal("never")
				}
			}
		})
	}
}

// What cannot be had is tried again, at the pace of the quiet state.
func TestQuotaReachedIsQuiet(t *testing.T) {
	inRegion(t, 3, func(r *region) { // quota 3
		reg, _ := r.start(r.node("gw-1", "m8i.large", 1))
		w := wants(8)
		calls, passes, end := 0, 0, time.Now().Add(10*time.Minute)
		for time.Now().Before(end) {
			res := must(reg.Reconcile(r.t.Context(), w))
			calls, passes = calls+res.Calls, passes+1
			d := 30 * time.Second
			if !res.Next.IsZero() {
				d = min(d, max(time.Until(res.Next), 100*time.Millisecond))
			}
			time.Sleep(d)
		}
		if passes > 25 || calls > 120 {
			t.Errorf("quota reached: %d passes and %d calls in 10 minutes", passes, calls)
		}
	})
}
