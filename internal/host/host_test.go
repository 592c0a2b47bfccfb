// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// server is an SSH server that runs commands here, with a "sudo" that only runs its arguments.
type server struct {
	address string
	key     ssh.Signer
	conns   atomic.Int32
	// reached is called at each stage of a connection, and may block it.
	reached func(stage)
	// Commands end with ctx.
	ctx     context.Context
	running sync.RWMutex
}

// stage is the progress of a connection.
type stage string

const (
	accepted stage = "TCP is accepted"
	banner   stage = "sshd says its version"
	login    stage = "the key is shown"
	opened   stage = "a session is opened"
	executed stage = "a command is asked for"
	printed  stage = "the command has printed a line"
	uploaded stage = "a part of the file has arrived"
	idle     stage = "nothing is asked"
)

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serve(t *testing.T, client ssh.PublicKey, keys ...ssh.Signer) *server {
	t.Helper()
	return serveStages(t, client, func(stage) {}, keys...)
}

func serveStages(t *testing.T, client ssh.PublicKey, reached func(stage), keys ...ssh.Signer) *server {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "sudo"), []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if len(keys) == 0 {
		keys = []ssh.Signer{newSigner(t)}
	}
	s := &server{address: l.Addr().String(), key: keys[0], reached: reached, ctx: t.Context()}
	t.Cleanup(s.running.Lock)
	cfg := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		reached(login)
		if !bytes.Equal(key.Marshal(), client.Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	for _, key := range keys {
		cfg.AddHostKey(key)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			go s.handle(conn, cfg, bin)
		}
	}()
	return s
}

func (s *server) handle(conn net.Conn, cfg *ssh.ServerConfig, bin string) {
	_, chans, reqs, err := ssh.NewServerConn(conn, cfg)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(reqs)
	for ch := range chans {
		s.reached(opened)
		channel, requests, err := ch.Accept()
		if err != nil {
			return
		}
		go func() {
			for req := range requests {
				if req.Type != "exec" {
					continue
				}
				s.reached(executed)
				_ = req.Reply(true, nil)
				cmd := exec.CommandContext(s.ctx, "sh", "-c", string(req.Payload[4:]))
				killWithChildren(cmd)
				cmd.WaitDelay = 2 * time.Second
				cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
				cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
				s.running.RLock()
				_ = cmd.Run()
				s.running.RUnlock()
				_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(exitCode(cmd))}))
				channel.Close()
				return
			}
		}()
	}
}

func exitCode(cmd *exec.Cmd) int {
	if cmd.ProcessState == nil {
		return 127
	}
	return cmd.ProcessState.ExitCode()
}

func dialTest(t *testing.T) *Host {
	t.Helper()
	key := newSigner(t)
	s := serve(t, key.PublicKey())
	h, err := Dial(t.Context(), Config{
		Address: s.address, User: "admin", Key: key, Identity: "i-1",
		HostKeys: HostKeys{filepath.Join(t.TempDir(), "known_hosts")},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestRun(t *testing.T) {
	h := dialTest(t)
	var out bytes.Buffer
	if err := h.Run(t.Context(), `read x; echo "it's $x"`, strings.NewReader("secret\n"), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != "it's secret\n" {
		t.Errorf("the command printed %q", out.String())
	}
	err := h.Run(t.Context(), "echo broken >&2; exit 7", nil, nil)
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Status != 7 || exit.Stderr != "broken" {
		t.Errorf("a command that fails: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.Run(ctx, "sleep 5", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command that takes too long: %v", err)
	}
}

func TestPut(t *testing.T) {
	h := dialTest(t)
	dir := t.TempDir()
	target := filepath.Join(dir, "new dir", "below", "it's a file")
	for _, want := range []bool{true, false} {
		changed, err := h.Put(t.Context(), target, []byte("text\n"), 0o600)
		if err != nil || changed != want {
			t.Fatalf("Put: changed %v, %v; want %v", changed, err, want)
		}
	}
	big := bytes.Repeat([]byte("macaw "), 1<<20)
	local := filepath.Join(dir, "big")
	if err := os.WriteFile(local, big, 0o644); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "copied")
	for _, want := range []bool{true, false} {
		changed, err := h.PutFile(t.Context(), local, copied, 0o755)
		if err != nil || changed != want {
			t.Fatalf("PutFile: changed %v, %v; want %v", changed, err, want)
		}
	}
	got, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, big) {
		t.Error("the copy differs")
	}
	// Everybody may pass the new directories: other files will be there.
	for path, mode := range map[string]os.FileMode{
		target: 0o600, copied: 0o755, filepath.Dir(target): 0o755, filepath.Dir(filepath.Dir(target)): 0o755,
	} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %04o", path, st.Mode(), err, mode)
		}
	}
}

func TestHostKeys(t *testing.T) {
	keys := HostKeys{filepath.Join(t.TempDir(), "dir", "known_hosts")}
	one, two := newSigner(t).PublicKey(), newSigner(t).PublicKey()
	if err := keys.Check("i-1", one); err != nil {
		t.Fatalf("first sight: %v", err)
	}
	if err := keys.Check("i-1", one); err != nil {
		t.Errorf("the same key again: %v", err)
	}
	if err := keys.Check("i-1", two); !errors.Is(err, ErrHostKey) {
		t.Errorf("another key: %v, want ErrHostKey", err)
	}
	if err := keys.Check("i-2", two); err != nil {
		t.Errorf("another machine: %v", err)
	}
}

func TestDialRefusesAChangedHostKey(t *testing.T) {
	key := newSigner(t)
	s := serve(t, key.PublicKey())
	keys := HostKeys{filepath.Join(t.TempDir(), "known_hosts")}
	if err := keys.Check("i-1", newSigner(t).PublicKey()); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(t.Context(), Config{Address: s.address, User: "admin", Key: key, Identity: "i-1", HostKeys: keys}, nil)
	if !errors.Is(err, ErrHostKey) {
		t.Errorf("Dial: %v, want ErrHostKey", err)
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("it connected %d times: a changed key does not change back", n)
	}
}

func TestLoadKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "id_ed25519")
	first, err := LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v; want mode 0600", st.Mode(), err)
	}
	second, err := LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if AuthorizedKey(first) != AuthorizedKey(second) {
		t.Error("the second call returned another key")
	}
}
