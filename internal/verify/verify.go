// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"macaw.example/internal/neutron"
)

// Config has the parameters of a verification.
type Config struct {
	Auth neutron.Auth
	// ExternalNetwork is the name of Neutron's provider network.
	ExternalNetwork string
	// Image and Flavor are the guest's, by name, and User is its login user.
	Image, Flavor, User string
	// GuestsReady, if it is not nil, waits until the image is there, and guests get their metadata.
	GuestsReady func(context.Context) error
	// Inside means that floating IPs have no Elastic IPs: the guest is reached at its private
	// address, with Dial, and does not reach the Internet.
	Inside bool
	// Dial connects to the guest from a place with access to it; nil means from here.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Ping is an address of the Internet that answers ICMP echo.
	Ping netip.Addr
	// Download is a URL that the guest fetches.
	Download string
	// Name names everything that is made, so that a run finds the remains of an earlier one. Runs
	// with different names do not affect each other.
	Name string
	// CIDR is the guest's network.
	CIDR netip.Prefix
	// Keep leaves everything in place afterwards, until the next run with this name.
	Keep bool
	// KnownHosts is a file that gets the guest's host key, under the address at which the guest was
	// reached; empty for none.
	KnownHosts string
	// Patience bounds each wait for the cloud or the guest.
	Patience time.Duration
	// Note, if it is not nil, is told every 30 seconds what a step has been waiting for.
	Note func(text string)
	// Watch, if it is not nil, is called then too, while a guest is checked. Its error ends the check: it says why
	// the check cannot succeed.
	Watch func(context.Context) error
}

// telling is the interval of notes about one wait.
const telling = 30 * time.Second

// attend runs fn, with notes while it lasts, and ends it when watch, unless that is nil, returns an error.
func (cfg Config) attend(ctx context.Context, what string, watch func(context.Context) error,
	fn func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	var hopeless error
	var attendant sync.WaitGroup
	attendant.Go(func() {
		tick := time.NewTicker(telling)
		defer tick.Stop()
		for begun := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if cfg.Note != nil {
				cfg.Note(fmt.Sprintf("still waiting after %s: %s", time.Since(begun).Round(time.Second), what))
			}
			if watch == nil {
				continue
			}
			if err := watch(ctx); err != nil && ctx.Err() == nil {
				hopeless = err
				end()
				return
			}
		}
	})
	err := fn(ctx)
	end()
	attendant.Wait()
	if err != nil && hopeless != nil {
		return hopeless
	}
	return err
}

// Step shows the start of a check; its result is called at the end.
type Step func(what string) (done func(error))

// Result describes what a run has made and found to work.
type Result struct {
	Project    string     `json:"project"`
	Guest      string     `json:"guest"`
	FloatingIP netip.Addr `json:"floatingIP"`
	ElasticIP  netip.Addr `json:"elasticIP,omitzero"` // zero if floating IPs have none
	Kept       bool       `json:"kept"`
	// Key is the guest's private SSH key; empty unless the guest was kept.
	Key []byte `json:"-"`
}

// Run verifies the cloud. It first removes the remains of an earlier run. Unless cfg.Keep is
// set, it removes what it has made, also after a failure.
func Run(ctx context.Context, cfg Config, step Step) (res Result, err error) {
	admin, _, err := clean(ctx, cfg, step)
	if err != nil {
		return Result{}, err
	}
	var t *tenant
	err = cfg.do(ctx, step, stepBuild, func(ctx context.Context) (err error) {
		t, err = admin.tenant(ctx, cfg)
		if err != nil {
			return err
		}
		return t.build(ctx, cfg)
	})
	defer func() {
		if t != nil && t.guest != nil {
			t.guest.Close()
		}
		if cfg.Keep && err == nil {
			return
		}
		// Also after an interruption, so that nothing is left behind.
		limit := cfg.Patience
		if ctx.Err() != nil { // the cloud may not answer any more
			limit = min(limit, afterEnd)
		}
		clean, cancel := within(context.WithoutCancel(ctx), limit)
		defer cancel()
		err = errors.Join(err, cfg.do(clean, step, stepRemove, func(ctx context.Context) error {
			return admin.sweep(ctx, cfg.Name)
		}))
	}()
	if err != nil {
		return Result{}, err
	}
	for _, check := range t.checks(cfg) {
		err := cfg.step(ctx, step, check.what, cfg.Watch, func(ctx context.Context) error {
			ctx, cancel := within(ctx, cfg.Patience)
			defer cancel()
			return check.fn(ctx)
		})
		if err != nil {
			return Result{}, err
		}
	}
	res = Result{Project: cfg.Name, Guest: cfg.Name, FloatingIP: t.floating, ElasticIP: t.public, Kept: cfg.Keep}
	if cfg.Keep {
		res.Key = t.privatePEM
	}
	return res, nil
}

