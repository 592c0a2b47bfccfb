// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// pebbleVersion is that of Pebble, an ACME server for tests by the makers of Let's Encrypt.
const pebbleVersion = "v2.10.3"

// startPebble runs an ACME server on this machine, whose DNS knows every name as this machine. It asks
// for proofs at a port. It returns its directory and the certificate that it is trusted by.
func startPebble(t *testing.T, proofs int) (directory string, trusted []byte) {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"pebble", "pebble-challtestsrv"} {
		install := exec.CommandContext(t.Context(), "go", "install", "github.com/letsencrypt/pebble/v2/cmd/"+program+"@"+
			pebbleVersion)
		install.Env, install.Dir = append(os.Environ(), "GOBIN="+dir, "GOFLAGS="), dir
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", program, err, out)
		}
	}
	key, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	root, err := authority.NewRoot(key, "Pebble's API", authority.Scope{
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Names: []string{"localhost"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	own, err := root.Issue(authority.Leaf{Name: "pebble", Names: []string{"localhost"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := authority.EncodeKey(own.Key)
	if err != nil {
		t.Fatal(err)
	}
	api, management, dns := freePort(t), freePort(t), freePort(t)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": fmt.Sprint("127.0.0.1:", api), "managementListenAddress": fmt.Sprint("127.0.0.1:", management),
		"certificate": filepath.Join(dir, "api.pem"), "privateKey": filepath.Join(dir, "api.key"),
		"httpPort": proofs, "tlsPort": proofs,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"api.pem": authority.EncodeChain(own.Chain), "api.key": secret, "config.json": config,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(program string, args ...string) {
		t.Helper()
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, filepath.Join(dir, program), args...)
		cmd.Stdout, cmd.Stderr = &log, &log
		// Without the pauses that it makes for the sake of clients that must bear them.
		cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cancel()
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("%s:\n%s", program, log.String())
			}
		})
	}
	run(
		"pebble-challtestsrv",
		"-defaultIPv4",
		"127.0.0.1",
		"-defaultIPv6",
		"",
		"-dnsserver",
		fmt.Sprint("127.0.0.1:", dns),
		"-http01",
		"",
		"-https01",
		"",
		"-tlsalpn01",
		"",
		"-doh",
		"",
		"-management",
		fmt.Sprint("127.0.0.1:", freePort(t)),
	)
	run("pebble", "-config", filepath.Join(dir, "config.json"), "-dnsserver", fmt.Sprint("127.0.0.1:", dns))

	directory, trusted = fmt.Sprintf("https://localhost:%d/dir", api), authority.EncodeChain(root.Chain)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	if err := await(t.Context(), "Pebble", 20*time.Second, func(context.Context) error {
		resp, err := client.Get(directory)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return directory, trusted
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestACME(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an ACME server: not with -short")
	}
	_, port, err := net.SplitHostPort(acmeListen)
	if err != nil {
		t.Fatal(err)
	}
	var proofs int
	fmt.Sscan(port, &proofs)
	directory, trusted := startPebble(t, proofs)

	n := newTLSNode(t, model.Controller)
	n.spec.Management.Domain = "cloud.example.org"
	n.spec.Management.ACME = &nodeapi.ACME{Directory: directory, Email: "operator@example.org"}
	now := time.Now()
	n.authority(now)
	if _, err := n.renewCertificates(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, err := n.renewDomain(t.Context(), now); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("from a server that is not trusted: %v", err)
	}
	if _, err := (file{Path: nodeapi.ACMEAuthority, Mode: 0o600, Content: trusted}).write(n.root); err != nil {
		t.Fatal(err)
	}
	domain := func() *x509.Certificate {
		t.Helper()
		c, err := n.seenCertificate(certificate{path: nodeapi.DomainCertificate})
		if err != nil {
			t.Fatal(err)
		}
		return c.Chain[0]
	}
	only := []string{nodeapi.DomainCertificate}
	if renewed := n.renew(now); !slices.Equal(renewed, only) {
		t.Fatalf("renewed %q, want the domain's", renewed)
	}
	first := domain()
	if err := first.VerifyHostname("cloud.example.org"); err != nil ||
		!strings.Contains(first.Issuer.CommonName, "Pebble") {
		t.Errorf("issued by %s: %v", first.Issuer, err)
	}
	if renewed := n.renew(now); len(renewed) > 0 {
		t.Errorf("at once again: renewed %q", renewed)
	}
	life := first.NotAfter.Sub(first.NotBefore)
	if renewed := n.renew(first.NotBefore.Add(life / 2)); slices.Contains(renewed, nodeapi.DomainCertificate) {
		t.Error("renewed in the middle of its life")
	}
	if renewed := n.renew(first.NotBefore.Add(life*2/3 + time.Hour)); !slices.Contains(
		renewed,
		nodeapi.DomainCertificate,
	) {
		t.Errorf("after two thirds of its life: renewed %q", renewed)
	}
	if domain().Equal(first) {
		t.Error("the renewed certificate is the old one")
	}

	// A server that cannot reach the domain: the old certificate stays, and the error says what it needs.
	stays := domain()
	n.spec.Management.Domain = "other.example.org"
	elsewhere, trusted := startPebble(t, freePort(t))
	n.spec.Management.ACME.Directory = elsewhere
	if _, err := (file{Path: nodeapi.ACMEAuthority, Mode: 0o600, Content: trusted}).write(n.root); err != nil {
		t.Fatal(err)
	}
	_, err = n.renewDomain(t.Context(), now)
	if err == nil || !strings.Contains(err.Error(), "obtaining a certificate for other.example.org from "+elsewhere) {
		t.Errorf("from a server that cannot reach the domain: %v", err)
	}
	if !domain().Equal(stays) {
		t.Error("the certificate is lost")
	}
}
