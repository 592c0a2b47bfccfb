// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// pollEvery is the polling interval for something that starts.
const pollEvery = 100 * time.Millisecond

// await calls ask until it succeeds. After limit, or when ctx ends, it fails with the last error.
func await(ctx context.Context, what string, limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, err)
		case <-tick.C:
		}
	}
}

// answers checks that an API responds. Any response but a server error counts, since the request
// has no credentials.
func answers(ctx context.Context, at netip.AddrPort) error {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+at.String()+"/", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode >= 500 {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}
