// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"syscall"
	"time"

	"macaw.example/internal/nodeapi"
)

// How long HAProxy has for a reload until it is told again, and how often it is told.
const (
	reloadLimit = 3 * time.Second
	reloads     = 3
)

// ensureServed makes HAProxy serve the certificates that are in its directory. It may not: a run may have
// been killed between a certificate and the reload, and a reload that comes while another one is under way
// may be lost. (HAProxy 3.0 and before replace the master by another program image once more after a
// reload, src/haproxy.c, mworker_reexec_waitmode; a signal that has been taken by then is forgotten.)
func (n *node) ensureServed(ctx context.Context) error {
	wanted, err := n.wantedServed()
	if err != nil {
		return err
	}
	check := func(context.Context) error { // until its answer, for that is the reason if the time is up
		for name, want := range wanted {
			got, err := n.served(ctx, name)
			if err != nil {
				return err
			}
			if !got.Equal(want) {
				return fmt.Errorf("a client that asks for %q gets certificate %x of %s and not %x of %s", name, got.SerialNumber,
					got.Issuer, want.SerialNumber, want.Issuer)
			}
		}
		return nil
	}
	// That it does not run is told by its unit.
	if err = check(ctx); err == nil || errors.Is(err, syscall.ECONNREFUSED) {
		return errNothingToDo
	}
	for range reloads {
		if err = await(ctx, "HAProxy to serve its certificates", reloadLimit, check); err == nil {
			return nil
		}
		if err := n.reload(ctx, haproxyUnit); err != nil {
			return err
		}
	}
	return await(ctx, "HAProxy to serve its certificates", reloadLimit, check)
}

// wantedServed returns the certificate for each name that a client may ask for; the empty one stands for
// clients that know an address alone.
func (n *node) wantedServed() (map[string]*x509.Certificate, error) {
	own, err := n.seenCertificate(certificate{path: publicCertificate})
	if err != nil {
		return nil, fmt.Errorf("reading the certificate in %s: %w", publicCertificate, err)
	}
	wanted := map[string]*x509.Certificate{"": own.Chain[0]}
	domain := n.spec.Management.Domain
	if domain == "" {
		return wanted, nil
	}
	wanted[domain] = own.Chain[0]
	given, err := n.seenCertificate(certificate{path: nodeapi.DomainCertificate})
	if errors.Is(err, fs.ErrNotExist) {
		return wanted, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the certificate in %s: %w", nodeapi.DomainCertificate, err)
	}
	if given.Chain[0].VerifyHostname(domain) == nil {
		wanted[domain] = given.Chain[0]
	}
	return wanted, nil
}

// served returns the certificate that HAProxy serves to a client that asks for a name, or for none.
func (n *node) served(ctx context.Context, name string) (*x509.Certificate, error) {
	at := n.public
	if !at.IsValid() {
		at = netip.AddrPortFrom(n.spec.Management.Address, 443)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// It is compared with the one that is wanted, and nothing is sent.
	dialer := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	c, err := dialer.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("asking HAProxy for its certificate: %w", err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}
