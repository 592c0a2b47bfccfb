// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config has the parameters for connecting to a machine.
type Config struct {
	// Address is the host and port of sshd, such as 198.51.100.10:22.
	Address string
	// User is the login user; unless AsUser is set, it must be allowed to use sudo without a
	// password.
	User string
	// AsUser runs commands as User, not as root.
	AsUser bool
	Key    ssh.Signer
	// HostKeys stores the machine's host keys.
	HostKeys HostKeys
	// Identity names the machine in HostKeys. It is the instance ID rather than the address,
	// because an Elastic IP moves between machines.
	Identity string
	// AnyHostKey accepts any host key, for a machine just made for one use.
	AnyHostKey bool
	// NewUntil is until when a refusal of the key is retried: on a new machine, sshd runs before
	// cloud-init has installed the key.
	NewUntil time.Time
	// Dial opens TCP connections; nil is from here.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Gone is called occasionally while the machine does not answer. Its error is the reason why it
	// never will, and ends the wait. It may be nil.
	Gone func(context.Context) error
	// Advice returns the hint for a failed connection. It may be nil.
	Advice func(error) string
	Times  Times
}

// Host is a machine to which a connection was made.
type Host struct {
	cfg     Config
	waiting func(error)

	mu   sync.Mutex
	conn *conn
}

// Dial connects, and retries until ctx ends: a machine that has just been started refuses
// connections. It ends early when the machine is the wrong one or refuses the key. waiting, if not
// nil, is called with the error of each attempt, and with later losses of the connection.
func Dial(ctx context.Context, cfg Config, waiting func(error)) (*Host, error) {
	cfg.Times = cfg.Times.orDefaults()
	c, err := reach(ctx, cfg, waiting)
	if err != nil {
		return nil, err
	}
	return &Host{cfg: cfg, waiting: waiting, conn: c}, nil
}

// Close closes the connection; jobs on the machine go on.
func (h *Host) Close() error { return h.current().Close() }

func (h *Host) current() *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn
}

// Run runs a shell command as root. Secrets belong into stdin, not into the command. The error is
// an *ExitError when the command ran and failed, and a *LostError when the machine no longer
// answers. The command may take as long as ctx allows; when ctx ends, the command is abandoned.
// Errors do not contain the command: the caller can better describe its purpose.
func (h *Host) Run(ctx context.Context, command string, stdin io.Reader, stdout io.Writer) error {
	return h.run(ctx, command, stdin, stdout)
}

// brief runs a short command, within Times.Command. Each piece of stdin sent restarts the time.
func (h *Host) brief(ctx context.Context, command string, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := h.cfg.Times.Command
	timer := time.AfterFunc(limit, func() {
		cancel(&slowError{h.cfg.Address, limit})
	})
	defer timer.Stop()
	if stdin != nil {
		content := stdin
		stdin = readerFunc(func(p []byte) (int, error) {
			timer.Reset(limit)
			return content.Read(p)
		})
	}
	return h.run(ctx, command, stdin, stdout)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (h *Host) run(ctx context.Context, command string, stdin io.Reader, stdout io.Writer) error {
	c := h.current()
	if !h.cfg.AsUser {
		command = "sudo sh -c " + Quote(command)
	}
	var stderr tail
	session, err := h.start(ctx, c, command, stdin, stdout, &stderr)
	if err != nil {
		return err
	}
	defer session.Close()
	done := make(chan error, 1)
	go func() { done <- session.Wait() }()
	select {
	case err = <-done:
	case <-ctx.Done():
		// Close the session and, if the machine does not respond, the connection. The caller's
		// writers are in use until the session has ended.
		force := time.AfterFunc(h.cfg.Times.Grace, func() { c.Close() })
		go session.Close()
		<-done
		force.Stop()
		return context.Cause(ctx)
	}
	var exit *ssh.ExitError
	var missing *ssh.ExitMissingError
	switch {
	case errors.As(err, &exit):
		return &ExitError{Status: exit.ExitStatus(), Stderr: stderr.String()}
	case errors.As(err, &missing):
		return h.lost(c)
	}
	return err
}

// start opens a session and starts a command in it, within the limit for sshd.
func (h *Host) start(
	ctx context.Context, c *conn, command string, stdin io.Reader, stdout, stderr io.Writer,
) (*ssh.Session, error) {
	open, cancel := context.WithTimeoutCause(ctx, h.cfg.Times.Open, errNotStarted)
	defer cancel()
	stop := context.AfterFunc(open, func() { c.Close() })
	session, err := c.NewSession()
	if err == nil {
		session.Stdin, session.Stdout, session.Stderr = stdin, stdout, stderr
		if err = session.Start(command); err != nil {
			session.Close()
		}
	}
	switch ended := !stop(); {
	case ended && context.Cause(open) != errNotStarted:
		return nil, context.Cause(open)
	case ended:
		return nil, &LostError{Address: h.cfg.Address, Reason: errNotStarted, Advice: h.cfg.Advice}
	case err != nil && c.life.ended():
		return nil, h.lost(c)
	case err != nil:
		return nil, fmt.Errorf("sshd of %s does not start the command: %w", h.cfg.Address, err)
	}
	return session, nil
}

// lost returns the reason why a session ended without a result.
func (h *Host) lost(c *conn) error {
	reason := errBrokenOff
	if c.life.silent() {
		reason = fmt.Errorf("no data for %s", h.cfg.Times.Silence)
	}
	return &LostError{Address: h.cfg.Address, Reason: reason, Advice: h.cfg.Advice}
}

// Output runs a short command as root, within Times.Command, and returns its output.
func (h *Host) Output(ctx context.Context, command string) (string, error) {
	var b bytes.Buffer
	err := h.brief(ctx, command, nil, &b)
	return b.String(), err
}

// Alive returns a context that ends with the connection, with a *LostError as its cause. It is for
// work with the machine that uses other connections.
func (h *Host) Alive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := h.current()
	go func() {
		_ = c.Wait()
		cancel(h.lost(c))
	}()
	return ctx, func() { cancel(nil) }
}

// Dial opens a TCP connection from the machine to an address that it reaches.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return h.current().DialContext(ctx, network, address)
}

// Quote quotes s as one word of a POSIX shell command.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if extra := len(t.b) - 2048; extra > 0 {
		t.b = t.b[extra:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.b)) }
