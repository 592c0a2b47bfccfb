// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/configfile"
	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// tlsNode is a node in a directory, with an authority of its own.
type tlsNode struct {
	*node
	t        *testing.T
	reloaded int // how often HAProxy was
}

func newTLSNode(t *testing.T, roles ...model.Role) *tlsNode {
	t.Helper()
	t.Cleanup(configfile.Remember("group neutron", os.Getgid()))
	n := &tlsNode{t: t}
	n.node = &node{
		root: t.TempDir(),
		spec: nodeapi.OpenStack{Node: "cloud-1", Roles: roles, Management: nodeapi.Management{
			Address: netip.MustParseAddr("10.0.0.4"), Public: netip.MustParseAddr("198.51.100.10"),
		}},
		run: func(_ context.Context, c command) (string, error) {
			if strings.Join(c.Args, " ") != "systemctl try-reload-or-restart haproxy.service" {
				t.Errorf("ran %q", c.Args)
			}
			n.reloaded++
			return "", nil
		},
	}
	return n
}

// authority gives the node another authority, which may certify further networks, too.
func (n *tlsNode) authority(now time.Time, further ...netip.Prefix) (root *x509.Certificate) {
	n.t.Helper()
	scope := authority.Scope{
		Networks: append(further, netip.MustParsePrefix("10.0.0.4/32"), netip.MustParsePrefix("198.51.100.10/32")),
		Names:    []string{"cloud-1", "cloud.example.org"},
	}
	key, err := authority.NewKey()
	if err != nil {
		n.t.Fatal(err)
	}
	above, err := authority.NewRoot(key, "cloud", scope, now)
	if err != nil {
		n.t.Fatal(err)
	}
	own, err := above.Intermediate("cloud-1", scope, now)
	if err != nil {
		n.t.Fatal(err)
	}
	bundle, err := authority.EncodeBundle(own)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := (file{Path: nodeapi.Issuer, Mode: 0o600, Content: bundle}).Write(n.root); err != nil {
		n.t.Fatal(err)
	}
	return above.Root()
}

func (n *tlsNode) renew(now time.Time) []string {
	n.t.Helper()
	renewed, err := n.renewCertificates(n.t.Context(), now)
	domain, failed := n.renewDomain(n.t.Context(), now)
	if err := errors.Join(err, failed); err != nil {
		n.t.Fatal(err)
	}
	return append(renewed, domain...)
}

func TestRenewal(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	n := newTLSNode(t, model.Controller, model.Gateway)
	root := n.authority(begin)
	both := []string{ovnCertificate, publicCertificate}

	// Day after day, for a year: each certificate is renewed in time, and HAProxy told.
	var days []int
	for day := range 365 {
		now := begin.AddDate(0, 0, day)
		renewed := n.renew(now)
		if len(renewed) > 0 {
			if !slices.Equal(renewed, both) {
				t.Errorf("day %d: renewed %q, want both", day, renewed)
			}
			days = append(days, day)
		}
		c, err := n.seenCertificate(certificate{path: publicCertificate})
		if err != nil {
			t.Fatal(err)
		}
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(root)
		between.AddCert(c.Chain[1])
		for _, name := range []string{"198.51.100.10", "10.0.0.4", "cloud-1"} {
			if _, err := c.Chain[0].Verify(x509.VerifyOptions{
				Roots: roots, Intermediates: between, DNSName: name, CurrentTime: now.Add(24 * time.Hour),
			}); err != nil {
				t.Fatalf("day %d, until the next: %v", day, err)
			}
		}
	}
	if want := []int{0, 60, 120, 180, 240, 300, 360}; !slices.Equal(days, want) {
		t.Errorf("renewed on days %v, want %v", days, want)
	}
	if n.reloaded != len(days) {
		t.Errorf("HAProxy was reloaded %d times, want %d", n.reloaded, len(days))
	}

	now := begin.AddDate(1, 0, 0)
	n.spec.Management.Domain = "cloud.example.org"
	if renewed := n.renew(now); !slices.Equal(renewed, both[1:]) {
		t.Errorf("with a domain: renewed %q, want the public one", renewed)
	}
	// The domain has a certificate from elsewhere, which this one must not stand in front of.
	n.spec.Management.Foreign = true
	if renewed := n.renew(now); !slices.Equal(renewed, both[1:]) {
		t.Errorf("with a certificate from elsewhere: renewed %q, want the public one", renewed)
	}
	if c, err := n.seenCertificate(certificate{path: publicCertificate}); err != nil ||
		c.Chain[0].VerifyHostname("cloud.example.org") == nil {
		t.Errorf("the domain has a certificate from elsewhere, and the cloud's own names it too: %v", err)
	}
	n.authority(now)
	if renewed := n.renew(now); !slices.Equal(renewed, both) {
		t.Errorf("with another authority: renewed %q, want both", renewed)
	}
	// A run that was killed between the two files.
	if err := os.Remove(filepath.Join(n.root, ovnKey)); err != nil {
		t.Fatal(err)
	}
	if renewed := n.renew(now); !slices.Equal(renewed, both[:1]) {
		t.Errorf("without OVN's key: renewed %q, want OVN's", renewed)
	}
	if renewed := n.renew(now); len(renewed) > 0 {
		t.Errorf("at once again: renewed %q", renewed)
	}
	for path, want := range map[string]fs.FileMode{
		nodeapi.Issuer: 0o600, publicCertificate: 0o600, ovnKey: 0o640, ovnCertificate: 0o644, nodeapi.Authority: 0o644,
	} {
		if info, err := os.Stat(filepath.Join(n.root, path)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info, err, want)
		}
	}
}

