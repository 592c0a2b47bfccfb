// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// keysOfEachType are a machine's host keys, as on Debian.
func keysOfEachType(t *testing.T) []ssh.Signer {
	t.Helper()
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := []ssh.Signer{newSigner(t)}
	for _, private := range []any{e, r} {
		key, err := ssh.NewSignerFromKey(private)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

// A machine with keys of several types presents the stored one.
func TestDialKnowsAMachineByEachOfItsKeys(t *testing.T) {
	key := newSigner(t)
	all := keysOfEachType(t)
	s := serve(t, key.PublicKey(), all...)
	for _, known := range all {
		hosts := HostKeys{filepath.Join(t.TempDir(), "known_hosts")}
		if err := hosts.Check("i-1", known.PublicKey()); err != nil {
			t.Fatal(err)
		}
		h, err := Dial(t.Context(), Config{Address: s.address, User: "admin", Key: key, Identity: "i-1", HostKeys: hosts},
			nil)
		if err != nil {
			t.Errorf("known by its %s key: %v", known.PublicKey().Type(), err)
			continue
		}
		h.Close()
	}
}

// A machine that has only a key of another type is another machine: trusting it would admit any
// attacker who presents one.
func TestDialRefusesAKeyOfAnotherType(t *testing.T) {
	key := newSigner(t)
	all := keysOfEachType(t)
	s := serve(t, key.PublicKey(), all[1])
	hosts := HostKeys{filepath.Join(t.TempDir(), "known_hosts")}
	if err := hosts.Check("i-1", all[0].PublicKey()); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(t.Context(), Config{Address: s.address, User: "admin", Key: key, Identity: "i-1", HostKeys: hosts}, nil)
	if !errors.Is(err, ErrHostKey) || !strings.Contains(err.Error(), "ssh-ed25519") {
		t.Errorf("error %v", err)
	}
	if err := hosts.Check("i-1", all[1].PublicKey()); !errors.Is(err, ErrHostKey) {
		t.Errorf("Check: error %v", err)
	}
}

// A refused key is final, except on a new machine, which has not installed it yet.
func TestDialRefusedKey(t *testing.T) {
	for _, c := range []struct {
		name     string
		newUntil time.Duration
		once     bool
	}{
		{"a machine that has been there", 0, true},
		{"a new machine", time.Hour, false},
		{"a new machine that has had its time", 300 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, newSigner(t).PublicKey())
			known := filepath.Join(t.TempDir(), "known_hosts")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := Dial(ctx, Config{
				Address: s.address, User: "admin", Key: newSigner(t), Identity: "i-1", HostKeys: HostKeys{known},
				NewUntil: time.Now().Add(c.newUntil),
			}, nil)
			var unreachable *UnreachableError
			if !errors.Is(err, ErrKeyRefused) || !errors.As(err, &unreachable) {
				t.Fatalf("error %v", err)
			}
			if n := s.conns.Load(); (n == 1) != c.once {
				t.Errorf("tried %d times", n)
			}
			if _, err := os.Stat(known); err == nil {
				t.Error("the host key of a machine that has not let us in is remembered")
			}
		})
	}
}

// Gone ends the wait for a machine that no longer exists.
func TestDialAsksWhetherTheMachineIsGone(t *testing.T) {
	gone := errors.New("instance i-1 is terminated")
	err := ends(t, "Dial", func() error {
		_, err := Dial(t.Context(), Config{
			Address: "127.0.0.1:1", User: "admin", Key: newSigner(t), Identity: "i-1", Times: quick,
			HostKeys: HostKeys{filepath.Join(t.TempDir(), "known_hosts")}, Gone: func(context.Context) error { return gone },
		}, nil)
		return err
	})
	if !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
}

// A line that is only half written, since the disk was full or the process killed, spoils no other.
func TestHalfALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	key := newSigner(t).PublicKey()
	if err := (HostKeys{path}).Check("i-1", key); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, "i-2 ssh-ed255"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := (HostKeys{path}).Check("i-3", key); err != nil {
			t.Fatal(err)
		}
	}
	names, err := HostKeys{path}.Names()
	if err != nil || strings.Join(names, " ") != "i-1 i-3" {
		t.Errorf("known: %q, %v", names, err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "\n") != 3 {
		t.Errorf("%v:\n%s", err, text)
	}
}
