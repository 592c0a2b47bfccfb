// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"net/netip"
	"net/url"
	"regexp"
)

// domainPattern is a host name of at least two labels (RFC 1123, section 2.1).
var domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

func (d *decoder) validateTLS(m Management) {
	const domain, tls, certificate, key, acme = "management.domain", "management.tls", "management.tls.certificate",
		"management.tls.key", "management.tls.acme"
	if d.has(domain) && d.ok(domain) && (!domainPattern.MatchString(m.Domain) || len(m.Domain) > 253) {
		hint := "write it like cloud.example.org, in lower case"
		if _, err := netip.ParseAddr(m.Domain); err == nil {
			hint = "leave it out to call the cloud by its address"
		}
		d.reject(domain, hint, "%q is not a host name", m.Domain)
	}
	if !d.has(tls) || !d.ok(tls) {
		return
	}
	switch {
	case d.has(acme) && (d.has(certificate) || d.has(key)):
		d.reject(acme, "", "either a certificate is given or ACME issues one, not both")
	case !d.has(acme) && (!d.has(certificate) || !d.has(key)):
		d.reject(tls, "leave it out for a certificate of the cloud's own authority",
			"needs both a certificate and its key, or acme")
	case !d.has(domain):
		d.reject(tls, "management.domain: cloud.example.org", "needs the domain that the certificate is for")
	}
	const directory = acme + ".directory"
	if d.has(directory) && d.ok(directory) {
		if u, err := url.Parse(m.TLS.ACME.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
			d.reject(directory, "", "%q is not an https URL", m.TLS.ACME.Directory)
		}
	}
}
