// SPDX-License-Identifier: Apache-2.0

// Package pebble runs Pebble, an ACME server for tests by the makers of Let's Encrypt.
package pebble

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"macaw.example/internal/authority"
)

// version is Pebble's.
const version = "v2.10.3"

// Options say where a server is, and whom it asks.
type Options struct {
	// Listen is the address of its API; 127.0.0.1 if it is not valid.
	Listen netip.Addr
	// Domain is the address that every name resolves to, and Proofs the port at which the server asks for proofs
	// of it.
	Domain netip.Addr
	Proofs int
}

// Server is an ACME server.
type Server struct {
	Directory string // URL
	// Trusted is the certificate that its API is trusted by, and Root the one of what it issues; both in PEM.
	Trusted, Root []byte
}

// Start runs a server until the test ends. It builds it, from the Go module proxy.
func Start(t testing.TB, o Options) Server {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"pebble", "pebble-challtestsrv"} {
		install := exec.CommandContext(t.Context(), "go", "install",
			"github.com/letsencrypt/pebble/v2/cmd/"+program+"@"+version)
		install.Env, install.Dir = append(os.Environ(), "GOBIN="+dir, "GOFLAGS="), dir
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", program, err, out)
		}
	}
	if !o.Listen.IsValid() {
		o.Listen = netip.MustParseAddr("127.0.0.1")
	}
	s := Server{Trusted: writeCertificate(t, dir, o.Listen)}
	api, management, dns := freePort(t, o.Listen), freePort(t, o.Listen), freePort(t, o.Listen)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           netip.AddrPortFrom(o.Listen, api),
		"managementListenAddress": netip.AddrPortFrom(o.Listen, management),
		"certificate":             filepath.Join(dir, "api.pem"), "privateKey": filepath.Join(dir, "api.key"),
		"httpPort": o.Proofs, "tlsPort": o.Proofs,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	resolver := netip.AddrPortFrom(o.Listen, dns).String()
	run(t, filepath.Join(dir, "pebble-challtestsrv"), "-defaultIPv4", o.Domain.String(), "-defaultIPv6", "",
		"-dnsserver", resolver, "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "",
		"-management", netip.AddrPortFrom(o.Listen, freePort(t, o.Listen)).String())
	run(t, filepath.Join(dir, "pebble"), "-config", filepath.Join(dir, "config.json"), "-dnsserver", resolver)

	s.Directory = fmt.Sprintf("https://%s/dir", netip.AddrPortFrom(o.Listen, api))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Trusted)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		Timeout: 5 * time.Second}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		resp, err := client.Get(fmt.Sprintf("https://%s/roots/0", netip.AddrPortFrom(o.Listen, management)))
		if err == nil {
			s.Root, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("waiting for Pebble: %v", err)
		}
	}
}

// writeCertificate makes a certificate for the API, and returns its authority's.
func writeCertificate(t testing.TB, dir string, at netip.Addr) []byte {
	t.Helper()
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := authority.NewKey()
	fail(err)
	scope := authority.Scope{Networks: []netip.Prefix{netip.PrefixFrom(at, at.BitLen())}, Names: []string{"localhost"}}
	root, err := authority.NewRoot(key, "Pebble's API", scope, time.Now())
	fail(err)
	own, err := root.Issue(authority.Leaf{Name: "pebble", Addresses: []netip.Addr{at}}, time.Now())
	fail(err)
	secret, err := authority.EncodeKey(own.Key)
	fail(err)
	fail(os.WriteFile(filepath.Join(dir, "api.pem"), authority.EncodeChain(own.Chain), 0o600))
	fail(os.WriteFile(filepath.Join(dir, "api.key"), secret, 0o600))
	return authority.EncodeChain(root.Chain)
}

// run runs a program until the test ends, and shows what it wrote if the test has failed.
func run(t testing.TB, program string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
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

func freePort(t testing.TB, at netip.Addr) uint16 {
	t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}