func TestCertificatesOfOtherNodes(t *testing.T) {
	n := newTLSNode(t, model.Compute)
	now := time.Now()
	_, err := n.renewCertificates(t.Context(), now)
	if !errors.Is(err, fs.ErrNotExist) || len(hint.All(err)) == 0 {
		t.Errorf("without an authority: %v, want what is missing and a hint", err)
	}
	n.authority(now)
	if renewed := n.renew(now); !slices.Equal(renewed, []string{ovnCertificate}) {
		t.Errorf("renewed %q, want OVN's alone", renewed)
	}
}

// Files on a node whose certificate and key do not belong together, or that are damaged, are named with what
// to do, which helps.
func TestDamagedCertificates(t *testing.T) {
	n, other := newTLSNode(t, model.Controller), newTLSNode(t, model.Controller)
	now := time.Now()
	n.authority(now)
	other.authority(now)
	n.renew(now)
	other.renew(now)
	read := func(n *tlsNode, path string) *authority.Certificate {
		t.Helper()
		c, err := n.seenCertificate(certificate{path: path})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// spoil gives a file another's key.
	spoil := func(path string) {
		t.Helper()
		bundle, err := authority.EncodeBundle(&authority.Certificate{Chain: read(n, path).Chain, Key: read(other, path).Key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (file{Path: path, Mode: 0o600, Content: bundle}).Write(n.root); err != nil {
			t.Fatal(err)
		}
	}

	const notIts = "the private key is not that of the first certificate"
	spoil(publicCertificate)
	var found bool
	for _, c := range n.certificatesInUse() {
		if c.Path == publicCertificate {
			found = c.Error == notIts
		} else if c.Error != "" || c.Expires.IsZero() {
			t.Errorf("%+v, want it without an error", c)
		}
	}
	if !found {
		t.Errorf("in use are %+v, want an error at %s", n.certificatesInUse(), publicCertificate)
	}
	if renewed := n.renew(now); !slices.Equal(renewed, []string{publicCertificate}) {
		t.Errorf("renewed %q, want the one with another's key", renewed)
	}

	spoil(nodeapi.Issuer)
	_, err := n.renewCertificates(t.Context(), now)
	if err == nil || !strings.Contains(err.Error(), nodeapi.Issuer+": "+notIts) ||
		!slices.Contains(hint.All(err), "remove that file from the node; then macaw up FILE makes another authority") {
		t.Errorf("an authority with another's key: %v, hints %q", err, hint.All(err))
	}

	if _, err := (file{Path: acmeKey, Mode: 0o600, Content: []byte("x\n")}).Write(n.root); err != nil {
		t.Fatal(err)
	}
	_, err = n.acmeAccount()
	if err == nil || !strings.Contains(err.Error(), acmeKey) || len(hint.All(err)) == 0 {
		t.Errorf("a damaged account: %v, hints %q", err, hint.All(err))
	}
	if err := os.Remove(filepath.Join(n.root, acmeKey)); err != nil { // as the hint says
		t.Fatal(err)
	}
	if _, err := n.acmeAccount(); err != nil {
		t.Errorf("after its removal: %v", err)
	}
}

// A compute that is not the only one has a certificate for migrations, by all the names that libvirt and QEMU
// look for. libvirtd is started anew with another one.
func TestCertificateForMigrations(t *testing.T) {
	n := newTLSNode(t, model.Compute)
	t.Cleanup(configfile.Remember("group libvirt-qemu", os.Getgid()))
	var ran []string
	n.run = func(_ context.Context, c command) (string, error) {
		ran = append(ran, strings.Join(c.Args, " "))
		return "", nil
	}
	now := time.Now()
	n.authority(now)
	if _, err := n.renewCertificates(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(n.root, guestsDirectory)) {
		t.Error("the only compute has a certificate for migrations")
	}
	n.spec.Nodes = []nodeapi.Peer{
		{Name: "cloud-1", Address: n.spec.Management.Address, Roles: n.spec.Roles},
		{Name: "cloud-2", Address: netip.MustParseAddr("10.0.0.5"), Roles: n.spec.Roles},
	}
	for _, want := range [][]string{{guestsCertificate}, nil} {
		renewed, err := n.renewCertificates(t.Context(), now)
		if err != nil || !slices.Equal(renewed, want) {
			t.Errorf("issued %q, %v; want %q", renewed, err, want)
		}
	}
	if want := []string{"systemctl try-restart -- libvirtd.service"}; !slices.Equal(ran, want) {
		t.Errorf("ran %q, want %q", ran, want)
	}
	seen, err := n.seenCertificate(certificate{path: guestsCertificate, keyPath: guestsKey})
	if err != nil {
		t.Fatal(err)
	}
	if got := seen.Chain[0].IPAddresses; len(got) != 1 || got[0].String() != "10.0.0.4" {
		t.Errorf("it is for %v", got)
	}
	for name := range guestsLinks {
		target, err := os.Readlink(filepath.Join(n.root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		if !exists(filepath.Join(n.root, target)) {
			t.Errorf("%s leads nowhere", name)
		}
	}
}
