// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/cloud"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/privatefile"
)

// giveCertificates gives each node the authority from which it issues its own certificates, unless the one
// that it has serves, and the controller the certificate for the cloud's domain, if there is one.
func (d *Deployment) giveCertificates(ctx context.Context, all machines) error {
	return d.do(phaseHost, "certificates", func() error {
		seen := make([][]*x509.Certificate, len(all))
		err := all.each(ctx, func(ctx context.Context, m *machine) error {
			out, err := m.h.Output(ctx, chainOf(nodeapi.Issuer))
			if err != nil {
				return fmt.Errorf("reading the certificate authority of node %s: %w", m.Name, err)
			}
			// Something that is no chain is replaced.
			seen[slices.Index(all, m)], _ = authority.DecodeChain([]byte(out))
			return nil
		})
		if err != nil {
			return err
		}
		made := slices.ContainsFunc(seen, func(chain []*x509.Certificate) bool { return len(chain) == 2 })
		whole, told := cloudScope(d.Cloud, all), false
		for i, m := range all {
			issuer, err := d.issuerFor(m.spec.OpenStack, whole, seen[i], made, time.Now())
			if err != nil {
				return err
			}
			if issuer == nil {
				continue
			}
			bundle, err := authority.EncodeBundle(issuer)
			if err != nil {
				return err
			}
			if _, err := m.h.Put(ctx, nodeapi.Issuer, bundle, 0o600); err != nil {
				return err
			}
			if !told && len(seen[i]) == 2 && !authority.Belongs(issuer.Root(), seen[i][1].PublicKey) {
				told = true
				d.note(phaseHost, "the cloud has another certificate authority: macaw env %s makes the clients of other "+
					"operators trust it", d.Cloud.FileName())
			}
		}
		if err := d.settleAuthorityKey(); err != nil {
			return err
		}
		return d.putDomainCertificate(ctx, all[d.controller()].h)
	})
}

// chainOf is a command that prints the chain in a file, which has the key of its first certificate as
// well, and nothing if it has not. The key itself has no business outside the node.
func chainOf(file string) string {
	return fmt.Sprintf(`f=%s; grep -q 'BEGIN PRIVATE KEY' $f 2>/dev/null || exit 0; `+
		`if command -v openssl >/dev/null; then key=$(openssl pkey -in $f -pubout 2>/dev/null) && `+
		`[ "$key" = "$(openssl x509 -in $f -noout -pubkey 2>/dev/null)" ] || exit 0; fi; `+
		`sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' $f`, file)
}

// issuerFor returns a new authority for a node, or nil if the one that the node has, with the chain
// seen, serves. made says that the cloud has an authority, on this node or another.
func (d *Deployment) issuerFor(
	spec nodeapi.OpenStack,
	whole authority.Scope,
	seen []*x509.Certificate,
	made bool,
	now time.Time,
) (*authority.Certificate, error) {
	own := nodeScope(spec)
	key, next, err := d.authorityKey()
	if err != nil {
		return nil, err
	}
	if key == nil {
		// The authority may be another operator's: then its certificate suffices.
		if len(seen) == 2 {
			root := seen[1]
			if authority.Serves(seen, own, root.PublicKey, now) && authority.Serves(seen[1:], whole, root.PublicKey, now) {
				return nil, nil
			}
		}
		if made && len(d.Cloud.Nodes) > 1 {
			return nil, d.errNoAuthorityKey(spec.Node)
		}
		if key, err = d.nextAuthorityKey(); err != nil {
			return nil, err
		}
		next = true
	}
	if !next && len(seen) == 2 && !authority.Belongs(seen[1], key.Public()) {
		return nil, d.errOtherAuthority(spec.Node)
	}
	root, err := d.rootOf(key, whole, seen, now)
	if err != nil {
		return nil, err
	}
	if len(seen) == 2 && seen[1].Equal(root.Root()) && authority.Serves(seen, own, key.Public(), now) {
		return nil, nil
	}
	return root.Intermediate(fmt.Sprintf("%s, node %s", d.Cloud.Name, spec.Node), own, now)
}

// rootOf returns the cloud's authority: the node's, if that serves, or a new one with the same key.
func (d *Deployment) rootOf(key crypto.Signer, scope authority.Scope, seen []*x509.Certificate, now time.Time) (
	*authority.Certificate, error) {
	if len(seen) == 2 && authority.Serves(seen[1:], scope, key.Public(), now) {
		return &authority.Certificate{Key: key, Chain: seen[1:]}, nil
	}
	return authority.NewRoot(key, "Macaw cloud "+d.Cloud.Name, scope, now)
}

// nodeScope is what a node may certify: itself, by its addresses and names.
func nodeScope(s nodeapi.OpenStack) authority.Scope {
	scope := authority.Scope{Networks: []netip.Prefix{single(s.Management.Address)}, Names: []string{s.Node}}
	if s.Management.Public.IsValid() {
		scope.Networks = append(scope.Networks, single(s.Management.Public))
	}
	if s.Management.Domain != "" {
		scope.Names = append(scope.Names, s.Management.Domain)
	}
	return scope
}

// cloudScope is what all nodes together may certify.
func cloudScope(c *cloud.Cloud, all machines) authority.Scope {
	whole := authority.Scope{Networks: []netip.Prefix{c.VPC.CIDR}}
	for _, m := range all {
		own := nodeScope(m.spec.OpenStack)
		whole.Networks = append(whole.Networks, own.Networks[1:]...)
		whole.Names = append(whole.Names, own.Names...)
	}
	return whole
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// trusted fetches the certificates that clients trust the cloud by, and keeps them in a file; none
// means those of the client's system.
func (d *Deployment) trusted(ctx context.Context, h Node) (pem []byte, path string, err error) {
	tls := d.Cloud.Management.TLS
	switch {
	case tls.Own():
		out, err := h.Output(ctx, "cat "+nodeapi.Authority)
		if err != nil {
			return nil, "", fmt.Errorf("fetching the certificate of the cloud's authority: %w", err)
		}
		pem = []byte(out)
	case tls.Authority == "":
		return nil, "", nil
	default:
		if pem, _, err = d.certificatesAt(placeAuthority, tls.Authority); err != nil {
			return nil, "", err
		}
	}
	if _, err := authority.DecodeChain(pem); err != nil {
		return nil, "", fmt.Errorf("reading the certificate of the cloud's authority: %w", err)
	}
	path = d.Home.authority(d.Cloud.Name)
	return pem, path, privatefile.Replace(path, pem)
}
