// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/smallfile"
)

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
