// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"crypto"
	"crypto/x509"
	"strings"

	"macaw.example/internal/authority"
	"macaw.example/internal/hint"
	"macaw.example/internal/smallfile"
)

// The places in the cloud file that name files for TLS.
const (
	placeCertificate = "management.tls.certificate"
	placeKey         = "management.tls.key"
	placeAuthority   = "management.tls.authority"
)

// certificatesAt reads the file of certificates that the cloud file names at a place.
func (d *Deployment) certificatesAt(place, file string) (pem []byte, chain []*x509.Certificate, err error) {
	if pem, err = d.readAt(place, file); err != nil {
		return nil, nil, err
	}
	if chain, err = authority.DecodeChain(pem); err != nil {
		return nil, nil, d.unreadable(place, file, pem, err)
	}
	return pem, chain, nil
}

// keyAt reads the private key that the cloud file names at a place.
func (d *Deployment) keyAt(place, file string) (crypto.Signer, error) {
	pem, err := d.readAt(place, file)
	if err != nil {
		return nil, err
	}
	key, err := authority.DecodeKey(pem)
	if err != nil {
		return nil, d.unreadable(place, file, pem, err)
	}
	return key, nil
}

func (d *Deployment) readAt(place, file string) ([]byte, error) {
	content, err := smallfile.Read(d.Cloud.Beside(file))
	if err != nil {
		return nil, d.Cloud.Reject(place, strings.Join(hint.All(err), "; "), "%v", err)
	}
	return content, nil
}

// unreadable is the error of a file that has something else than what is wanted at its place: it says what,
// and how to make of it what is wanted.
func (d *Deployment) unreadable(place, file string, content []byte, err error) error {
	form := authority.FormOf(content)
	text := file + ": " + err.Error()
	if form != authority.Unknown && form != authority.EncryptedKey {
		text += "; it has " + string(form)
	}
	path := d.Cloud.Beside(file)
	openssl := func(args ...string) string { return commandLine(append([]string{"openssl"}, args...)) }
	isKey := place == placeKey
	var remedy string
	switch {
	case isKey && form == authority.EncryptedKey:
		remedy = "HAProxy starts without anybody to type the passphrase; this asks for it, and writes the key without: " +
			openssl("pkey", "-in", path, "-out", path+".plain") + "; then name that file here"
	case isKey && form == authority.PEMCertificate, !isKey && form == authority.PEMKey,
		!isKey && form == authority.EncryptedKey:
		remedy = "are the files of " + placeCertificate + " and " + placeKey + " swapped?"
	case form == authority.DERCertificate && !isKey:
		remedy = "in PEM form: " + openssl("x509", "-inform", "DER", "-in", path, "-out", path+".pem")
	case form == authority.DERKey && isKey:
		remedy = "in PEM form: " + openssl("pkey", "-inform", "DER", "-in", path, "-out", path+".pem")
	case form == authority.PKCS12 && isKey:
		remedy = "the key in PEM form: " + openssl("pkcs12", "-in", path, "-nocerts", "-nodes", "-out", path+".key")
	case form == authority.PKCS12:
		remedy = "the certificates in PEM form: " + openssl("pkcs12", "-in", path, "-nokeys", "-out", path+".pem")
	}
	return d.Cloud.Reject(place, remedy, "%s", text)
}
