// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// realSSHD starts OpenSSH's server and connects to it as this user.
func realSSHD(t *testing.T) *Host {
	t.Helper()
	program, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs openssh-server, and root")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir, key := t.TempDir(), newSigner(t)
	private, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	for name, text := range map[string]string{
		"host_key": string(private), "authorized_keys": AuthorizedKey(key),
		"config": fmt.Sprintf("ListenAddress 127.0.0.1:%s\nHostKey %s/host_key\nAuthorizedKeysFile %[2]s/authorized_keys\n"+
			"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPrintMotd no\n", port, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-D", "-e", "-f", filepath.Join(dir, "config"))
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	h, err := Dial(ctx, Config{Address: address, User: me.Username, Key: key, Identity: "i-1",
		HostKeys: HostKeys{filepath.Join(dir, "known_hosts")}}, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// screen is what a session has printed.
type screen struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.b.String(), text)
}

// A shell on a terminal knows its type and its size, also when that changes, and its exit status is
// that of the session.
func TestInteractOnATerminal(t *testing.T) {
	h := realSSHD(t)
	keys, typed := io.Pipe()
	var out screen
	var wide atomic.Bool
	done := make(chan error, 1)
	go func() {
		done <- h.Interact(t.Context(), Session{Stdin: keys, Stdout: &out, Stderr: &out, Terminal: &Terminal{Type: "vt100",
			Size: func() (int, int) {
				if wide.Load() {
					return 121, 41
				}
				return 101, 31
			}}})
	}()
	ask := func(command, want string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !out.has(want); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: no %q in %q", command, want, out.b.String())
			}
			if _, err := io.WriteString(typed, command+"\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask("stty size", "31 101\r\n")
	ask("echo type is $TERM", "type is vt100\r\n")
	wide.Store(true)
	ask("stty size", "41 121\r\n")
	if _, err := io.WriteString(typed, "exit 7\n"); err != nil {
		t.Fatal(err)
	}
	var exit *ExitError
	if err := <-done; !errors.As(err, &exit) || exit.Status != 7 {
		t.Errorf("the shell's end: %v", err)
	}
}

// Without a terminal, bytes pass as they are.
func TestInteractWithoutATerminal(t *testing.T) {
	h := realSSHD(t)
	content := bytes.Repeat([]byte{0, '\n', '\r', 4, 3, 0xff}, 50000)
	var out, stderr bytes.Buffer
	err := h.Interact(t.Context(), Session{Command: "cat; echo bad >&2; exit 3", Stdin: bytes.NewReader(content),
		Stdout: &out, Stderr: &stderr})
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Status != 3 || stderr.String() != "bad\n" || !bytes.Equal(out.Bytes(), content) {
		t.Errorf("%v, %q, %d bytes", err, &stderr, out.Len())
	}
	// Nobody types, and the command ends; nobody reads, and the operator interrupts.
	keys, _ := io.Pipe()
	if err := h.Interact(t.Context(), Session{Command: "true", Stdin: keys, Stdout: &out, Stderr: &stderr}); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = h.Interact(ctx, Session{Command: "sleep 60", Stdin: keys, Stdout: &out, Stderr: &stderr})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
