// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var (
	start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	whole = Scope{
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("198.51.100.10/32")},
		Names:    []string{"cloud-1", "cloud-2", "cloud.example.org"},
	}
	oneNode = Scope{
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.4/32"), netip.MustParsePrefix("198.51.100.10/32")},
		Names:    []string{"cloud-1", "cloud.example.org"},
	}
	oneLeaf = Leaf{
		Name:      "cloud-1",
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.4"), netip.MustParseAddr("198.51.100.10")},
		Names:     []string{"cloud-1", "cloud.example.org"},
	}
)

func newRoot(t *testing.T) *Certificate {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	root, err := NewRoot(key, "lab", whole, start)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func newNode(t *testing.T, root *Certificate) *Certificate {
	t.Helper()
	node, err := root.Intermediate("lab cloud-1", oneNode, start)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func issue(t *testing.T, by *Certificate, l Leaf, at time.Time) *Certificate {
	t.Helper()
	c, err := by.Issue(l, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// trusts verifies as a client does that trusts only the root.
func trusts(root *x509.Certificate, c *Certificate, name string, at time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, i := range c.Chain[1:] {
		between.AddCert(i)
	}
	_, err := c.Chain[0].Verify(
		x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: name, CurrentTime: at},
	)
	return err
}

func TestScope(t *testing.T) {
	root := newRoot(t)
	node := newNode(t, root)
	beyond := func(addr, name string) Leaf {
		l := Leaf{Name: "cloud-1"}
		if addr != "" {
			l.Addresses = []netip.Addr{netip.MustParseAddr(addr)}
		}
		if name != "" {
			l.Names = []string{name}
		}
		return l
	}
	for _, tc := range []struct {
		what string
		leaf Leaf
		as   string
		ok   bool
	}{
		{"private address", oneLeaf, "10.0.0.4", true},
		{"Elastic IP", oneLeaf, "198.51.100.10", true},
		{"domain", oneLeaf, "cloud.example.org", true},
		{"a name that it lacks", oneLeaf, "cloud-2", false},
		{"another node's address", beyond("10.0.0.5", ""), "10.0.0.5", false},
		{"another node's name", beyond("", "cloud-2"), "cloud-2", false},
		{"an address of the Internet", beyond("8.8.8.8", ""), "8.8.8.8", false},
		{"an IPv6 address", beyond("2001:db8::1", ""), "2001:db8::1", false},
		{"a name of the Internet", beyond("", "www.example.com"), "www.example.com", false},
	} {
		c := issue(t, node, tc.leaf, start)
		if err := trusts(root.Root(), c, tc.as, start); (err == nil) != tc.ok {
			t.Errorf("%s: %v, want trusted: %v", tc.what, err, tc.ok)
		}
	}
	// A node's authority makes no further one.
	if below, err := node.Intermediate("below", oneNode, start); err == nil {
		if err := trusts(root.Root(), issue(t, below, oneLeaf, start), "cloud-1", start); err == nil {
			t.Error("a certificate of an authority below a node's is trusted")
		}
	}
	if _, err := root.Intermediate("n", Scope{Names: oneNode.Names}, start); err == nil {
		t.Error("an authority without constraint on addresses was made")
	}
}

func TestServes(t *testing.T) {
	root := newRoot(t)
	node := newNode(t, root)
	other := newRoot(t)
	grown := Scope{Networks: whole.Networks, Names: append(slices.Clone(whole.Names), "cloud-3")}
	renewed, err := NewRoot(root.Key, "lab", grown, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what  string
		chain []*x509.Certificate
		scope Scope
		by    *Certificate
		at    time.Time
		want  bool
	}{
		{"just made", node.Chain, oneNode, root, start, true},
		{"the root itself", root.Chain, whole, root, start, true},
		{"names in another order", node.Chain,
			Scope{Networks: oneNode.Networks, Names: []string{"cloud.example.org", "cloud-1"}}, root, start, true},
		{"more than the scope", node.Chain, whole, root, start, false},
		{"after two thirds", node.Chain, oneNode, root, start.Add(authorityLifetime*2/3 + time.Hour), false},
		{"another root", node.Chain, oneNode, other, start, false},
		{"a leaf", issue(t, node, oneLeaf, start).Chain, oneNode, root, start, false},
		{"below a root that was made anew", append([]*x509.Certificate{node.Chain[0]}, renewed.Chain...), oneNode, root,
			start.Add(2 * time.Hour), true},
		{"not of that root", []*x509.Certificate{node.Chain[0], other.Chain[0]}, oneNode, other, start, false},
	} {
		if got := Serves(tc.chain, tc.scope, tc.by.Key.Public(), tc.at); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.what, got, tc.want)
		}
	}
	// What the earlier root's authorities issued is trusted by those who trust the new one.
	if err := trusts(renewed.Root(), issue(t, node, oneLeaf, start), "cloud-1", start.Add(2*time.Hour)); err != nil {
		t.Errorf("after the root was made anew: %v", err)
	}
}

func TestCovers(t *testing.T) {
	node := newNode(t, newRoot(t))
	another := newNode(t, newRoot(t))
	c := issue(t, node, oneLeaf, start)
	fewer := oneLeaf
	fewer.Addresses = oneLeaf.Addresses[:1]
	renamed := oneLeaf
	renamed.Names = []string{"cloud-1"}
	otherKey := &Certificate{Key: another.Key, Chain: c.Chain}
	for _, tc := range []struct {
		what string
		c    *Certificate
		leaf Leaf
		by   *Certificate
		at   time.Time
		want bool
	}{
		{"just issued", c, oneLeaf, node, start, true},
		{"with 31 days left", c, oneLeaf, node, start.Add(59 * 24 * time.Hour), true},
		{"with 29 days left", c, oneLeaf, node, start.Add(61 * 24 * time.Hour), false},
		{"from the future", c, oneLeaf, node, start.Add(-2 * time.Hour), false},
		{"one address less", c, fewer, node, start, false},
		{"other names", c, renamed, node, start, false},
		{"another authority", c, oneLeaf, another, start, false},
		{"another key", otherKey, oneLeaf, node, start, false},
	} {
		if got := Covers(tc.c, tc.leaf, tc.by.Chain, tc.at); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.what, got, tc.want)
		}
	}
}

