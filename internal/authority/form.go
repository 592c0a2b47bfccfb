// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strings"
)

// Form is what a file has, in words.
type Form string

// The forms that are told apart. Only the first two are read.
const (
	PEMCertificate Form = "a certificate in PEM form"
	PEMKey         Form = "a private key in PEM form"
	EncryptedKey   Form = "an encrypted private key in PEM form"
	DERCertificate Form = "a certificate in DER form"
	DERKey         Form = "a private key in DER form"
	PKCS12         Form = "a PKCS #12 archive"
	Unknown        Form = ""
)

// FormOf tells what a file has, for an error about one that has not what is wanted. Of a PEM file the
// first block that is known counts.
func FormOf(file []byte) Form {
	for rest := file; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return binaryForm(file)
		}
		switch {
		case encrypted(b):
			return EncryptedKey
		case b.Type == certificateBlock:
			return PEMCertificate
		case slices.Contains([]string{keyBlock, rsaBlock, ecBlock}, b.Type):
			return PEMKey
		}
	}
}

func binaryForm(file []byte) Form {
	if certificates, err := x509.ParseCertificates(file); err == nil && len(certificates) > 0 {
		return DERCertificate
	}
	_, pkcs8 := x509.ParsePKCS8PrivateKey(file)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(file)
	_, sec1 := x509.ParseECPrivateKey(file)
	if pkcs8 == nil || pkcs1 == nil || sec1 == nil {
		return DERKey
	}
	// A PFX has version 3 (RFC 7292, section 4).
	var pfx struct {
		Version       int
		Authenticated asn1.RawValue
		MAC           asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(file, &pfx); err == nil && pfx.Version == 3 {
		return PKCS12
	}
	return Unknown
}

// encrypted reports whether a block is a private key that needs a passphrase, in PKCS #8 or in OpenSSL's
// older form (RFC 1421, section 4.6.1.1).
func encrypted(b *pem.Block) bool {
	return b.Type == encryptedBlock || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED")
}
