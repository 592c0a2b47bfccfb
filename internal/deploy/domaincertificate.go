// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/hint"
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
		if f.content != nil && f.path == nodeapi.DomainCertificate {
			try := tryCertificate("/etc/haproxy/haproxy.cfg", f.path, "/run")
			if err := h.Run(ctx, try, bytes.NewReader(f.content), io.Discard); err != nil {
				return fmt.Errorf("HAProxy does not take %s, and goes on with the certificate that it has: %w",
					d.Cloud.Management.TLS.Certificate, err)
			}
		}
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
			err = h.Run(ctx, "systemctl cat haproxy.service >/dev/null 2>&1 || exit 0; "+
				"systemctl try-reload-or-restart haproxy.service", nil, io.Discard)
			if err != nil {
				err = hint.With(fmt.Errorf("reloading HAProxy with another certificate: %w", err),
					"macaw ssh %s %s -- sudo journalctl -u haproxy", d.Cloud.FileName(), d.Cloud.Nodes[d.controller()].Name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tryCertificate is a command with which the HAProxy of a node, if it has one, tries out a file with a certificate
// and its key, from standard input, that is to be written to a path. HAProxy loads all that is in that directory, so
// the file is tried in another one.
func tryCertificate(config, file, below string) string {
	return fmt.Sprintf(`set -e; umask 077; d=$(mktemp -d -p %[3]s); trap 'rm -rf "$d"' EXIT; mkdir "$d/public"; `+
		`cat >"$d/public/%[5]s"; [ -x /usr/sbin/haproxy ] && [ -e %[1]s ] || exit 0; `+
		`cmp -s "$d/public/%[5]s" %[2]s && exit 0; sed "s#%[4]s/#$d/public/#" %[1]s >"$d/haproxy.cfg"; `+
		`/usr/sbin/haproxy -c -f "$d/haproxy.cfg" >/dev/null`, config, file, below, path.Dir(file), path.Base(file))
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
	for i, c := range chain {
		key, ok := c.PublicKey.(*rsa.PublicKey)
		if ok && key.N.BitLen() < leastRSA {
			return reject("have it issued again, with a key of at least that or an ECDSA key", "%s: the RSA key of "+
				"certificate %d, %s, has %d bits, and HAProxy takes no less than %d", tls.Certificate, i+1, c.Subject,
				key.N.BitLen(), leastRSA)
		}
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

// leastRSA is the size in bits of the smallest RSA key at OpenSSL's security level 2, Debian's default
// (SSL_CTX_set_security_level(3)).
const leastRSA = 2048

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