// Clean removes what an earlier run with this name has left, and reports whether there was anything. It makes
// nothing. Of cfg it uses Auth, Name, Patience and Note.
func Clean(ctx context.Context, cfg Config, step Step) (removed bool, err error) {
	ctx, cancel := within(ctx, cfg.Patience)
	defer cancel()
	_, removed, err = clean(ctx, cfg, step)
	return removed, err
}

// clean logs in and removes the remains of an earlier run, if there are any.
func clean(ctx context.Context, cfg Config, step Step) (admin *session, removed bool, err error) {
	err = cfg.do(ctx, step, stepLogIn, func(ctx context.Context) (err error) {
		admin, err = login(ctx, cfg.Auth)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	remains, err := admin.remains(ctx, cfg.Name)
	if err != nil {
		return nil, false, fmt.Errorf("looking for the guest of an earlier verify: %w", err)
	}
	if remains {
		err = cfg.do(ctx, step, stepRemoveEarlier, func(ctx context.Context) error { return admin.sweep(ctx, cfg.Name) })
	}
	return admin, remains && err == nil, err
}

// do runs fn as a step.
func (cfg Config) do(ctx context.Context, step Step, what string, fn func(context.Context) error) error {
	return cfg.step(ctx, step, what, nil, fn)
}

// step runs fn as a step that ends when watch, unless that is nil, returns an error.
func (cfg Config) step(ctx context.Context, step Step, what string, watch, fn func(context.Context) error) error {
	done := step(what)
	err := cfg.attend(ctx, what, watch, fn)
	done(err)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// The steps of a run besides its checks. stepRemoveEarlier is for a run that kept its guest, or was
// interrupted.
const (
	stepLogIn         = "log in"
	stepRemoveEarlier = "remove the guest of an earlier verify"
	stepBuild         = "project, network, router and guest asked for"
	stepRemove        = "remove what was made"
)

// afterEnd is how long the removal may take when the run was interrupted.
const afterEnd = 5 * time.Second

// lateError is the end of a wait.
type lateError struct{ limit time.Duration }

func (e lateError) Error() string { return fmt.Sprintf("not within %s", e.limit) }

func (lateError) Is(err error) bool { return err == context.DeadlineExceeded }

// within returns a context with a time limit, whose cause names the limit.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, lateError{limit})
}

type check struct {
	what string
	fn   func(context.Context) error
}

// checks are the checks of a requested guest, in order.
func (t *tenant) checks(cfg Config) []check {
	associate := func(ctx context.Context) error { return t.associate(ctx, cfg) }
	connect := func(ctx context.Context) error { return t.connect(ctx, cfg) }
	if cfg.Inside {
		return []check{
			{"guest is active", t.waitActive},
			{"floating IP is associated", associate},
			{"guest answers SSH at its floating IP, inside the VPC", connect},
		}
	}
	return []check{
		{"guest is active", t.waitActive},
		{fmt.Sprintf("guest reaches %s through the router's address", cfg.Ping),
			func(ctx context.Context) error { return t.waitConsole(ctx, routerMark) }},
		{"floating IP is associated", associate},
		{"floating IP's tags show its Elastic IP", t.waitPublic},
		{"guest answers SSH at the floating IP's Elastic IP", connect},
		{fmt.Sprintf("guest reaches %s through its floating IP", cfg.Ping),
			func(ctx context.Context) error { return t.ping(ctx, cfg.Ping) }},
		{"guest downloads " + cfg.Download, func(ctx context.Context) error { return t.download(ctx, cfg.Download) }},
	}
}