// A certificate that is no authority's issues nothing: nobody would trust it.
func TestLeafIssuesNothing(t *testing.T) {
	leaf := issue(t, newNode(t, newRoot(t)), oneLeaf, start)
	if _, err := leaf.Issue(oneLeaf, start); err == nil {
		t.Error("a server's certificate has issued another")
	}
	if _, err := leaf.Intermediate("below", oneNode, start); err == nil {
		t.Error("a server's certificate has made an authority")
	}
}

func TestInOrder(t *testing.T) {
	chain := issue(t, newNode(t, newRoot(t)), oneLeaf, start).Chain
	for _, tc := range []struct {
		what string
		at   []int
		ok   bool
	}{
		{"whole", []int{0, 1, 2}, true},
		{"without the root", []int{0, 1}, true},
		{"the certificate alone", []int{0}, true},
		{"issuers the wrong way round", []int{0, 2, 1}, false},
		{"reversed", []int{2, 1, 0}, false},
		{"one is missing", []int{0, 2}, false},
	} {
		var got []*x509.Certificate
		for _, i := range tc.at {
			got = append(got, chain[i])
		}
		if err := InOrder(got); (err == nil) != tc.ok {
			t.Errorf("%s: %v, want in order: %v", tc.what, err, tc.ok)
		}
	}
}

func TestBundle(t *testing.T) {
	c := issue(t, newNode(t, newRoot(t)), oneLeaf, start)
	file, err := EncodeBundle(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	if !Belongs(c.Chain[0], got.Key.Public()) ||
		!slices.EqualFunc(got.Chain, c.Chain, (*x509.Certificate).Equal) {
		t.Error("a bundle is not what was written")
	}
	key, err := EncodeKey(newRoot(t).Key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := EncodeKey(c.Key)
	if err != nil {
		t.Fatal(err)
	}
	swapped := []*x509.Certificate{c.Chain[1], c.Chain[0]}
	for _, tc := range []struct {
		what, err string
		file      []byte
	}{
		{"empty", "no certificate in PEM form", nil},
		{"no key", "no private key in PEM form", EncodeChain(c.Chain)},
		{"no certificate", "no certificate in PEM form", key},
		{"another key", "the private key is not that of the first certificate", append(EncodeChain(c.Chain), key...)},
		{"the issuer first", "the private key is that of certificate 2, CN=cloud-1, and not of the first",
			append(EncodeChain(swapped), own...)},
	} {
		if _, err := DecodeBundle(tc.file); err == nil || err.Error() != tc.err {
			t.Errorf("%s: %v, want %q", tc.what, err, tc.err)
		}
	}
}
