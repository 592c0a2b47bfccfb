// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"macaw.example/internal/runlock"
)

// Of two runs at the same time, from nothing, one makes the cloud; the other gets an error, and
// later finds the cloud made.
func TestLabTwoAtOnce(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4)
			want := labWanted(t, l)
			var inside, refused, made atomic.Int32
			var runs sync.WaitGroup
			for n := range 3 {
				r := rand.New(rand.NewPCG(seed, uint64(n)))
				who := runlock.Owner{Who: fmt.Sprint(n), Command: "up", Machine: fmt.Sprint(n)}
				runs.Go(func() {
					time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond)
					var lock *runlock.Lock
					for lock == nil {
						var err error
						var locked *runlock.LockedError
						lock, err = runlock.Acquire(ctx, l.root, "first", who, nil)
						switch {
						case errors.As(err, &locked):
							refused.Add(1)
							time.Sleep(time.Duration(1+r.IntN(20)) * time.Millisecond)
						case err != nil:
							t.Error(err)
							return
						}
					}
					defer lock.Release(ctx)
					if inside.Add(1) != 1 {
						t.Error("two at once")
					}
					defer inside.Add(-1)
					p, _, err := labUp(lock.Context(), l.Clients, want)
					if err != nil {
						t.Error(err)
						return
					}
					if !p.Empty() {
						made.Add(1)
					}
				})
			}
			runs.Wait()
			if made.Load() != 1 || refused.Load() == 0 {
				t.Errorf("%d runs made the cloud, %d were refused", made.Load(), refused.Load())
			}
			if got, want := len(l.everything(t)), labLeft(t, l.Clients, "first"); got != want {
				t.Errorf("AWS has %d resources, of which the cloud's are %d", got, want)
			}
		})
	}
}
