// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
)

// Session is a command of an operator on a machine, or a shell, run as the login user.
type Session struct {
	// Command is a shell command; empty for a login shell.
	Command        string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Terminal is the terminal that the operator sits at; nil if the session needs none.
	Terminal *Terminal
}

// Terminal is a terminal of a session.
type Terminal struct {
	Type string // such as xterm-256color
	// Size returns the columns and rows, which may change during the session.
	Size func() (columns, rows int)
}

// watchSize is how often the terminal's size is read. Windows has no signal for its changes.
const watchSize = 250 * time.Millisecond

// Interact runs a session to its end. The error is an *ExitError if the command has failed; its
// Stderr is empty. When ctx ends, the session is abandoned.
func (h *Host) Interact(ctx context.Context, s Session) error {
	c := h.current()
	session, err := c.NewSession()
	if err != nil {
		return h.lostOr(c, err)
	}
	defer session.Close()
	session.Stdin, session.Stdout, session.Stderr = s.Stdin, s.Stdout, s.Stderr
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.Terminal != nil {
		columns, rows := s.Terminal.Size()
		modes := ssh.TerminalModes{ssh.TTY_OP_ISPEED: 38400, ssh.TTY_OP_OSPEED: 38400}
		if err := session.RequestPty(s.Terminal.Type, rows, columns, modes); err != nil {
			return h.lostOr(c, err)
		}
		go followSize(ctx, session, s.Terminal.Size, columns, rows)
	}
	if s.Command == "" {
		err = session.Shell()
	} else {
		err = session.Start(s.Command)
	}
	if err != nil {
		return h.lostOr(c, err)
	}
	done := make(chan error, 1)
	go func() { done <- session.Wait() }()
	select {
	case err = <-done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*ssh.ExitError](err); ok {
		return &ExitError{Status: exit.ExitStatus()}
	}
	if _, ok := errors.AsType[*ssh.ExitMissingError](err); ok {
		return h.lost(c)
	}
	return err
}

// lostOr returns the reason why the connection was lost, or err if it was not.
func (h *Host) lostOr(c *conn, err error) error {
	if c.life.ended() {
		return h.lost(c)
	}
	return err
}

// followSize tells the machine of changes of the terminal's size until ctx ends.
func followSize(ctx context.Context, s *ssh.Session, size func() (int, int), columns, rows int) {
	tick := time.NewTicker(watchSize)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		nowColumns, nowRows := size()
		if nowColumns == columns && nowRows == rows {
			continue
		}
		columns, rows = nowColumns, nowRows
		if s.WindowChange(rows, columns) != nil {
			return
		}
	}
}
