// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// env is what "macaw env --output json" prints.
type env struct{ Cloud, CloudsYAML, AuthURL, Dashboard, CACert string }

func envOf(t testing.TB, file string) (e env) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, macaw, "env", file, "--output", "json")), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// trusting returns an HTTP transport that trusts the cloud's authority and no other.
func trusting(t testing.TB, e env) *http.Transport {
	t.Helper()
	pem, err := os.ReadFile(e.CACert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", e.CACert)
	}
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
}

// testTLS looks at the cloud from the Internet.
func testTLS(t *testing.T, file string) {
	e := envOf(t, file)
	host := strings.TrimSuffix(strings.TrimPrefix(e.Dashboard, "https://"), "/")
	if want := "https://" + host + "/identity/v3"; e.AuthURL != want {
		t.Errorf("Keystone is at %s, want %s", e.AuthURL, want)
	}

	// Whatever listens on the node, only these three can be reached.
	listening := strings.Fields(onNode(t, file, `ss -Hltn | awk '{print $4}' | sed 's/.*://' | sort -un`))
	if !slices.Contains(listening, "3306") || !slices.Contains(listening, "6642") {
		t.Fatalf("on the node these ports are listened on: %v", listening)
	}
	var mu sync.Mutex
	var open []string
	var dials sync.WaitGroup
	for _, port := range listening {
		dials.Go(func() {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), 3*time.Second)
			if err != nil {
				return
			}
			c.Close()
			mu.Lock()
			defer mu.Unlock()
			open = append(open, port)
		})
	}
	dials.Wait()
	slices.Sort(open)
	if want := []string{"22", "443", "80"}; !slices.Equal(open, want) {
		t.Errorf("from the Internet the ports %v are open, want %v", open, want)
	}

	client := &http.Client{Transport: trusting(t, e), Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for url, want := range map[string]struct {
		status   int
		location string
	}{
		"http://" + host + "/identity/v3": {301, "https://" + host + "/identity/v3"},
		"https://" + host + "/":           {302, "/horizon/auth/login/"},
		"https://" + host + "/identity/":  {300, "https://" + host + "/identity/v3/"},
		"https://" + host + "/nothing":    {404, ""},
		"https://" + host + "/identityx":  {404, ""},
	} {
		resp, err := client.Get(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != want.status || resp.Header.Get("Location") != want.location {
			t.Errorf("%s answers %s, location %q; want %d, %q", url, resp.Status, resp.Header.Get("Location"), want.status,
				want.location)
		}
	}

	// Links in answers lead back to where the question came from.
	token := strings.TrimSpace(must(t, "openstack", "token", "issue", "-f", "value", "-c", "id"))
	inside := regexp.MustCompile(`"http://[^"]*"|10\.0\.0\.4`)
	for _, path := range []string{"/identity/", "/compute/", "/compute/v2.1/servers/detail", "/image/", "/networking/",
		"/networking/v2.0/", "/placement/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", token)
		// What a client pretends to have come by is not believed.
		req.Header.Set("Forwarded", "host=evil.example.org;proto=http")
		req.Header.Set("X-Forwarded-Host", "evil.example.org")
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		body := string(b)
		if resp.StatusCode >= 400 || inside.MatchString(body) || strings.Contains(body, "evil") {
			t.Errorf("%s answers %s: %.600s", path, resp.Status, body)
		}
	}

	if _, err := (&http.Client{Timeout: 20 * time.Second}).Get(e.Dashboard); err == nil {
		t.Error("a client that does not trust the cloud's authority is served")
	}
	old := trusting(t, e).TLSClientConfig
	old.MaxVersion = tls.VersionTLS11
	if c, err := tls.Dial("tcp", host+":443", old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is accepted")
	}

	// OVN's databases serve nobody without a certificate of the cloud's.
	out := onNode(t, file, `ovn-sbctl --timeout=5 --db=tcp:10.0.0.4:6642 show 2>&1; `+
		`ovn-sbctl --timeout=5 --db=ssl:10.0.0.4:6642 --no-leader-only --bootstrap-ca-cert=/tmp/ca.pem show 2>&1; `+
		`ovn-sbctl --timeout=5 --db=ssl:10.0.0.4:6642 -p /etc/macaw/tls/ovn.key -c /etc/macaw/tls/ovn.pem `+
		`-C /etc/macaw/tls/authority.pem show | grep -c Chassis; rm -f /tmp/ca.pem`)
	if lines := strings.Split(strings.TrimSpace(out), "\n"); lines[len(lines)-1] != "1" ||
		strings.Count(out, "Chassis") > 0 {
		t.Errorf("OVN's southbound database, without certificate twice, and with one:\n%s", out)
	}
	testRenewal(t, file, e, host)
}

// testRenewal renews the certificate while requests come in: none is lost.
func testRenewal(t *testing.T, file string, e env, host string) {
	serial := func() string {
		t.Helper()
		c, err := tls.Dial("tcp", host+":443", trusting(t, e).TLSClientConfig)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	stop, ended := make(chan struct{}), make(chan error)
	go func() {
		lost := 0
		var last error
		for n := 1; ; n++ {
			select {
			case <-stop:
				if lost > 0 {
					last = fmt.Errorf("%d of %d requests failed, the last: %w", lost, n, last)
				}
				ended <- last
				return
			default:
			}
			// A connection each, as of clients that come anew.
			resp, err := (&http.Client{Transport: trusting(t, e), Timeout: 5 * time.Second}).Get(e.AuthURL)
			if err == nil {
				resp.Body.Close()
				continue
			}
			lost, last = lost+1, err
		}
	}()
	onNode(t, file, "rm /etc/macaw/tls/public/authority.pem && systemctl start macaw-certificates.service")
	time.Sleep(2 * time.Second)
	close(stop)
	if err := <-ended; err != nil {
		t.Errorf("while the certificate was renewed: %v", err)
	}
	if serial() == before {
		t.Error("after the renewal the old certificate is served")
	}
	if next := onNode(t, file, "systemctl show -P NextElapseUSecRealtime macaw-certificates.timer"); strings.TrimSpace(
		next,
	) == "" {
		t.Error("no renewal is due")
	}
}
