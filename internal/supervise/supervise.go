// SPDX-License-Identifier: Apache-2.0

// Package supervise keeps something going that ends now and then: the watch of a database, a server. It never gives
// up, and says each failure once.
package supervise

import (
	"context"
	"time"
)

// Run calls fn again whenever it ends, after a pause, until ctx is done. fn ends when ctx does. failed, if not nil,
// is told why fn ended, but not the same again and again: only if fn has gone on for longer than the pause since.
func Run(ctx context.Context, pause time.Duration, fn func() error, failed func(error)) {
	said := ""
	for ctx.Err() == nil {
		began := time.Now()
		err := fn()
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > pause {
			said = ""
		}
		if err != nil && err.Error() != said && failed != nil {
			said = err.Error()
			failed(err)
		}
		wait(ctx, pause)
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
