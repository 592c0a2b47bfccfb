// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// wire carries connections to a server until it is cut: then it neither delivers nor closes
// anything, like a network that has lost the machine.
type wire struct {
	address string
	cut     chan struct{}
	once    sync.Once
	banner  atomic.Bool  // cut after the server's first words
	upload  atomic.Int64 // if more than 0, the bytes until it is cut
}

func (w *wire) cutNow() { w.once.Do(func() { close(w.cut) }) }

func layWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: l.Addr().String(), cut: make(chan struct{})}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { near.Close() })
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			t.Cleanup(func() { far.Close() })
			go w.carry(far, near, func(n int) bool { return w.upload.Load() > 0 && w.upload.Add(-int64(n)) <= 0 })
			go w.carry(near, far, func(int) bool { return w.banner.Load() })
		}
	}()
	return w
}

// carry copies until the wire is cut; last is called with the number of bytes carried.
func (w *wire) carry(to, from net.Conn, last func(int) bool) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		select {
		case <-w.cut:
			return
		default:
		}
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			to.Close()
			from.Close()
			return
		}
		if last(n) {
			w.cutNow()
			return
		}
	}
}

// quick has short limits for a test's machine. A wait without a limit exceeds tooLong.
var quick = Times{
	Connect: 300 * time.Millisecond, Handshake: 300 * time.Millisecond, Ask: 50 * time.Millisecond,
	Silence: 300 * time.Millisecond,
	Open:    300 * time.Millisecond, Command: 3 * time.Second, Reconnect: 300 * time.Millisecond,
	Grace: 50 * time.Millisecond,
}

const tooLong = 20 * time.Second

// ends runs fn, which must return.
func ends(t *testing.T, what string, fn func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-time.After(tooLong):
		t.Fatalf("%s: still waiting after %s", what, tooLong)
		return nil
	}
}

// A machine that becomes silent at any stage is detected, and waits for it end: after the stage's
// limit, and at once when their context does.
func TestSilence(t *testing.T) {
	for _, at := range []stage{accepted, banner, login, opened, executed, printed, uploaded, idle} {
		for _, how := range []string{"by itself", "with its context"} {
			t.Run(string(at)+", ends "+how, func(t *testing.T) {
				t.Parallel()
				testSilence(t, at, how == "with its context")
			})
		}
	}
}

