// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// openssl runs OpenSSL, whose files operators have, in a directory.
func openssl(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// What OpenSSL writes is told apart, and what is not encrypted is read.
func TestForms(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := pem.EncodeToMemory(&pem.Block{Type: rsaBlock, Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(filepath.Join(dir, "rsa.pem"), rsaKey, 0o600); err != nil {
		t.Fatal(err)
	}
	pass := "pass:x"
	openssl(t, dir, "ecparam", "-name", "prime256v1", "-genkey", "-out", "ec.pem")
	openssl(t, dir, "pkey", "-in", "ec.pem", "-out", "pkcs8.pem")
	openssl(t, dir, "req", "-x509", "-key", "ec.pem", "-subj", "/CN=x", "-out", "cert.pem")
	openssl(t, dir, "ec", "-in", "ec.pem", "-aes256", "-passout", pass, "-out", "ec-encrypted.pem")
	openssl(t, dir, "rsa", "-in", "rsa.pem", "-traditional", "-aes256", "-passout", pass, "-out", "rsa-encrypted.pem")
	openssl(t, dir, "pkcs8", "-topk8", "-in", "ec.pem", "-passout", pass, "-out", "pkcs8-encrypted.pem")
	openssl(t, dir, "ec", "-in", "ec.pem", "-outform", "DER", "-out", "ec.der")
	openssl(t, dir, "pkcs8", "-topk8", "-nocrypt", "-in", "ec.pem", "-outform", "DER", "-out", "pkcs8.der")
	openssl(t, dir, "rsa", "-in", "rsa.pem", "-traditional", "-outform", "DER", "-out", "rsa.der")
	openssl(t, dir, "x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der")
	openssl(t, dir, "pkcs12", "-export", "-in", "cert.pem", "-inkey", "ec.pem", "-passout", pass, "-out", "all.p12")
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]Form{
		"rsa.pem": PEMKey, "ec.pem": PEMKey, "pkcs8.pem": PEMKey, "cert.pem": PEMCertificate,
		"ec-encrypted.pem": EncryptedKey, "rsa-encrypted.pem": EncryptedKey, "pkcs8-encrypted.pem": EncryptedKey,
		"ec.der": DERKey, "pkcs8.der": DERKey, "rsa.der": DERKey, "cert.der": DERCertificate, "all.p12": PKCS12,
		"text": Unknown,
	} {
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if got := FormOf(content); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
		_, err = DecodeKey(content)
		switch {
		case (err == nil) != (want == PEMKey):
			t.Errorf("reading a key from %s: %v", file, err)
		case want == EncryptedKey && err.Error() != "the private key is encrypted":
			t.Errorf("reading a key from %s: %v, want that it is encrypted", file, err)
		}
		if _, err := DecodeChain(content); (err == nil) != (want == PEMCertificate) {
			t.Errorf("reading a certificate from %s: %v", file, err)
		}
	}
}
