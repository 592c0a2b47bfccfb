// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// The certificate authority of the lab's AWS. Machines trust it as they trust the
// authorities that sign for AWS.
func authorityPath(dir string) string    { return filepath.Join(dir, "ca.pem") }
func authorityKeyPath(dir string) string { return filepath.Join(dir, "ca.key") }

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// readAuthority returns the lab's certificate authority, and creates it if there is none.
func readAuthority(dir string) (*authority, error) {
	certPEM, err := os.ReadFile(authorityPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return makeAuthority(dir)
	}
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(authorityKeyPath(dir))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the lab's certificate authority: %w", err)
	}
	signer, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("reading the lab's certificate authority: a key of type %T", pair.PrivateKey)
	}
	return &authority{pair.Leaf, signer}, nil
}

func makeAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "Macaw lab"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	// The certificate is written last: its presence means that the authority is complete.
	if err := os.WriteFile(authorityKeyPath(dir), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		0o600); err != nil {
		return nil, err
	}
	return &authority{certificate, key}, renameio.WriteFile(authorityPath(dir),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// sign issues a certificate for names, valid for a daemon's lifetime.
func (a *authority) sign(names []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(2, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key}, nil
}

// trustedFile is Debian's bundle of certificate authorities.
const trustedFile = "etc/ssl/certs/ca-certificates.crt"

// trust adds the authority to a stopped machine's trust store: to its bundle, and to the
// directory that update-ca-certificates reads.
func (a *authority) trust(layers []string, upper string) error {
	ours := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
	bundle, err := readTopmost(append([]string{upper}, layers...), trustedFile)
	if err != nil {
		return err
	}
	if bytes.Contains(bundle, ours) {
		return nil
	}
	for name, content := range map[string][]byte{
		trustedFile: append(bundle, ours...),
		"usr/local/share/ca-certificates/macaw-lab.crt": ours,
	} {
		path := filepath.Join(upper, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// readTopmost reads a file from the topmost directory that has it; if none has it, it
// returns nothing.
func readTopmost(layers []string, name string) ([]byte, error) {
	for _, dir := range layers {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return nil, nil
}
