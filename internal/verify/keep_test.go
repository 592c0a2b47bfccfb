// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"golang.org/x/crypto/ssh"
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

// The host key of a guest that is kept is known, so that ssh needs not ask.
func TestKnownHosts(t *testing.T) {
	key, client := newSigner(t), newSigner(t)
	sshd := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, nil
	}}
	sshd.AddHostKey(key)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, _, requests, err := ssh.NewServerConn(c, sshd); err == nil {
				go ssh.DiscardRequests(requests)
			}
		}
	}()
	guest := &tenant{public: netip.MustParseAddr("198.51.100.12"), user: "user", signer: client}
	path := filepath.Join(t.TempDir(), "cloud", "guest_known_hosts")
	err = guest.connect(t.Context(), Config{
		KnownHosts: path, Patience: time.Minute,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer guest.guest.Close()
	want := "198.51.100.12 " + string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%v, %q, want %q", err, got, want)
	}
}

// What an earlier run has left is found by its project, or by its user, which goes before it.
func TestRemains(t *testing.T) {
	one := map[string]any{"id": "1", "name": "macaw-verify"}
	for what, tt := range map[string]struct {
		projects, users []any
		want            bool
	}{
		"nothing": {[]any{}, []any{}, false},
		"project": {[]any{one}, []any{}, true},
		"user":    {[]any{}, []any{one}, true},
	} {
		srv := httptest.NewServer(&fakeCloud{lists: map[string]any{
			"/projects": map[string]any{"projects": tt.projects}, "/users": map[string]any{"users": tt.users},
		}})
		client := &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: srv.URL + "/"}
		s := &session{identity: client}
		if got, err := s.remains(t.Context(), "macaw-verify"); err != nil || got != tt.want {
			t.Errorf("%s: %t, %v", what, got, err)
		}
		srv.Close()
	}
}
