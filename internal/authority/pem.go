// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	keyBlock         = "PRIVATE KEY"     // PKCS #8
	rsaBlock         = "RSA PRIVATE KEY" // PKCS #1
	ecBlock          = "EC PRIVATE KEY"  // SEC 1
	encryptedBlock   = "ENCRYPTED PRIVATE KEY"
	certificateBlock = "CERTIFICATE"
)

// EncodeKey returns a key as PEM.
func EncodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}

// EncodeChain returns certificates as PEM.
func EncodeChain(chain []*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range chain {
		pem.Encode(&b, &pem.Block{Type: certificateBlock, Bytes: c.Raw})
	}
	return b.Bytes()
}

// EncodeBundle returns a chain and its key as one PEM file.
func EncodeBundle(c *Certificate) ([]byte, error) {
	k, err := EncodeKey(c.Key)
	return append(EncodeChain(c.Chain), k...), err
}

// DecodeKey reads a key from a PEM file: PKCS #8, PKCS #1 or SEC 1.
func DecodeKey(file []byte) (crypto.Signer, error) {
	for {
		var b *pem.Block
		if b, file = pem.Decode(file); b == nil {
			return nil, errors.New("no private key in PEM form")
		}
		if encrypted(b) {
			return nil, errors.New("the private key is encrypted")
		}
		var key any
		var err error
		switch b.Type {
		case keyBlock:
			key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case rsaBlock:
			key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case ecBlock:
			key, err = x509.ParseECPrivateKey(b.Bytes)
		default:
			continue // certificates, parameters of a curve
		}
		if err != nil {
			return nil, fmt.Errorf("reading a private key: %w", err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("reading a private key: a %T signs nothing", key)
		}
		return signer, nil
	}
}

// DecodeChain reads the certificates of a PEM file; none is an error.
func DecodeChain(file []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for {
		var b *pem.Block
		if b, file = pem.Decode(file); b == nil {
			break
		}
		if b.Type != certificateBlock {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading a certificate: %w", err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("no certificate in PEM form")
	}
	return chain, nil
}

// DecodeBundle reads a chain and its key from one PEM file. They must belong together.
func DecodeBundle(file []byte) (*Certificate, error) {
	chain, err := DecodeChain(file)
	if err != nil {
		return nil, err
	}
	key, err := DecodeKey(file)
	if err != nil {
		return nil, err
	}
	return Join(key, chain)
}
