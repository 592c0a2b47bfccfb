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

// Certificate is a certificate with its key: an authority's, or that of a server which may also be a
// client.
type Certificate struct {
	Key crypto.Signer
	// Chain has the certificate first, then its issuers, up to the root if it is of this package.
	Chain []*x509.Certificate
}

// Join joins a chain with the key of its first certificate. They must belong together.
func Join(key crypto.Signer, chain []*x509.Certificate) (*Certificate, error) {
	at := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return Belongs(c, key.Public()) })
	switch {
	case at < 0:
		return nil, errors.New("the private key is not that of the first certificate")
	case at > 0:
		return nil, fmt.Errorf("the private key is that of certificate %d, %s, and not of the first", at+1, chain[at].Subject)
	}
	return &Certificate{Key: key, Chain: chain}, nil
}

// Root returns the certificate of the root.
func (a *Certificate) Root() *x509.Certificate { return a.Chain[len(a.Chain)-1] }

// NewKey generates a key.
func NewKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// NewRoot makes a root authority with a key. Certificates of an earlier root with the same name and
// key stay valid if the new scope includes what they certify.
func NewRoot(key crypto.Signer, name string, scope Scope, now time.Time) (*Certificate, error) {
	t, err := authorityTemplate(name, scope, now)
	if err != nil {
		return nil, err
	}
	t.MaxPathLen = 1
	cert, err := sign(t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the authority %s: %w", name, err)
	}
	return &Certificate{Key: key, Chain: []*x509.Certificate{cert}}, nil
}

// Intermediate makes an authority below a, with a key of its own.
func (a *Certificate) Intermediate(name string, scope Scope, now time.Time) (*Certificate, error) {
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
	cert, err := a.sign(t, key.Public())
	if err != nil {
		return nil, fmt.Errorf("making the authority %s: %w", name, err)
	}
	return &Certificate{Key: key, Chain: append([]*x509.Certificate{cert}, a.Chain...)}, nil
}

// Leaf is a wanted certificate of a server, which may also be a client.
type Leaf struct {
	Name      string // common name
	Addresses []netip.Addr
	Names     []string // DNS names
}

// Issue makes a certificate with a key of its own.
func (a *Certificate) Issue(l Leaf, now time.Time) (*Certificate, error) {
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
		return nil, err
	}
	cert, err := a.sign(t, key.Public())
	if err != nil {
		return nil, fmt.Errorf("making the certificate of %s: %w", l.Name, err)
	}
	return &Certificate{Key: key, Chain: append([]*x509.Certificate{cert}, a.Chain...)}, nil
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

func (a *Certificate) sign(t *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	if !a.Chain[0].IsCA {
		return nil, fmt.Errorf("%s is no certificate authority", a.Chain[0].Subject)
	}
	return sign(t, a.Chain[0], public, a.Key)
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

// InOrder returns an error unless each certificate of a chain was issued by the next one, as servers must
// send them (RFC 5246, section 7.4.2).
func InOrder(chain []*x509.Certificate) error {
	for i, c := range chain[:len(chain)-1] {
		if err := c.CheckSignatureFrom(chain[i+1]); err != nil {
			return fmt.Errorf("certificate %d, %s, was not issued by the next, %s: %w", i+1, c.Subject, chain[i+1].Subject, err)
		}
	}
	return nil
}

// Serves reports whether an authority may be used further: it is fresh, has this scope, and was
// issued by the holder of issuer's key.
func Serves(chain []*x509.Certificate, scope Scope, issuer crypto.PublicKey, now time.Time) bool {
	own, root := chain[0], chain[len(chain)-1]
	for _, c := range chain {
		if !c.IsCA || !fresh(c, now) {
			return false
		}
	}
	return scopeOf(own).equal(scope) && root.CheckSignatureFrom(root) == nil && Belongs(root, issuer) &&
		own.CheckSignatureFrom(chain[min(1, len(chain)-1)]) == nil
}

// Covers reports whether a certificate is fresh and certifies exactly what leaf names, by an
// authority with this chain.
func Covers(c *Certificate, leaf Leaf, by []*x509.Certificate, now time.Time) bool {
	own := c.Chain[0]
	addrs := make([]netip.Addr, 0, len(own.IPAddresses))
	for _, ip := range own.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, a.Unmap())
		}
	}
	return fresh(own, now) && own.Subject.CommonName == leaf.Name && Belongs(own, c.Key.Public()) &&
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

// Belongs reports whether a certificate is that of a public key.
func Belongs(c *x509.Certificate, key crypto.PublicKey) bool {
	own, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && own.Equal(key)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