func testSilence(t *testing.T, at stage, cancelled bool) {
	key := newSigner(t)
	var w *wire
	came := make(chan struct{}, 100)
	s := serveStages(t, key.PublicKey(), func(now stage) {
		if now == at {
			w.cutNow()
			came <- struct{}{}
		}
	})
	w = layWire(t, s.address)
	cfg := Config{
		Address: w.address, User: "admin", Key: key, Identity: "i-1", Times: quick,
		Advice:   func(error) string { return "look" },
		HostKeys: HostKeys{filepath.Join(t.TempDir(), "known_hosts")},
	}
	if cancelled {
		// Only the context ends it.
		cfg.Times = Times{
			Connect: time.Hour, Handshake: time.Hour, Ask: time.Hour, Silence: time.Hour, Open: time.Hour,
			Command: time.Hour, Reconnect: time.Hour, Grace: quick.Grace,
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dialling := at == accepted || at == banner || at == login
	switch at {
	case accepted:
		w.cutNow()
		came <- struct{}{}
	case banner:
		w.banner.Store(true)
		came <- struct{}{}
	}
	limit := ctx
	if dialling && !cancelled {
		var stop context.CancelFunc
		limit, stop = context.WithTimeout(ctx, time.Second)
		defer stop()
	}
	if cancelled && dialling {
		go func() { <-came; cancel() }()
	}
	var h *Host
	err := ends(t, "Dial", func() (err error) { h, err = Dial(limit, cfg, nil); return err })
	if dialling {
		checkSilence(t, err, cancelled, true)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if cancelled {
		go func() { <-came; cancel() }()
	}
	err = ends(t, "the command", func() error {
		switch at {
		case printed:
			return h.Run(ctx, "echo one; exec sleep 60", nil, writerFunc(func(p []byte) {
				w.cutNow()
				came <- struct{}{}
			}))
		case uploaded:
			// Random, so that it does not compress.
			random := make([]byte, 8<<20)
			_, _ = rand.Read(random)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "big"), random, 0o600); err != nil {
				return err
			}
			w.upload.Store(100_000)
			go func() { <-w.cut; came <- struct{}{} }()
			_, err := h.PutFile(ctx, filepath.Join(dir, "big"), filepath.Join(dir, "copy"), 0o600)
			return err
		case idle:
			w.cutNow()
			if cancelled {
				came <- struct{}{}
			} else if err := h.current().Wait(); err == nil {
				return errors.New("the connection ended as if it had been closed")
			}
			fallthrough
		default:
			_, err := h.Output(ctx, "true")
			return err
		}
	})
	checkSilence(t, err, cancelled, false)
}

func checkSilence(t *testing.T, err error, cancelled, dialling bool) {
	t.Helper()
	var unreachable *UnreachableError
	var lost *LostError
	switch {
	case cancelled:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
	case dialling:
		if !errors.As(err, &unreachable) || unreachable.Hint() != "look" || strings.Contains(err.Error(), "context") {
			t.Errorf("error %v, want an UnreachableError with a hint", err)
		}
	default:
		if !errors.As(err, &lost) || lost.Hint() != "look" {
			t.Errorf("error %v, want a LostError with a hint", err)
		}
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// A machine that responds but makes no progress is given up too.
func TestStuck(t *testing.T) {
	for _, at := range []stage{opened, executed} {
		t.Run(string(at), func(t *testing.T) {
			key := newSigner(t)
			end := make(chan struct{})
			defer close(end)
			s := serveStages(t, key.PublicKey(), func(now stage) {
				if now == at {
					<-end
				}
			})
			h := dialTo(t, s, key, quick)
			err := ends(t, "a command", func() error { return h.Run(t.Context(), "true", nil, nil) })
			var lost *LostError
			if !errors.As(err, &lost) || !strings.Contains(err.Error(), "does not start the command") {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("a command of ours", func(t *testing.T) {
		key := newSigner(t)
		h := dialTo(t, serve(t, key.PublicKey()), key, quick)
		err := ends(t, "a command", func() error { return h.brief(t.Context(), "sleep 60", nil, nil) })
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "slow or stuck") ||
			strings.Contains(err.Error(), "context") || strings.Contains(err.Error(), "sleep") {
			t.Errorf("error %v", err)
		}
		// Only what was asked for ends.
		if _, err := h.Output(t.Context(), "true"); err != nil {
			t.Errorf("the next command: %v", err)
		}
	})
}

// Work that uses other connections to a machine ends with this one.
func TestAlive(t *testing.T) {
	key := newSigner(t)
	s := serve(t, key.PublicKey())
	w := layWire(t, s.address)
	h := dialTo(t, &server{address: w.address}, key, quick)
	alive, stop := h.Alive(t.Context())
	defer stop()
	if alive.Err() != nil {
		t.Fatal(context.Cause(alive))
	}
	w.cutNow()
	err := ends(t, "the machine", func() error { <-alive.Done(); return context.Cause(alive) })
	var lost *LostError
	if !errors.As(err, &lost) {
		t.Errorf("cause %v", err)
	}
}

// A quiet command on a live machine may take any time.
func TestQuietCommand(t *testing.T) {
	key := newSigner(t)
	times := quick
	times.Ask, times.Silence = 100*time.Millisecond, 2*time.Second
	h := dialTo(t, serve(t, key.PublicKey()), key, times)
	var out bytes.Buffer
	if err := h.Run(t.Context(), "sleep 5; echo done", nil, &out); err != nil || out.String() != "done\n" {
		t.Errorf("%q, error %v", out.String(), err)
	}
}

func dialTo(t *testing.T, s *server, key ssh.Signer, times Times) *Host {
	t.Helper()
	h, err := Dial(t.Context(), Config{
		Address: s.address, User: "admin", Key: key, Identity: "i-1", Times: times,
		HostKeys: HostKeys{filepath.Join(t.TempDir(), "known_hosts")},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// Output's buffer is not written to after Output returns.
func TestOutputOfACommandThatWritesOn(t *testing.T) {
	key := newSigner(t)
	h := dialTo(t, serve(t, key.PublicKey()), key, Times{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { time.Sleep(200 * time.Millisecond); cancel() }()
	var out bytes.Buffer
	err := h.Run(ctx, "while echo much of it; do :; done", nil, &out)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	out.Reset() // the race detector sees who writes
}

// An incomplete file is not stored.
func TestPutOfAHalf(t *testing.T) {
	key := newSigner(t)
	h := dialTo(t, serve(t, key.PublicKey()), key, Times{})
	target := filepath.Join(t.TempDir(), "file")
	err := h.write(t.Context(), target, io.LimitReader(strings.NewReader("whole"), 3), 5, 0o600, "cat")
	if err == nil || !strings.Contains(err.Error(), "3 of 5 bytes arrived") {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Dir(target) + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Dir(target) + "/.*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
