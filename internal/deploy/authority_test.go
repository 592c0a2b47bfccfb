// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/hint"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/privatefile"
)

// onlyNode is the cloud's one machine.
func (w *world) onlyNode() *fakeNode {
	w.t.Helper()
	for _, n := range w.nodes {
		return n
	}
	w.t.Fatal("there is no node")
	return nil
}

func (w *world) up(text string) UpResult {
	w.t.Helper()
	d, _ := w.process(text)
	res, err := d.Up(w.t.Context(), UpOptions{Verify: Never})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// issuerOn is the certificate authority of a node, below the cloud's.
func issuerOn(t *testing.T, n *fakeNode) *authority.Certificate {
	t.Helper()
	c, err := authority.DecodeBundle([]byte(n.files[nodeapi.Issuer]))
	if err != nil {
		t.Fatalf("the node's authority: %v", err)
	}
	if len(c.Chain) != 2 {
		t.Fatalf("its chain has %d certificates, want its own and the cloud's", len(c.Chain))
	}
	return c
}

func TestAuthorityOfACloud(t *testing.T) {
	w := newWorld(t)
	res := w.up(file)
	n := w.onlyNode()
	first := issuerOn(t, n)
	public := res.Nodes[0].ManagementPublic

	// What the node issues is trusted by who trusts what clouds.yaml names, and nothing else is.
	pem, err := os.ReadFile(w.home.authority("first"))
	if err != nil {
		t.Fatal(err)
	}
	clouds, err := os.ReadFile(w.home.CloudsYAML)
	if err != nil || !strings.Contains(string(clouds), "cacert: "+w.home.authority("first")) {
		t.Errorf("clouds.yaml, %v, names no authority:\n%s", err, clouds)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for name, trusted := range map[string]bool{public: true, "198.51.100.99": false, "8.8.8.8": false} {
		c, err := first.Issue(
			authority.Leaf{Name: "x", Addresses: []netip.Addr{netip.MustParseAddr(name)}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		between := x509.NewCertPool()
		between.AddCert(c.Chain[1])
		_, err = c.Chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: name})
		if (err == nil) != trusted {
			t.Errorf("a certificate for %s: %v, want trusted: %v", name, err, trusted)
		}
	}
	if info, err := os.Stat(w.home.authorityKey("first")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the authority's key: %v, %v; want mode 0600", info, err)
	}

	if w.up(file); !issuerOn(t, n).Chain[0].Equal(first.Chain[0]) {
		t.Error("a second up made the node another authority")
	}

	// An operator without the key leaves what serves, and trusts it.
	key, err := os.ReadFile(w.home.authorityKey("first"))
	if err != nil {
		t.Fatal(err)
	}
	own := w.home
	w.home = newHome(t)
	if w.up(file); !issuerOn(t, n).Chain[0].Equal(first.Chain[0]) {
		t.Error("another operator made the node another authority")
	}
	if _, err := os.Stat(w.home.authorityKey("first")); !os.IsNotExist(err) {
		t.Errorf("another operator made a key: %v", err)
	}
	if trusts, err := os.ReadFile(w.home.authority("first")); err != nil || string(trusts) != string(pem) {
		t.Errorf("another operator trusts another authority: %v", err)
	}

	// A name more: a new certificate of the same authority. Certificates from before stay good.
	w.home = own
	w.up(strings.Replace(file, "allow:", "domain: cloud.example.org, allow:", 1))
	named := issuerOn(t, n)
	if !slices.Contains(named.Chain[0].PermittedDNSDomains, "cloud.example.org") ||
		!slices.Contains(named.Chain[1].PermittedDNSDomains, "cloud.example.org") {
		t.Error("the authorities may not certify the new domain")
	}
	if err := first.Chain[0].CheckSignatureFrom(named.Chain[1]); err != nil {
		t.Errorf("the new root did not issue the old authority: %v", err)
	}

	// A lost key: another authority, which clouds.yaml names.
	if err := os.Remove(w.home.authorityKey("first")); err != nil {
		t.Fatal(err)
	}
	w.up(file) // without the domain, so that the node's serves no longer
	if err := issuerOn(t, n).Chain[0].CheckSignatureFrom(named.Chain[1]); err == nil {
		t.Error("without its key the old root has issued another authority")
	}
	if trusts, err := os.ReadFile(w.home.authority("first")); err != nil || string(trusts) == string(pem) {
		t.Errorf("after its replacement the old authority is trusted: %v", err)
	}

	// An authority on the node that has lost its key issues nothing.
	whole := issuerOn(t, n)
	n.files[nodeapi.Issuer] = string(authority.EncodeChain(whole.Chain))
	if w.up(file); issuerOn(t, n).Chain[0].Equal(whole.Chain[0]) {
		t.Error("an authority without its key was left on the node")
	}

	// Nor does one whose key is another's.
	whole = issuerOn(t, n)
	bundle, err := authority.EncodeBundle(&authority.Certificate{Key: first.Key, Chain: whole.Chain})
	if err != nil {
		t.Fatal(err)
	}
	n.files[nodeapi.Issuer] = string(bundle)
	if w.up(file); issuerOn(t, n).Chain[0].Equal(whole.Chain[0]) {
		t.Error("an authority with another's key was left on the node")
	}

	// A damaged key is not thrown away.
	if err := os.WriteFile(w.home.authorityKey("first"), key[:60], 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ := w.process(file)
	_, err = d.Up(t.Context(), UpOptions{Verify: Never})
	if err == nil || !strings.Contains(err.Error(), w.home.authorityKey("first")) ||
		!slices.Contains(hint.All(err), "put the file back from a backup; or replace the authority: "+
			"macaw up --new-authority cloud.yaml") {
		t.Errorf("a damaged key: %v, hints %q, want an error that names it, and what to do", err, hint.All(err))
	}
	damaged := issuerOn(t, n)
	w.rotate() // as the hint says
	if issuerOn(t, n).Chain[1].Equal(damaged.Chain[1]) {
		t.Error("the authority was not replaced")
	}
	w.up(file)
}

// rotate replaces the cloud's authority.
func (w *world) rotate() {
	w.t.Helper()
	d, _ := w.process(file)
	if _, err := d.Up(w.t.Context(), UpOptions{Verify: Never, NewAuthority: true}); err != nil {
		w.t.Fatal(err)
	}
}

// checkKeys checks that the operator's key is that of the authority on the node, and that no other waits.
func (w *world) checkKeys(what string) {
	w.t.Helper()
	b, err := os.ReadFile(w.home.authorityKey("first"))
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := authority.DecodeKey(b)
	if err != nil || !authority.Belongs(issuerOn(w.t, w.onlyNode()).Root(), key.Public()) {
		w.t.Errorf("%s: the key, %v, is not that of the authority on the node", what, err)
	}
	if _, err := os.Stat(w.home.nextAuthorityKey("first")); !errors.Is(err, fs.ErrNotExist) {
		w.t.Errorf("%s: another key is left: %v", what, err)
	}
}

// A leaked key is replaced; who uses it still is told.
func TestNewAuthority(t *testing.T) {
	w := newWorld(t)
	w.up(file)
	n := w.onlyNode()
	leaked := issuerOn(t, n)
	key, err := os.ReadFile(w.home.authorityKey("first"))
	if err != nil {
		t.Fatal(err)
	}
	w.rotate()
	replaced := issuerOn(t, n)
	if authority.Belongs(replaced.Root(), leaked.Root().PublicKey) ||
		authority.Belongs(replaced.Chain[0], leaked.Key.Public()) {
		t.Error("a key was not replaced")
	}
	if trusts, err := os.ReadFile(w.home.authority("first")); err != nil ||
		string(trusts) != string(authority.EncodeChain(replaced.Chain[1:])) {
		t.Errorf("clients trust, %v:\n%s", err, trusts)
	}
	w.checkKeys("after the replacement")
	if w.up(file); !issuerOn(t, n).Chain[0].Equal(replaced.Chain[0]) {
		t.Error("the next up replaced it again")
	}

	// Another operator, who has the earlier key: it is not used, which would make it the cloud's again.
	own := w.home
	w.home = newHome(t)
	if err := privatefile.Replace(w.home.authorityKey("first"), key); err != nil {
		t.Fatal(err)
	}
	d, _ := w.process(file)
	_, err = d.Up(t.Context(), UpOptions{Verify: Never})
	if err == nil || !strings.Contains(err.Error(), "the key in "+w.home.authorityKey("first")+
		" is not that of the cloud's certificate authority, whose certificate is on node cloud-1") ||
		len(hint.All(err)) == 0 {
		t.Errorf("with the earlier key: %v, hints %q", err, hint.All(err))
	}
	if !issuerOn(t, n).Chain[0].Equal(replaced.Chain[0]) {
		t.Error("the earlier key has become the cloud's again")
	}
	// What the hint says: the authority stays without the file, also for the operator who has made it.
	if err := os.Remove(w.home.authorityKey("first")); err != nil {
		t.Fatal(err)
	}
	if w.up(file); !issuerOn(t, n).Chain[0].Equal(replaced.Chain[0]) {
		t.Error("an operator without a key replaced the authority")
	}
	w.home = own
	w.up(file)
	w.checkKeys("after another operator's run")
}

// The replacement is killed around each file that is written on the node, and after each step: then any
// other run completes it, or nothing of it has begun.
func TestNewAuthorityKilledAnywhere(t *testing.T) {
	w := newWorld(t)
	w.up(file)
	n := w.onlyNode()
	for at := 1; ; at++ {
		before := issuerOn(t, n)
		ctx, kill := context.WithCancelCause(t.Context())
		d, progress := w.process(file)
		events := 0
		count := func() {
			if events++; events == at {
				kill(errKilled)
			}
		}
		progress.ended = func(int) { count() }
		n.put = func(string, bool) { count() }
		_, err := d.Up(ctx, UpOptions{Verify: Never, NewAuthority: true})
		n.put = nil
		wasKilled := context.Cause(ctx) == errKilled
		kill(nil)
		if err != nil && !wasKilled {
			t.Fatal(err)
		}
		_, waits := os.Stat(w.home.nextAuthorityKey("first"))
		w.up(file)
		w.checkKeys(fmt.Sprintf("killed at %d", at))
		if same := authority.Belongs(issuerOn(t, n).Root(), before.Root().PublicKey); same && (waits == nil || !wasKilled) {
			t.Errorf("killed at %d: the replacement was forgotten", at)
		}
		if !wasKilled {
			break
		}
	}
}

// The chain of a file on the node is read if its key belongs to it, and the key never.
func TestChainOf(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip(err)
	}
	c, other := newCompany(t, t.TempDir()), newCompany(t, t.TempDir())
	bundle := func(key, chain *authority.Certificate) string {
		b, err := authority.EncodeBundle(&authority.Certificate{Key: key.Key, Chain: chain.Chain})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	chain := string(authority.EncodeChain(c.own.Chain))
	whole := bundle(c.own, c.own)
	for _, tc := range []struct{ what, file, want string }{
		{"whole", whole, chain},
		{"no key", chain, ""},
		{"another's key", bundle(other.own, c.own), ""},
		{"half a key", whole[:len(whole)-60], ""},
		{"no certificate", whole[len(chain):], ""},
		{"empty", "", ""},
		{"none", "absent", ""},
	} {
		path := filepath.Join(t.TempDir(), "issuer.pem")
		if tc.file != "absent" {
			if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", chainOf(path)).CombinedOutput()
		if err != nil || string(out) != tc.want {
			t.Errorf("%s: %v\n%s\nwant:\n%s", tc.what, err, out, tc.want)
		}
	}
}
