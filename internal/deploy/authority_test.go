// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/cloud"
	"macaw.example/internal/nodeapi"
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
func issuerOn(t *testing.T, n *fakeNode) authority.Certificate {
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
		c, err := (&authority.Authority{Key: first.Key, Chain: first.Chain}).Issue(
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

	// A key that has leaked: without it and the node's, up makes another authority.
	leaked := issuerOn(t, n)
	if err := os.Remove(w.home.authorityKey("first")); err != nil {
		t.Fatal(err)
	}
	delete(n.files, nodeapi.Issuer)
	if w.up(file); issuerOn(t, n).Chain[1].Equal(leaked.Chain[1]) {
		t.Error("the authority was not replaced")
	}

	// An authority on the node that has lost its key issues nothing.
	whole := issuerOn(t, n)
	n.files[nodeapi.Issuer] = string(authority.EncodeChain(whole.Chain))
	if w.up(file); issuerOn(t, n).Chain[0].Equal(whole.Chain[0]) {
		t.Error("an authority without its key was left on the node")
	}

	// A damaged key is not thrown away.
	if err := os.WriteFile(w.home.authorityKey("first"), key[:60], 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ := w.process(file)
	if _, err := d.Up(t.Context(), UpOptions{Verify: Never}); err == nil ||
		!strings.Contains(err.Error(), w.home.authorityKey("first")) {
		t.Errorf("a damaged key: %v, want an error that names it", err)
	}
}

func TestDomainCertificate(t *testing.T) {
	dir := t.TempDir()
	key, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	scope := authority.Scope{
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Names:    []string{"example.org"},
	}
	root, err := authority.NewRoot(key, "another authority", scope, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, leaf authority.Leaf, at time.Time) {
		t.Helper()
		c, err := root.Issue(leaf, at)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := authority.EncodeKey(c.Key)
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name+".pem"), authority.EncodeChain(c.Chain), 0o644),
			os.WriteFile(filepath.Join(dir, name+".key"), secret, 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	leaf := authority.Leaf{Name: "x", Names: []string{"cloud.example.org"}}
	write("good", leaf, time.Now())
	write("other", authority.Leaf{Name: "x", Names: []string{"www.example.org"}}, time.Now())
	write("old", leaf, time.Now().AddDate(-1, 0, 0))
	for _, tc := range []struct{ what, certificate, key, err string }{
		{"good", "good.pem", "good.key", ""},
		{"no certificate", "none.pem", "good.key", "management.tls.certificate: "},
		{"no key", "good.pem", "none.key", "management.tls.key: "},
		{"swapped", "good.key", "good.pem", "management.tls.certificate: good.key: no certificate in PEM form"},
		{"another's key", "good.pem", "other.key",
			"management.tls.key: good.pem and other.key: the private key is not that of the first certificate"},
		{"for another name", "other.pem", "other.key",
			"management.tls.certificate: other.pem: x509: certificate is valid for www.example.org, not cloud.example.org"},
		{"expired", "old.pem", "old.key", "management.tls.certificate: old.pem is valid from "},
	} {
		c, err := cloud.Parse(filepath.Join(dir, "cloud.yaml"), []byte("name: x\ntarget: lab\nmanagement:\n"+
			"  domain: cloud.example.org\n  tls: {certificate: "+tc.certificate+", key: "+tc.key+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := (&Deployment{Cloud: c}).domainCertificate()
		switch {
		case tc.err != "" && (err == nil || !strings.Contains(err.Error(), "cloud.yaml:5:") ||
			!strings.Contains(err.Error(), tc.err)):
			t.Errorf("%s: %v, want %q and the place", tc.what, err, tc.err)
		case tc.err == "" && err != nil:
			t.Errorf("%s: %v", tc.what, err)
		case tc.err == "":
			if _, err := authority.DecodeBundle(bundle); err != nil {
				t.Errorf("%s: %v", tc.what, err)
			}
		}
	}
}
