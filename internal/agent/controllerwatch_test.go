// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestControllerWatch(t *testing.T) {
	for name, hang := range map[string]func(context.Context) error{
		"it does not run": func(context.Context) error { return errors.New("connection refused") },
		"it hangs":        func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				works := func(context.Context) error { return nil }
				ping, ended := works, make(chan struct{})
				w := newControllerWatch(func(ctx context.Context) error { return ping(ctx) })
				go func() { defer close(ended); w.run(ctx) }()
				is := func(when, reason string) {
					t.Helper()
					synctest.Wait()
					if got := w.hangs(); got != reason && (reason == "" || !strings.Contains(got, reason)) {
						t.Errorf("%s: %q, want %q", when, got, reason)
					}
				}
				time.Sleep(time.Minute)
				is("it works", "")
				ping = hang
				time.Sleep(controllerHangs - 2*time.Second)
				is("for a while", "")
				time.Sleep(5 * time.Second)
				is("for longer", "ovn-controller has not answered for 15s")
				ping = works
				time.Sleep(controllerHangs)
				is("it works again", "")
				cancel()
				<-ended
			})
		})
	}
}
