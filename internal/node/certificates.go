// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"macaw.example/internal/authority"
	"macaw.example/internal/execute"
	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// The node's own certificates, all issued by the authority in nodeapi.Issuer.
const (
	publicCertificate = "/etc/macaw/tls/public/authority.pem" // chain and key, as HAProxy wants them
	ovnCertificate    = nodeapi.OVNCertificate
	ovnKey            = nodeapi.OVNKey
	// ovnAuthorities has the cloud's authority and the node's. Open vSwitch reads its certificate without
	// the issuer's (lib/stream-ssl.c, SSL_CTX_use_certificate_file); OpenSSL completes what it sends from
	// the authorities (SSL_CTX_add_extra_chain_cert(3)), so other nodes need not have this node's.
	ovnAuthorities = nodeapi.OVNAuthorities

	// Those for migrations of guests are where AppArmor lets QEMU read (/etc/apparmor.d/abstractions/
	// libvirt-qemu), by the names that QEMU looks for.
	guestsDirectory   = "/etc/pki/qemu"
	guestsCertificate = guestsDirectory + "/server-cert.pem"
	guestsKey         = guestsDirectory + "/server-key.pem"
	// guestsAuthorities has the node's own authority beside the root: libvirt and QEMU verify their own
	// certificate by it, and look at no other issuer for that.
	guestsAuthorities = guestsDirectory + "/ca-cert.pem"
)

// guestsLinks are further names of the certificate for migrations: a node is a client of others, too.
// libvirtd looks for its client's certificate nowhere else (libvirt's "TLS setup").
var guestsLinks = map[string]string{
	guestsDirectory + "/client-cert.pem":     "server-cert.pem",
	guestsDirectory + "/client-key.pem":      "server-key.pem",
	"/etc/pki/CA/cacert.pem":                 guestsAuthorities,
	"/etc/pki/libvirt/clientcert.pem":        guestsCertificate,
	"/etc/pki/libvirt/private/clientkey.pem": guestsKey,
}

// certificates renews the certificates, once a day if that is due.
var certificates = service{
	name:  "certificates",
	roles: model.Roles(),
	units: []string{"macaw-certificates.timer"},
	systemd: []configFile{
		{template: "macaw-certificates.service", path: "/etc/systemd/system/macaw-certificates.service"},
		{template: "macaw-certificates.timer", path: "/etc/systemd/system/macaw-certificates.timer",
			readers: []string{"macaw-certificates.timer"}},
	},
}

// certificate is a wanted certificate and where it is kept.
type certificate struct {
	path    string // of the chain
	keyPath string // of the key; it is the chain's file if empty
	group   string // may read the key; only root if empty
	leaf    authority.Leaf
	reload  string // the unit that reads it only when told; empty if its users notice by themselves
	restart string // the unit that reads it only when it starts
}

// certificatesOf returns the certificates of a node.
func certificatesOf(s nodeapi.OpenStack) []certificate {
	leaf := authority.Leaf{Name: s.Node, Names: []string{s.Node}, Addresses: []netip.Addr{s.Management.Address}}
	// Open vSwitch reads changed files at its next connection (lib/stream-ssl.c, update_ssl_config),
	// and Neutron reads them for each.
	all := []certificate{{path: ovnCertificate, keyPath: ovnKey, group: "neutron", leaf: leaf}}
	if migrates(s) {
		all = append(all, certificate{path: guestsCertificate, keyPath: guestsKey, group: "libvirt-qemu", leaf: leaf,
			restart: "libvirtd.service"})
	}
	if s.Has(model.Controller) {
		if s.Management.Public.IsValid() {
			leaf.Addresses = append([]netip.Addr{s.Management.Public}, leaf.Addresses...)
		}
		// With the domain in it HAProxy would serve this one, the first of its directory, for the domain.
		if s.Management.Domain != "" && !s.Management.Foreign {
			leaf.Names = append([]string{s.Management.Domain}, leaf.Names...)
		}
		all = append(all, certificate{path: publicCertificate, leaf: leaf, reload: haproxyUnit})
	}
	return all
}

