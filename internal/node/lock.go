// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPath disappears with a reboot, as does every holder.
const lockPath = "/run/macaw-openstack.lock"

// lock keeps two runs from working on the node at once: it waits until the other run, or the
// remaining children of a killed one, have ended. Closing the file releases the lock.
func lock(ctx context.Context, path string, progress Progress) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the node: %w", err)
	}
	const step = "an earlier run to end"
	begin, waited := time.Now(), false
	report := func(e Event) {
		if progress != nil {
			progress(e)
		}
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			if waited {
				report(Event{Step: step, State: Done, Took: time.Since(begin)})
			}
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("locking the node: %w", err)
		}
		if !waited {
			waited = true
			report(Event{Step: step, State: Started})
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for %s: %w", step, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}
