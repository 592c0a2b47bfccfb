// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"io"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/smallfile"
)

// putDomainCertificate gives the node the certificate for the cloud's domain, or what it trusts the ACME
// server by, and takes away what another cloud file gave it.
func (d *Deployment) putDomainCertificate(ctx context.Context, h Node, certificate, acme []byte) error {
	for _, f := range []struct {
		path    string
		content []byte
		stays   bool
	}{
		// A certificate that ACME issued stays: it is renewed in time.
		{nodeapi.DomainCertificate, certificate, d.Cloud.Management.TLS.ACME.Directory != ""},
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

// checkCertificateFiles reads the files that the cloud file names for TLS, before anything is made.
func (d *Deployment) checkCertificateFiles() error {
	_, certificate := d.domainCertificate()
	_, acme := d.acmeAuthority()
	return errors.Join(certificate, acme)
}

// acmeAuthority reads what the ACME server is trusted by; nil if the cloud file names nothing.
func (d *Deployment) acmeAuthority() ([]byte, error) {
	file := d.Cloud.Management.TLS.ACME.Authority
	if file == "" {
		return nil, nil
	}
	const path = "management.tls.acme.authority"
	pem, err := smallfile.Read(d.Cloud.Beside(file))
	if err != nil {
		return nil, d.Cloud.Reject(path, "", "%v", err)
	}
	if _, err := authority.DecodeChain(pem); err != nil {
		return nil, d.Cloud.Reject(path, "", "%s: %v", file, err)
	}
	return pem, nil
}

// domainCertificate reads the certificate for the cloud's domain, with its key, and checks that it is
// one; nil if the cloud file names none.
func (d *Deployment) domainCertificate() ([]byte, error) {
	tls := d.Cloud.Management.TLS
	if tls.Certificate == "" {
		return nil, nil
	}
	const certificate, key = "management.tls.certificate", "management.tls.key"
	chain, err := smallfile.Read(d.Cloud.Beside(tls.Certificate))
	if err != nil {
		return nil, d.Cloud.Reject(certificate, "", "%v", err)
	}
	secret, err := smallfile.Read(d.Cloud.Beside(tls.Key))
	if err != nil {
		return nil, d.Cloud.Reject(key, "", "%v", err)
	}
	certificates, err := authority.DecodeChain(chain)
	if err != nil {
		return nil, d.Cloud.Reject(certificate, "", "%s: %v", tls.Certificate, err)
	}
	if _, err := authority.DecodeKey(secret); err != nil {
		return nil, d.Cloud.Reject(key, "", "%s: %v", tls.Key, err)
	}
	c, err := authority.DecodeBundle(append(append(chain, '\n'), secret...))
	if err != nil {
		return nil, d.Cloud.Reject(key, "", "%s and %s: %v", tls.Certificate, tls.Key, err)
	}
	leaf := certificates[0]
	if err := leaf.VerifyHostname(d.Cloud.Management.Domain); err != nil {
		return nil, d.Cloud.Reject(certificate, "", "%s: %v", tls.Certificate, err)
	}
	now := time.Now()
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		return nil, d.Cloud.Reject(certificate, "", "%s is valid from %s to %s", tls.Certificate,
			leaf.NotBefore.UTC().Format(time.DateOnly), leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return authority.EncodeBundle(c.Key, c.Chain)
}
