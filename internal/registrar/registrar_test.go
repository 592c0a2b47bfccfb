// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"testing"
	"time"
)

func TestOneFloatingIP(t *testing.T) {
	inRegion(t, 5, func(r *region) {
		reg, _ := r.start(r.node("gw-1", "m8i.large", 1))
		w := wants(1)
		res := until(t, reg, w, time.Minute)
		r.check(w)
		at := res.Registered[w[0].Addr]
		if !at.Public.IsValid() || at.MAC == "" || len(res.ENIs) != 1 || at.ENI != res.ENIs[0].ID ||
			len(res.Findings) > 0 {
			t.Errorf("registered %+v, findings %v", at, res.Findings)
		}
		// Types once, what is there twice, assign, allocate, associate.
		if res.Calls > 8 {
			t.Errorf("%d calls, want at most 8", res.Calls)
		}
		if res = until(t, reg, w, time.Minute); res.Calls != 2 {
			t.Errorf("%d calls when there is nothing to do, want 2", res.Calls)
		}
		// Neutron lets go: everything stays for the grace, and then goes.
		began := time.Now()
		res = must(reg.Reconcile(r.t.Context(), nil))
		if on, elastic := r.truth(); len(on) != 1 || len(elastic) != 1 || res.Next.Sub(began) > time.Minute {
			t.Errorf("in the grace %v are registered, %v Elastic IPs are there, next at %v", on, elastic,
				res.Next.Sub(began))
		}
		until(t, reg, nil, 2*time.Minute)
		r.check(nil)
		if took := time.Since(began); took < time.Minute || took > 65*time.Second {
			t.Errorf("released after %v, want a minute", took)
		}
	})
}
