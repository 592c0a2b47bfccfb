// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"macaw.example/internal/host"
)

// routerMark is what the guest writes to its console when it has reached the Internet. It has no
// floating IP at that time, so the traffic used the router's address.
const routerMark = "macaw-verify: out through the router"

// userData is the guest's boot script. It tries for a minute: the router's address may be announced
// only when its first packet arrives.
func userData(ping netip.Addr) string {
	return fmt.Sprintf(`#!/bin/sh
for i in $(seq 60); do
  if ping -c 1 -W 1 %s >/dev/null 2>&1; then
    for c in /dev/console /dev/ttyS0; do echo '%s' >$c; done 2>/dev/null
    exit 0
  fi
  sleep 1
done
`, ping, routerMark)
}

// poll calls fn until fn returns true or ctx ends. It retries after an error; at the end of ctx it
// returns the last one.
func poll(ctx context.Context, every time.Duration, fn func() (bool, error)) error {
	var last error
	for {
		done, err := fn()
		if done {
			return err
		}
		// Ignore the error of a call that was cut off by the end of ctx.
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last != nil {
				return fmt.Errorf("%w: %w", context.Cause(ctx), last)
			}
			return context.Cause(ctx)
		case <-time.After(every):
		}
	}
}

// waitActive asks for IDs alone: to show a server, Nova asks Neutron for its ports and groups, while
// Neutron is busy with connecting it.
func (t *tenant) waitActive(ctx context.Context) error {
	in := func(status string) (bool, error) {
		pages, err := servers.ListSimple(t.compute, servers.ListOpts{Status: status}).AllPages(ctx)
		if err != nil {
			return false, err
		}
		found, err := servers.ExtractServers(pages)
		return slices.ContainsFunc(found, func(s servers.Server) bool { return s.ID == t.server }), err
	}
	return poll(ctx, 300*time.Millisecond, func() (bool, error) {
		if active, err := in("ACTIVE"); active || err != nil {
			return active, err
		}
		failed, err := in("ERROR")
		if !failed {
			return false, cmp.Or(err, errors.New("the guest is not active yet"))
		}
		s, err := servers.Get(ctx, t.compute, t.server).Extract()
		if err != nil {
			return false, err
		}
		return true, fmt.Errorf("guest %s could not be made: %s", t.name, s.Fault.Message)
	})
}

func (t *tenant) waitConsole(ctx context.Context, mark string) error {
	return poll(ctx, 300*time.Millisecond, func() (bool, error) {
		out, err := servers.ShowConsoleOutput(ctx, t.compute, t.server, servers.ShowConsoleOutputOpts{Length: 200}).Extract()
		if err != nil {
			return false, err
		}
		if strings.Contains(out, mark) {
			return true, nil
		}
		return false, fmt.Errorf("the guest's console ends in %q", lastLine(out))
	})
}

// connect logs in to the guest, through the Elastic IP if there is one.
func (t *tenant) connect(ctx context.Context, c Config) error {
	at := t.public
	if c.Inside {
		at = t.floating
	}
	guest, err := host.Dial(ctx, host.Config{
		Address: net.JoinHostPort(at.String(), "22"), User: t.user, AsUser: true, Key: t.signer, Dial: c.Dial,
		// The guest has just been made, with an unknown host key, and accepts ours when it has
		// booted.
		AnyHostKey: c.KnownHosts == "", HostKeys: host.HostKeys{Path: c.KnownHosts}, Identity: at.String(),
		NewUntil: time.Now().Add(c.Patience),
		Times:    host.Times{Connect: 2 * time.Second, Pause: 200 * time.Millisecond, Handshake: 10 * time.Second},
	}, nil)
	t.guest = guest
	return err
}

// run runs a command on the guest and returns its output.
func (t *tenant) run(ctx context.Context, command string) (string, error) {
	var out strings.Builder
	err := t.guest.Run(ctx, command+" 2>&1", nil, &out)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", command, err, lastLine(out.String()))
	}
	return out.String(), nil
}

func (t *tenant) ping(ctx context.Context, to netip.Addr) error {
	_, err := t.run(ctx, fmt.Sprintf("ping -c 3 -W 2 %s", to))
	return err
}

func (t *tenant) download(ctx context.Context, url string) error {
	out, err := t.run(ctx, fmt.Sprintf("wget -q -O - '%s' | wc -c", url))
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(strings.TrimSpace(out)); err != nil || n == 0 {
		return fmt.Errorf("downloading %s: got %q bytes", url, strings.TrimSpace(out))
	}
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
