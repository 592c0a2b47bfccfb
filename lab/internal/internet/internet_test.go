// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"macaw.example/lab/internal/control"
)

func TestDNS(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ServeDNS(ctx, conn, Lookup) }()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	got, err := resolver.LookupHost(t.Context(), WebName)
	if err != nil || len(got) != 1 || got[0] != Web.String() {
		t.Errorf("looking up %s: %v, %v; want %s", WebName, got, err, Web)
	}
	got, err = resolver.LookupHost(t.Context(), IPv6Name)
	if err != nil || len(got) != 1 || got[0] != IPv6Host.String() {
		t.Errorf("looking up %s: %v, %v; want %s", IPv6Name, got, err, IPv6Host)
	}
	_, err = resolver.LookupHost(t.Context(), "nobody.example.net")
	if dns, ok := err.(*net.DNSError); !ok || !dns.IsNotFound {
		t.Errorf("looking up a name that does not exist: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serving ended with %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	q := dnsmessage.Message{Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName("www.example.com."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}}}
	b, err := q.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, query []byte) {
		reply, err := answer(query, Lookup)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(reply); err != nil {
			t.Errorf("the answer is no DNS message: %v", err)
		}
	})
}

func TestSite(t *testing.T) {
	srv := httptest.NewServer(site())
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL + "/bytes/100000")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 100000 {
		t.Errorf("a download of 100000 bytes has %d: %v", n, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = checkIP
	own, err := srv.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Body.Close()
	if text, err := io.ReadAll(own.Body); err != nil || string(text) != "127.0.0.1\n" {
		t.Errorf("%s: %q, %v", checkIP, text, err)
	}
	if url := "http://" + peer.String(); url != control.CheckIP || Operator.String() != control.Operator {
		t.Errorf("%s and %s, elsewhere %s and %s", url, Operator, control.CheckIP, control.Operator)
	}
	for _, bad := range []string{"/bytes/-1", "/bytes/x", "/bytes/99999999999999"} {
		resp, err := srv.Client().Get(srv.URL + bad)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("GET %s answers %s, want 400", bad, resp.Status)
		}
	}
}
