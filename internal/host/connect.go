// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"macaw.example/internal/silence"
)

// Times bounds the waits for a machine. Zero values are the defaults.
type Times struct {
	// Connect is the time limit for TCP. It is short, so that a machine that comes up between two
	// retransmissions of a SYN is noticed soon.
	Connect time.Duration
	// Pause is the pause between attempts to connect; the first ones are shorter.
	Pause time.Duration
	// Handshake is the time limit for sshd's banner and authentication.
	Handshake time.Duration
	// Ask is the interval of keep-alive requests, and Silence the time without any data after which
	// the connection counts as lost. On a slow uplink a request waits behind queued data; but sshd
	// acknowledges each 96 KiB (OpenSSH, channel_check_window), so with 25 s 32 kbit/s are enough.
	Ask, Silence time.Duration
	// Open is the time limit for sshd to start a command.
	Open time.Duration
	// Command is the time limit for short commands: this package's own on files and units, and
	// those of Output.
	Command time.Duration
	// Reconnect is how long Follow tries to restore a lost connection.
	Reconnect time.Duration
	// Grace is how long a command whose context has ended may go on before its connection is
	// closed.
	Grace time.Duration
}

func (t Times) orDefaults() Times {
	return Times{
		Connect: cmp.Or(t.Connect, 5*time.Second), Pause: cmp.Or(t.Pause, 2*time.Second),
		Handshake: cmp.Or(t.Handshake, 15*time.Second),
		Ask:       cmp.Or(t.Ask, 5*time.Second), Silence: cmp.Or(t.Silence, 25*time.Second),
		Open: cmp.Or(t.Open, 15*time.Second), Command: cmp.Or(t.Command, time.Minute),
		Reconnect: cmp.Or(t.Reconnect, time.Minute), Grace: cmp.Or(t.Grace, 500*time.Millisecond),
	}
}

// reach connects, and retries until ctx ends or it is clear that the machine will not admit this
// user. waiting may be nil.
func reach(ctx context.Context, cfg Config, waiting func(error)) (*conn, error) {
	begun := time.Now()
	asked := begun
	pause := 100 * time.Millisecond
	var last error
	for {
		c, err := connect(ctx, cfg)
		if err == nil {
			return c, nil
		}
		// The attempt that the deadline cuts off tells nothing; it may end just before ctx does.
		if until, ok := ctx.Deadline(); ctx.Err() == nil && (!ok || time.Now().Before(until)) {
			last = err
		}
		if errors.Is(err, ErrHostKey) || errors.Is(err, ErrKeyRefused) && time.Now().After(cfg.NewUntil) {
			return nil, &UnreachableError{Address: cfg.Address, Reason: err, Advice: cfg.Advice}
		}
		// Gone is an API call, so it is not made after every attempt.
		if cfg.Gone != nil && ctx.Err() == nil && time.Since(asked) >= cfg.Times.Connect {
			if gone := cfg.Gone(ctx); gone != nil {
				return nil, fmt.Errorf("reaching %s: %w", cfg.Address, gone)
			}
			asked = time.Now()
		}
		if waiting != nil && ctx.Err() == nil {
			waiting(err)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, fmt.Errorf("reaching %s: %w", cfg.Address, context.Cause(ctx))
			}
			return nil, &UnreachableError{
				Address: cfg.Address, For: time.Since(begun), Reason: cmp.Or(last, errNoAnswer), Advice: cfg.Advice,
			}
		case <-time.After(pause):
		}
		pause = min(pause*3/2, cfg.Times.Pause)
	}
}

// conn is one SSH connection. It lives as long as the machine sends anything.
type conn struct {
	*ssh.Client
	life *lifeline
}

// Close closes the TCP connection without an SSH disconnect: the other side may not be listening.
func (c *conn) Close() error { return c.life.Close() }

