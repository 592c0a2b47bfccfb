// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Lifetimes. The longer ones end with the operator's next run after two thirds of them; the node
// renews its certificates after as much of theirs.
const (
	authorityLifetime = 10 * 365 * 24 * time.Hour
	lifetime          = 90 * 24 * time.Hour
	// skew is how far clocks may differ.
	skew = time.Hour
)

// Scope is what an authority may certify.
type Scope struct {
	Networks []netip.Prefix
	// Names are DNS names; an authority may certify their subdomains too.
	Names []string
}

// Authority is a certificate authority with its key.
type Authority struct {
	Key crypto.Signer
	// Chain has the authority's own certificate first, then its issuers up to the root.
	Chain []*x509.Certificate
}

// Root returns the certificate of the root.
func (a *Authority) Root() *x509.Certificate { return a.Chain[len(a.Chain)-1] }

// NewKey generates a key.
func NewKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// NewRoot makes a root authority with a key. Certificates of an earlier root with the same name and
// key stay valid if the new scope includes what they certify.
func NewRoot(key crypto.Signer, name string, scope Scope, now time.Time) (*Authority, error) {
	t, err := authorityTemplate(name, scope, now)
	if err != nil {
		return nil, err
	}
	t.MaxPathLen = 1
	cert, err := sign(t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the authority %s: %w", name, err)
	}
	return &Authority{Key: key, Chain: []*x509.Certificate{cert}}, nil
}

// Intermediate makes an authority below a, with a key of its own.
func (a *Authority) Intermediate(name string, scope Scope, now time.Time) (*Authority, error) {
	t, err := authorityTemplate(name, scope, now)
	if err != nil {
		return nil, err
	}
	t.MaxPathLenZero = true
	t.NotAfter = earlier(t.NotAfter, a.Chain[0].NotAfter)
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	cert, err := sign(t, a.Chain[0], key.Public(), a.Key)
	if err != nil {
		return nil, fmt.Errorf("making the authority %s: %w", name, err)
	}
	return &Authority{Key: key, Chain: append([]*x509.Certificate{cert}, a.Chain...)}, nil
}

// Leaf is a wanted certificate of a server, which may also be a client.
type Leaf struct {
	Name      string // common name
	Addresses []netip.Addr
	Names     []string // DNS names
}

// Certificate is a certificate with its key and its issuers, up to the root.
type Certificate struct {
	Key   crypto.Signer
	Chain []*x509.Certificate
}

// Issue makes a certificate with a key of its own.
func (a *Authority) Issue(l Leaf, now time.Time) (Certificate, error) {
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: l.Name}, DNSNames: l.Names,
		NotBefore: now.Add(-skew), NotAfter: earlier(now.Add(lifetime), a.Chain[0].NotAfter),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		// Required beside IsCA, which is false.
		BasicConstraintsValid: true,
	}
	for _, addr := range l.Addresses {
		t.IPAddresses = append(t.IPAddresses, addr.AsSlice())
	}
	key, err := NewKey()
	if err != nil {
		return Certificate{}, err
	}
	cert, err := sign(t, a.Chain[0], key.Public(), a.Key)
	if err != nil {
		return Certificate{}, fmt.Errorf("making the certificate of %s: %w", l.Name, err)
	}
	return Certificate{Key: key, Chain: append([]*x509.Certificate{cert}, a.Chain...)}, nil
}

func authorityTemplate(name string, scope Scope, now time.Time) (*x509.Certificate, error) {
	// A kind of name without a constraint is not constrained at all.
	if len(scope.Networks) == 0 || len(scope.Names) == 0 {
		return nil, errors.New("making an authority: its scope needs both networks and names")
	}
	t := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Macaw"}, CommonName: name},
		NotBefore: now.Add(-skew), NotAfter: now.Add(authorityLifetime),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: scope.Names,
	}
	for _, n := range scope.Networks {
		t.PermittedIPRanges = append(t.PermittedIPRanges,
			&net.IPNet{IP: n.Masked().Addr().AsSlice(), Mask: net.CIDRMask(n.Bits(), n.Addr().BitLen())})
	}
	return t, nil
}

func sign(t, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) (*x509.Certificate, error) {
	var err error
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, public, by)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Due reports whether a certificate is to be renewed: it has less than a third of its lifetime left.
func Due(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotAfter.Add(-c.NotAfter.Sub(c.NotBefore) / 3))
}

// fresh reports whether a certificate is valid and not due.
func fresh(c *x509.Certificate, now time.Time) bool { return !Due(c, now) && !now.Before(c.NotBefore) }

// Serves reports whether an authority may be used further: it is fresh, has this scope, and was
// issued by the holder of issuer's key.
func Serves(chain []*x509.Certificate, scope Scope, issuer crypto.PublicKey, now time.Time) bool {
	own, root := chain[0], chain[len(chain)-1]
	for _, c := range chain {
		if !c.IsCA || !fresh(c, now) {
			return false
		}
	}
	return scopeOf(own).equal(scope) && root.CheckSignatureFrom(root) == nil && samePublic(root.PublicKey, issuer) &&
		own.CheckSignatureFrom(chain[min(1, len(chain)-1)]) == nil
}

// Covers reports whether a certificate is fresh and certifies exactly what leaf names, by an
// authority with this chain.
func Covers(c Certificate, leaf Leaf, by []*x509.Certificate, now time.Time) bool {
	own := c.Chain[0]
	addrs := make([]netip.Addr, 0, len(own.IPAddresses))
	for _, ip := range own.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, a.Unmap())
		}
	}
	return fresh(own, now) && own.Subject.CommonName == leaf.Name && samePublic(own.PublicKey, c.Key.Public()) &&
		equalSets(addrs, leaf.Addresses, netip.Addr.Compare) && equalSets(own.DNSNames, leaf.Names, strings.Compare) &&
		slices.EqualFunc(c.Chain[1:], by, (*x509.Certificate).Equal)
}

func scopeOf(c *x509.Certificate) Scope {
	s := Scope{Names: c.PermittedDNSDomains}
	for _, n := range c.PermittedIPRanges {
		addr, _ := netip.AddrFromSlice(n.IP)
		bits, _ := n.Mask.Size()
		s.Networks = append(s.Networks, netip.PrefixFrom(addr.Unmap(), bits))
	}
	return s
}

func (s Scope) equal(o Scope) bool {
	masked := func(ps []netip.Prefix) (m []netip.Prefix) {
		for _, p := range ps {
			m = append(m, p.Masked())
		}
		return m
	}
	return equalSets(masked(s.Networks), masked(o.Networks), netip.Prefix.Compare) &&
		equalSets(s.Names, o.Names, strings.Compare)
}

func equalSets[T comparable](a, b []T, compare func(T, T) int) bool {
	sorted := func(s []T) []T {
		s = slices.Clone(s)
		slices.SortFunc(s, compare)
		return slices.Compact(s)
	}
	return slices.Equal(sorted(a), sorted(b))
}

func samePublic(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
