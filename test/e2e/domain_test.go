// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/lab"
	"macaw.example/test/pebble"
)

const domain = "cloud.example.org"

// testDomain gives the cloud a name with a certificate of one's own, then one by ACME, and takes the name
// away again. Meanwhile the cloud is served at its address, without a pause.
func testDomain(t *testing.T, file string) {
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := envOf(t, file)
	host := strings.TrimSuffix(strings.TrimPrefix(e.Dashboard, "https://"), "/")
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	hosts := write("hosts", []byte("127.0.0.1 localhost\n"+host+" "+domain+"\n"))
	// named runs a command to which the domain is known.
	named := func(args ...string) string {
		t.Helper()
		return must(t, "unshare", append([]string{"--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts},
			args...)...)
	}
	change := func(management string) {
		t.Helper()
		write(filepath.Base(file), append(before, management...))
		if err := os.Rename(filepath.Join(dir, filepath.Base(file)), file); err != nil {
			t.Fatal(err)
		}
	}
	served := func(name string) *x509.Certificate {
		t.Helper()
		c, err := tls.Dial("tcp", host+":443", &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0]
	}
	// Also if something fails: the tests that follow use the cloud as it was.
	defer func() {
		if t.Failed() {
			change("")
			must(t, macaw, "up", file, "--verify=never")
		}
	}()
	uninterrupted := watchPauses(t, e)

	own := ownCertificate(t)
	key, err := authority.EncodeKey(own.Key)
	if err != nil {
		t.Fatal(err)
	}
	change(fmt.Sprintf("management: {domain: %s, tls: {certificate: %s, key: %s, authority: %s}}\n", domain,
		write("own.pem", authority.EncodeChain(own.Chain[:1])), write("own.key", key),
		write("root.pem", authority.EncodeChain(own.Chain[1:]))))
	named(macaw, "up", file, "--verify=never")
	if got := served(domain); !got.Equal(own.Chain[0]) {
		t.Errorf("with a certificate of one's own, %s's is served", got.Issuer)
	}
	if got := served(""); !strings.Contains(got.Issuer.CommonName, "cloud-1") {
		t.Errorf("at the address a certificate of %s is served, want the node's authority", got.Issuer)
	}
	var byName struct{ AuthURL string }
	if err := json.Unmarshal([]byte(named(macaw, "env", file, "--output", "json")), &byName); err != nil {
		t.Fatal(err)
	}
	if want := "https://" + domain + "/identity/v3"; byName.AuthURL != want {
		t.Errorf("Keystone is at %s, want %s", byName.AuthURL, want)
	}
	named("openstack", "--os-cloud", "e2e", "token", "issue")

	server := pebble.Start(t, pebble.Options{Listen: netip.MustParseAddr(lab.Operator),
		Domain: netip.MustParseAddr(host), Proofs: 80})
	change(fmt.Sprintf("management: {domain: %s, tls: {acme: {directory: %q, authority: %s}, authority: %s}}\n", domain,
		server.Directory, write("acme.pem", server.Trusted), write("issued.pem", server.Root)))
	named(macaw, "up", file, "--verify=never")
	first := served(domain)
	if !strings.Contains(first.Issuer.CommonName, "Pebble") {
		t.Errorf("with ACME, a certificate of %s is served", first.Issuer)
	}
	named("openstack", "--os-cloud", "e2e", "token", "issue")
	// The node renews it when two thirds of its life are over.
	onNode(t, file, "rm /etc/macaw/tls/public/domain.pem && systemctl start macaw-certificates.service")
	if second := served(domain); second.Equal(first) || !strings.Contains(second.Issuer.CommonName, "Pebble") {
		t.Errorf("after the renewal a certificate of %s is served, the old one: %t", second.Issuer, second.Equal(first))
	}

	change("")
	must(t, macaw, "up", file, "--verify=never")
	if got := served(domain); strings.Contains(got.Issuer.CommonName, "Pebble") {
		t.Error("without the domain its certificate is still served")
	}
	must(t, "openstack", "--os-cloud", "e2e", "token", "issue")
	if longest := uninterrupted(); longest > time.Second {
		t.Errorf("the cloud was not served for %s", longest)
	}
}

// ownCertificate makes a certificate for the domain.
func ownCertificate(t *testing.T) *authority.Certificate {
	t.Helper()
	key, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	scope := authority.Scope{Names: []string{"example.org"},
		Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	root, err := authority.NewRoot(key, "a company's authority", scope, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	own, err := root.Issue(authority.Leaf{Name: domain, Names: []string{domain}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// watchPauses asks HAProxy at the cloud's address all the time, for a page that it answers by itself: the APIs
// restart when the domain changes. The result stops that, and returns the longest time without an answer.
func watchPauses(t *testing.T, e env) func() time.Duration {
	t.Helper()
	stop, longest := make(chan struct{}), make(chan time.Duration, 1)
	ended := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(ended)
	transport := trusting(t, e)
	transport.DisableKeepAlives = true // a connection each, as of clients that come anew
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	go func() {
		var pause time.Duration
		last := time.Now()
		for {
			select {
			case <-stop:
				longest <- max(pause, time.Since(last))
				return
			default:
			}
			asked := time.Now()
			resp, err := client.Get(e.Dashboard + "nothing")
			if err == nil {
				resp.Body.Close()
				pause, last = max(pause, asked.Sub(last)), asked
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() time.Duration {
		ended()
		return <-longest
	}
}
