// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestMachinesTrustTheLabsAWS(t *testing.T) {
	dir, lower, upper := t.TempDir(), t.TempDir(), t.TempDir()
	for _, name := range []string{trustedFile} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(lower, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(lower, name), []byte("# others\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	made, err := readAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := readAuthority(dir)
	if err != nil || !again.certificate.Equal(made.certificate) {
		t.Fatalf("read again it is another: %v", err)
	}
	if st, err := os.Stat(authorityKeyPath(dir)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", st.Mode(), err)
	}
	for range 2 { // a second start adds nothing
		if err := again.trust([]string{lower}, upper); err != nil {
			t.Fatal(err)
		}
	}
	bundle, err := os.ReadFile(filepath.Join(upper, trustedFile))
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(authorityPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(bundle), "# others\n"+string(own); got != want {
		t.Errorf("the machine's bundle is\n%s\nwant\n%s", got, want)
	}
	server, err := again.sign([]string{"ec2.us-east-1.amazonaws.com"})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(server.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "ec2.us-east-1.amazonaws.com", Roots: roots}); err != nil {
		t.Error(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "www.example.com", Roots: roots}); err == nil {
		t.Error("the certificate is good for another name")
	}
}