func connect(ctx context.Context, cfg Config) (*conn, error) {
	dial := cfg.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	soon, cancel := context.WithTimeout(ctx, cfg.Times.Connect)
	defer cancel()
	tcp, err := dial(soon, "tcp", cfg.Address)
	if err != nil {
		return nil, unconnected(err)
	}
	life := hold(tcp, cfg.Times.Handshake)
	stop := context.AfterFunc(ctx, func() { life.Close() })
	defer stop()
	var known []ssh.PublicKey
	if !cfg.AnyHostKey {
		if known, err = cfg.HostKeys.known(cfg.Identity); err != nil {
			life.Close()
			return nil, err
		}
	}
	var shown ssh.PublicKey
	var other error
	c, chans, reqs, err := ssh.NewClientConn(life, cfg.Address, &ssh.ClientConfig{
		User:              cfg.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(cfg.Key)},
		HostKeyAlgorithms: algorithms(known),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if shown = key; len(known) > 0 {
				other = cfg.HostKeys.compare(cfg.Identity, known, key)
			}
			return other
		},
	})
	if err != nil {
		life.Close()
		if other != nil {
			return nil, other
		}
		return nil, cfg.unwelcome(err, life, known)
	}
	// A key is stored only after the login: before, cloud-init may still replace the image's.
	if len(known) == 0 && !cfg.AnyHostKey {
		if err := cfg.HostKeys.Check(cfg.Identity, shown); err != nil {
			life.Close()
			return nil, err
		}
	}
	out := &conn{Client: ssh.NewClient(c, chans, reqs), life: life}
	life.within(cfg.Times.Silence)
	go out.ask(cfg.Times.Ask)
	return out, nil
}

// unconnected describes why there is no TCP connection.
func unconnected(err error) error {
	var timeout net.Error
	switch {
	case silence.Refused(err):
		return fmt.Errorf("it refuses connections: sshd does not run there, or not yet: %w", reason(err))
	case silence.NoRoute(err):
		return fmt.Errorf("%w: %w", ErrNoRoute, reason(err))
	case errors.As(err, &timeout) && timeout.Timeout():
		return errNoAnswer
	}
	return err
}

// reason is the system's error for a connection, without addresses.
func reason(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number
	}
	return err
}

// unwelcome describes why there is a TCP connection, but no login.
func (cfg Config) unwelcome(err error, life *lifeline, known []ssh.PublicKey) error {
	var none *ssh.AlgorithmNegotiationError
	switch {
	// The client offered the types of the known keys, and the machine has none of them.
	case errors.As(err, &none) && len(known) > 0 && strings.Contains(none.What, "host key"):
		return fmt.Errorf("%w: %s has no key of the type in %s (%s)",
			ErrHostKey, cfg.Identity, cfg.HostKeys.Path, known[0].Type())
	// The package has no error type for it.
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("%w: user %s, %s", ErrKeyRefused, cfg.User, ssh.FingerprintSHA256(cfg.Key.PublicKey()))
	case life.silent():
		return errors.New("it takes connections, but sshd does not answer")
	}
	return fmt.Errorf("it takes connections, but sshd breaks them off: %w", err)
}

// ask sends keep-alive requests. The lifeline detects missing replies, since any data counts.
func (c *conn) ask(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for range tick.C {
		if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
	}
}

// lifeline is a connection that is closed after too long without incoming data. TCP alone would
// wait for hours. It needs no deadlines, which a connection through another machine does not
// support.
type lifeline struct {
	net.Conn
	timer *time.Timer

	mu   sync.Mutex
	wait time.Duration
	dead bool // closed by the timer
	over bool // no more data will come
}

// hold limits the time of the handshake: incoming data does not extend it.
func hold(c net.Conn, handshake time.Duration) *lifeline {
	l := &lifeline{Conn: c}
	l.timer = time.AfterFunc(handshake, func() {
		l.mu.Lock()
		l.dead = true
		l.mu.Unlock()
		l.Conn.Close()
	})
	return l
}

// within ends the handshake's limit: from now on, each read restarts the timer.
func (l *lifeline) within(wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wait = wait
	l.timer.Reset(wait)
}

func (l *lifeline) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.over = true
		l.timer.Stop()
	case l.wait > 0:
		l.timer.Reset(l.wait)
	}
	return n, err
}

func (l *lifeline) Close() error {
	l.timer.Stop()
	return l.Conn.Close()
}

// silent reports whether the connection was closed for lack of data.
func (l *lifeline) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// ended reports whether no more data will come, for whatever reason.
func (l *lifeline) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}
