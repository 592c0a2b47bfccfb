// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/nodeapi"
)

// putDomainCertificate gives the node the certificate for the cloud's domain, or what it trusts the ACME
// server by, and takes away what another cloud file gave it.
func (d *Deployment) putDomainCertificate(ctx context.Context, h Node) error {
	var bundle []byte
	certificate, err := d.domainCertificate()
	if err == nil && certificate != nil {
		bundle, err = authority.EncodeBundle(certificate)
	}
	if err != nil {
		return err
	}
	acme, err := d.acmeAuthority()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path    string
		content []byte
		stays   bool
	}{
		// A certificate that ACME issued stays: it is renewed in time.
		{nodeapi.DomainCertificate, bundle, d.Cloud.Management.TLS.ACME.Directory != ""},
		{nodeapi.ACMEAuthority, acme, false},
	} {
		var changed bool
		var err error
		switch {
		case f.content != nil:
			changed, err = h.Put(ctx, f.path, f.content, 0o600)
		case !f.stays:
			var removed string
			removed, err = h.Output(ctx, "rm -fv "+f.path)
			changed = removed != ""
		}
		// Not on a new node, which has no HAProxy yet.
		if err == nil && changed && f.path == nodeapi.DomainCertificate {
			err = h.Run(ctx, "systemctl try-reload-or-restart haproxy.service 2>/dev/null || true", nil, io.Discard)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkCertificateFiles reads the files that the cloud file names for TLS, and the key of the cloud's
// authority, before anything is made.
func (d *Deployment) checkCertificateFiles() error {
	_, err := d.domainCertificate()
	if err == nil && d.Cloud.Management.TLS.Authority != "" {
		_, _, err = d.certificatesAt(placeAuthority, d.Cloud.Management.TLS.Authority)
	}
	_, acme := d.acmeAuthority()
	return errors.Join(err, acme, d.checkAuthorityKey())
}

// acmeAuthority reads what the ACME server is trusted by; nil if the cloud file names nothing.
func (d *Deployment) acmeAuthority() (pem []byte, err error) {
	if file := d.Cloud.Management.TLS.ACME.Authority; file != "" {
		pem, _, err = d.certificatesAt("management.tls.acme.authority", file)
	}
	return pem, err
}

// domainCertificate reads the certificate for the cloud's domain, with its key, and checks that clients will
// accept it; nil if the cloud file names none.
func (d *Deployment) domainCertificate() (*authority.Certificate, error) {
	tls := d.Cloud.Management.TLS
	if tls.Certificate == "" {
		return nil, nil
	}
	reject := func(remedy, format string, args ...any) (*authority.Certificate, error) {
		return nil, d.Cloud.Reject(placeCertificate, remedy, format, args...)
	}
	_, chain, err := d.certificatesAt(placeCertificate, tls.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := d.keyAt(placeKey, tls.Key)
	if err != nil {
		return nil, err
	}
	c, err := authority.Join(key, chain)
	if err != nil {
		remedy := "both files must be of the same renewal"
		if slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return authority.Belongs(c, key.Public()) }) {
			remedy = inOrder
		}
		return nil, d.Cloud.Reject(placeKey, remedy, "%s and %s: %v", tls.Certificate, tls.Key, err)
	}
	if err := authority.InOrder(chain); err != nil {
		return reject(inOrder, "%s: %v", tls.Certificate, err)
	}
	if err := chain[0].VerifyHostname(d.Cloud.Management.Domain); err != nil {
		return reject("", "%s: %v", tls.Certificate, err)
	}
	const minute = "2006-01-02 15:04 UTC"
	now := time.Now()
	if from, to := chain[0].NotBefore.UTC(), chain[0].NotAfter.UTC(); now.After(to) {
		return reject("have it renewed", "%s expired on %s", tls.Certificate, to.Format(minute))
	} else if now.Before(from) {
		return reject("is this machine's clock right?", "%s is not valid before %s", tls.Certificate, from.Format(minute))
	}
	return c, d.checkIssuers(chain, now)
}

const inOrder = "write the domain's certificate first, then that of its issuer, and so on; the root may be left out"

// checkIssuers checks that those accept a certificate who trust management.tls.authority or, without that,
// what this system trusts: macaw itself is such a client.
func (d *Deployment) checkIssuers(chain []*x509.Certificate, now time.Time) error {
	tls := d.Cloud.Management.TLS
	opts := x509.VerifyOptions{Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	if tls.Authority != "" {
		_, roots, err := d.certificatesAt(placeAuthority, tls.Authority)
		if err != nil {
			return err
		}
		opts.Roots = x509.NewCertPool()
		for _, c := range roots {
			opts.Roots.AddCert(c)
		}
	}
	_, err := chain[0].Verify(opts)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, noRoots := errors.AsType[x509.SystemRootsError](err)
	above := chain[len(chain)-1].Issuer
	switch {
	case err == nil:
		return nil
	case unknown && tls.Authority != "":
		return d.Cloud.Reject(placeAuthority, fmt.Sprintf("it needs the certificate of %s; or %s lacks issuers",
			above, tls.Certificate), "%s does not verify %s: %v", tls.Authority, tls.Certificate, err)
	case unknown || noRoots:
		return d.Cloud.Reject(placeCertificate, fmt.Sprintf("add the certificate of %s to it if that is below a known "+
			"authority; or name the file with the authority's certificate at %s", above, placeAuthority),
			"%s: this system trusts no authority that issued it: %v", tls.Certificate, err)
	}
	return d.Cloud.Reject(placeCertificate, "", "%s: %v", tls.Certificate, err)
}
