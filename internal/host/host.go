// Package host works on one machine over SSH: runs commands, copies files, and
// runs jobs that survive a lost connection.
package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config says how a machine is reached.
type Config struct {
	// Address is the host and port of sshd, such as 198.51.100.10:22.
	Address string
	// User is who logs in; it must be allowed to use sudo without a password.
	User string
	Key  ssh.Signer
	// HostKeys remembers the machine's host key.
	HostKeys HostKeys
	// Identity names the machine in HostKeys. It is the instance ID rather
	// than the address, because an Elastic IP moves between machines.
	Identity string
}

// Host is a machine that has been reached once.
type Host struct {
	cfg    Config
	client *ssh.Client
}

// Dial connects, and keeps trying until ctx ends: a machine that has just been
// started refuses connections, and refuses the key until cloud-init has put it
// in place. waiting is told, if not nil, what the last attempt failed with.
func Dial(ctx context.Context, cfg Config, waiting func(error)) (*Host, error) {
	pause := 100 * time.Millisecond
	for {
		client, err := connect(ctx, cfg)
		if err == nil {
			return &Host{cfg: cfg, client: client}, nil
		}
		if errors.Is(err, ErrHostKey) {
			return nil, err
		}
		if waiting != nil {
			waiting(err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("reaching %s: %w (last attempt: %w)", cfg.Address, ctx.Err(), err)
		case <-time.After(pause):
		}
		pause = min(pause*3/2, 2*time.Second)
	}
}

func connect(ctx context.Context, cfg Config) (*ssh.Client, error) {
	// One attempt is short, so that a machine that comes up between two
	// retransmissions of a SYN is noticed soon.
	attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(attempt, "tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	deadline, _ := attempt.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, err
	}
	c, chans, reqs, err := ssh.NewClientConn(conn, cfg.Address, &ssh.ClientConfig{
		User: cfg.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(cfg.Key)},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			return cfg.HostKeys.Check(cfg.Identity, key)
		},
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		c.Close()
		return nil, err
	}
	return ssh.NewClient(c, chans, reqs), nil
}

// Close ends the connection; what runs on the machine goes on.
func (h *Host) Close() error { return h.client.Close() }

// ExitError is a command that ran and failed.
type ExitError struct {
	Command string
	Status  int
	Stderr  string // its last part
}

func (e *ExitError) Error() string {
	msg := fmt.Sprintf("%s: exit status %d", e.Command, e.Status)
	if e.Stderr != "" {
		msg += ": " + e.Stderr
	}
	return msg
}

// Run runs a shell command as root. Secrets belong into stdin, not into the
// command. The error is an *ExitError when the command ran and failed.
func (h *Host) Run(ctx context.Context, command string, stdin io.Reader, stdout io.Writer) error {
	session, err := h.client.NewSession()
	if err != nil {
		return fmt.Errorf("running a command on %s: %w", h.cfg.Address, err)
	}
	defer session.Close()
	var stderr tail
	session.Stdin, session.Stdout, session.Stderr = stdin, stdout, &stderr
	done := make(chan error, 1)
	go func() { done <- session.Run("sudo sh -c " + Quote(command)) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err = <-done:
	}
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Command: firstLine(command), Status: exit.ExitStatus(), Stderr: stderr.String()}
	}
	if err != nil {
		return fmt.Errorf("running %s on %s: %w", firstLine(command), h.cfg.Address, err)
	}
	return nil
}

// Output runs a command as root and returns what it prints.
func (h *Host) Output(ctx context.Context, command string) (string, error) {
	var b bytes.Buffer
	err := h.Run(ctx, command, nil, &b)
	return b.String(), err
}

// Dial opens a TCP connection from the machine to an address that it reaches.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return h.client.DialContext(ctx, network, address)
}

// Quote makes s one word of a POSIX shell command.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func firstLine(s string) string {
	line, _, more := strings.Cut(strings.TrimSpace(s), "\n")
	if more {
		line += " ..."
	}
	return line
}

// tail keeps the last part of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if extra := len(t.b) - 2048; extra > 0 {
		t.b = t.b[extra:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.b)) }