// RenewCertificates issues this node's certificates that are missing, expire soon, or name other
// addresses than those of spec, and makes the services use them.
func RenewCertificates(ctx context.Context, spec nodeapi.OpenStack) (renewed []string, err error) {
	held, err := lock(ctx, lockPath, func(Event) {})
	if err != nil {
		return nil, err
	}
	defer held.Close()
	n := &node{spec: spec, root: "/", run: execute.On(held)}
	renewed, err = n.renewCertificates(ctx, time.Now())
	domain, failed := n.renewDomain(ctx, time.Now())
	err = errors.Join(err, failed)
	if spec.Has(model.Controller) { // also if another certificate could not be renewed
		if served := n.ensureServed(ctx); !errors.Is(served, errNothingToDo) {
			err = errors.Join(err, served)
		}
	}
	return append(renewed, domain...), err
}

func (n *node) ensureCertificates(ctx context.Context) error {
	renewed, err := n.renewCertificates(ctx, time.Now())
	if err != nil {
		return err
	}
	timer := n.ensureRunning(ctx, certificates.units...)
	if len(renewed) > 0 && errors.Is(timer, errNothingToDo) {
		return nil
	}
	return timer
}

func (n *node) renewCertificates(ctx context.Context, now time.Time) (renewed []string, err error) {
	issuer, err := n.issuer()
	if err != nil {
		return nil, err
	}
	authorities := map[string][]*x509.Certificate{nodeapi.Authority: {issuer.Root()}, ovnAuthorities: issuer.Chain}
	if migrates(n.spec) {
		authorities[guestsAuthorities] = issuer.Chain
		if err := n.linkGuests(); err != nil {
			return nil, err
		}
	}
	for path, trusted := range authorities {
		if _, err := (file{Path: path, Mode: 0o644, Content: authority.EncodeChain(trusted)}).Write(n.root); err != nil {
			return nil, err
		}
	}
	for _, c := range certificatesOf(n.spec) {
		if seen, err := n.seenCertificate(c); err == nil && authority.Covers(seen, c.leaf, issuer.Chain, now) {
			continue
		}
		if err := n.issue(issuer, c, now); err != nil {
			return renewed, err
		}
		renewed = append(renewed, c.path)
		if c.reload != "" {
			if err := n.reload(ctx, c.reload); err != nil {
				return renewed, err
			}
		}
		if c.restart != "" { // if it is running
			if err := n.run.Systemctl(ctx, "try-restart", []string{c.restart}); err != nil {
				return renewed, fmt.Errorf("making %s read its certificate: %w", c.restart, err)
			}
		}
	}
	return renewed, nil
}

// linkGuests makes the further names of the certificate for migrations.
func (n *node) linkGuests() error {
	for name, target := range guestsLinks {
		path := filepath.Join(n.root, name)
		if seen, err := os.Readlink(path); err == nil && seen == target {
			continue
		}
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = renameio.Symlink(target, path)
		}
		if err != nil {
			return fmt.Errorf("linking %s: %w", name, err)
		}
	}
	return nil
}

// ensureDomain is a step of its own, after HAProxy, which passes the ACME server's question on.
func (n *node) ensureDomain(ctx context.Context) error {
	renewed, err := n.renewDomain(ctx, time.Now())
	if err == nil && len(renewed) == 0 {
		return errNothingToDo
	}
	return err
}

