// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/test/pebble"
)

// startPebble runs an ACME server on this machine, whose DNS knows every name as this machine. It asks
// for proofs at a port. It returns its directory and the certificate that it is trusted by.
func startPebble(t *testing.T, proofs int) (directory string, trusted []byte) {
	t.Helper()
	s := pebble.Start(t, pebble.Options{Domain: netip.MustParseAddr("127.0.0.1"), Proofs: proofs})
	return s.Directory, s.Trusted
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestACME(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an ACME server: not with -short")
	}
	_, port, err := net.SplitHostPort(acmeListen)
	if err != nil {
		t.Fatal(err)
	}
	var proofs int
	fmt.Sscan(port, &proofs)
	directory, trusted := startPebble(t, proofs)

	n := newTLSNode(t, model.Controller)
	n.spec.Management.Domain = "cloud.example.org"
	n.spec.Management.ACME = &nodeapi.ACME{Directory: directory, Email: "operator@example.org"}
	now := time.Now()
	n.authority(now)
	if _, err := n.renewCertificates(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, err := n.renewDomain(t.Context(), now); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("from a server that is not trusted: %v", err)
	}
	if _, err := (file{Path: nodeapi.ACMEAuthority, Mode: 0o600, Content: trusted}).Write(n.root); err != nil {
		t.Fatal(err)
	}
	domain := func() *x509.Certificate {
		t.Helper()
		c, err := n.seenCertificate(certificate{path: nodeapi.DomainCertificate})
		if err != nil {
			t.Fatal(err)
		}
		return c.Chain[0]
	}
	only := []string{nodeapi.DomainCertificate}
	if renewed := n.renew(now); !slices.Equal(renewed, only) {
		t.Fatalf("renewed %q, want the domain's", renewed)
	}
	first := domain()
	if err := first.VerifyHostname("cloud.example.org"); err != nil ||
		!strings.Contains(first.Issuer.CommonName, "Pebble") {
		t.Errorf("issued by %s: %v", first.Issuer, err)
	}
	if renewed := n.renew(now); len(renewed) > 0 {
		t.Errorf("at once again: renewed %q", renewed)
	}
	life := first.NotAfter.Sub(first.NotBefore)
	if renewed := n.renew(first.NotBefore.Add(life / 2)); slices.Contains(renewed, nodeapi.DomainCertificate) {
		t.Error("renewed in the middle of its life")
	}
	if renewed := n.renew(first.NotBefore.Add(life*2/3 + time.Hour)); !slices.Contains(
		renewed,
		nodeapi.DomainCertificate,
	) {
		t.Errorf("after two thirds of its life: renewed %q", renewed)
	}
	if domain().Equal(first) {
		t.Error("the renewed certificate is the old one")
	}

	// A certificate of the operator's own, from before.
	own, err := n.issuer()
	if err != nil {
		t.Fatal(err)
	}
	given, err := own.Issue(authority.Leaf{Name: "cloud.example.org", Names: []string{"cloud.example.org"}}, now)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := authority.EncodeBundle(given)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (file{Path: nodeapi.DomainCertificate, Mode: 0o600, Content: bundle}).Write(n.root); err != nil {
		t.Fatal(err)
	}
	if renewed := n.renew(now); !slices.Contains(renewed, nodeapi.DomainCertificate) ||
		!strings.Contains(domain().Issuer.CommonName, "Pebble") {
		t.Errorf("with the operator's own: renewed %q; served is %s's", renewed, domain().Issuer)
	}

	// A server that cannot reach the domain: the old certificate stays, and the error says what it needs.
	stays := domain()
	n.spec.Management.Domain = "other.example.org"
	elsewhere, trusted := startPebble(t, freePort(t))
	n.spec.Management.ACME.Directory = elsewhere
	if _, err := (file{Path: nodeapi.ACMEAuthority, Mode: 0o600, Content: trusted}).Write(n.root); err != nil {
		t.Fatal(err)
	}
	_, err = n.renewDomain(t.Context(), now)
	if err == nil || !strings.Contains(err.Error(), "obtaining a certificate for other.example.org from "+elsewhere) {
		t.Errorf("from a server that cannot reach the domain: %v", err)
	}
	if !domain().Equal(stays) {
		t.Error("the certificate is lost")
	}
}
