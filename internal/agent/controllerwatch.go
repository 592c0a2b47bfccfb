// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"macaw.example/internal/ovn"
)

// This node's ovn-controller is asked every second. One that hangs leaves its flows and its tunnels, so that nobody
// else notices: routers that it has stay as they are, and routers that it should take over answer nowhere. It answers
// late when it computes the flows of a large cloud anew, and a node is not unfit for that.
const (
	controllerEvery = time.Second
	controllerHangs = 15 * time.Second
)

// controllerWatch watches whether ovn-controller works.
type controllerWatch struct {
	ping   func(context.Context) error
	reason atomic.Pointer[string] // why it does not
}

func newControllerWatch(ping func(context.Context) error) *controllerWatch {
	return &controllerWatch{ping: ping}
}

func pingController(ctx context.Context) error { return ovn.PingController(ctx, ovn.RunDir) }

// hangs is why it does not work; empty: it does, or it is too early to tell.
func (w *controllerWatch) hangs() string {
	if reason := w.reason.Load(); reason != nil {
		return *reason
	}
	return ""
}

// run watches until ctx is done.
func (w *controllerWatch) run(ctx context.Context) {
	answered := time.Now()
	for ctx.Err() == nil {
		asked := time.Now()
		limited, cancel := context.WithTimeout(ctx, controllerHangs)
		err := w.ping(limited)
		cancel()
		switch now := time.Now(); {
		case err == nil:
			answered = now
			w.reason.Store(nil)
		case now.Sub(answered) >= controllerHangs:
			reason := fmt.Sprintf("ovn-controller has not answered for %s: %v", controllerHangs, err)
			w.reason.Store(&reason)
		}
		sleep(ctx, controllerEvery-time.Since(asked))
	}
}