// renewDomain obtains the certificate for the cloud's domain by ACME, if that is due.
func (n *node) renewDomain(ctx context.Context, now time.Time) (renewed []string, err error) {
	if n.spec.Management.ACME == nil || !n.spec.Has(model.Controller) {
		return nil, nil
	}
	c := certificate{path: nodeapi.DomainCertificate, reload: haproxyUnit}
	if seen, err := n.seenCertificate(c); err == nil && !authority.Due(seen.Chain[0], now) &&
		seen.Chain[0].VerifyHostname(n.spec.Management.Domain) == nil && n.obtained(seen.Chain[0]) {
		return nil, nil
	}
	client, err := n.acmeClient()
	if err != nil {
		return nil, err
	}
	bundle, err := client.obtain(ctx, n.spec.Management.Domain)
	if err != nil {
		return nil, hint.With(
			err,
			"the authority must reach http://%[1]s/ from the Internet: %[1]s needs an A record with %[2]s, "+
				"and port 80 open to everybody",
			n.spec.Management.Domain,
			n.spec.Management.Public,
		)
	}
	if _, err := (file{Path: c.path, Mode: 0o600, Content: bundle}).Write(n.root); err != nil {
		return nil, err
	}
	got, err := authority.DecodeBundle(bundle)
	if err != nil {
		return nil, err
	}
	if _, err := (file{Path: acmeOrigin, Mode: 0o644, Content: n.origin(got.Chain[0])}).Write(n.root); err != nil {
		return nil, err
	}
	return []string{c.path}, n.reload(ctx, c.reload)
}

// acmeOrigin says which certificate the ACME server has issued last. Another one in its place is the
// operator's own, of before, or another server's.
const acmeOrigin = "/etc/macaw/tls/acme.origin"

// origin is the content of acmeOrigin for a certificate.
func (n *node) origin(c *x509.Certificate) []byte {
	return fmt.Appendf(nil, "%s %x\n", n.spec.Management.ACME.Directory, sha256.Sum256(c.Raw))
}

// obtained reports whether the ACME server of the spec has issued a certificate.
func (n *node) obtained(c *x509.Certificate) bool {
	from, err := os.ReadFile(filepath.Join(n.root, acmeOrigin))
	return err == nil && bytes.Equal(from, n.origin(c))
}

// reload makes a unit read its certificate, if it is running. Connections are kept: the old worker
// serves them to their end.
func (n *node) reload(ctx context.Context, unit string) error {
	if _, err := n.run(ctx, command{Args: []string{"systemctl", "try-reload-or-restart", unit}}); err != nil {
		return fmt.Errorf("making %s read its certificate: %w", unit, err)
	}
	return nil
}

// issuer reads the node's authority.
func (n *node) issuer() (*authority.Certificate, error) {
	b, err := os.ReadFile(filepath.Join(n.root, nodeapi.Issuer))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.With(fmt.Errorf("reading the node's certificate authority: %w", err), "macaw up FILE makes it")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the node's certificate authority: %w", err)
	}
	c, err := authority.DecodeBundle(b)
	if err != nil {
		return nil, hint.With(fmt.Errorf("reading the node's certificate authority from %s: %w", nodeapi.Issuer, err),
			"remove that file from the node; then macaw up FILE makes another authority")
	}
	return c, nil
}

// seenCertificate reads a certificate with its key. Those that do not belong together are an error.
func (n *node) seenCertificate(c certificate) (*authority.Certificate, error) {
	b, err := os.ReadFile(filepath.Join(n.root, c.path))
	if err != nil {
		return nil, err
	}
	if c.keyPath != "" {
		key, err := os.ReadFile(filepath.Join(n.root, c.keyPath))
		if err != nil {
			return nil, err
		}
		b = append(b, key...)
	}
	return authority.DecodeBundle(b)
}

// issue issues a certificate and writes it. A run that is killed between key and chain leaves files
// that do not belong together, and the next one issues again.
func (n *node) issue(issuer *authority.Certificate, c certificate, now time.Time) error {
	issued, err := issuer.Issue(c.leaf, now)
	if err != nil {
		return err
	}
	key, err := authority.EncodeKey(issued.Key)
	if err != nil {
		return err
	}
	chain := file{Path: c.path, Mode: 0o644, Content: authority.EncodeChain(issued.Chain)}
	secret := file{Path: c.keyPath, Group: c.group, Mode: 0o600, Content: key}
	if c.group != "" {
		secret.Mode = 0o640
	}
	files := []file{secret, chain}
	if c.keyPath == "" {
		chain.Mode, chain.Content = 0o600, append(chain.Content, key...)
		files = []file{chain}
	}
	for _, f := range files {
		if _, err := f.Write(n.root); err != nil {
			return err
		}
	}
	return nil
}
