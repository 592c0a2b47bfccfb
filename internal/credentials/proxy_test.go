// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/hint"
	"macaw.example/lab/labtest"
)

// proxy is an HTTP proxy that connects to one server, whatever the name asked for.
func proxy(t *testing.T, server string, connects *atomic.Int32) *httptest.Server {
	t.Helper()
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
			return
		}
		if r.Header.Get("Proxy-Authorization") == "" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		connects.Add(1)
		to, err := net.Dial("tcp", server)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer to.Close()
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		fmt.Fprint(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, from) }()
		_, _ = io.Copy(from, to)
	}))
	t.Cleanup(p.Close)
	return p
}

// inProcess runs a test again, in a process with another environment: net/http reads the
// variables of proxies once.
func inProcess(t *testing.T, name string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(append(os.Environ(), "MACAW_TEST_AGAIN=1"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// Calls of AWS go through the environment's proxy, also one that looks into HTTPS; a proxy that refuses
// is named, without its password.
func TestProxy(t *testing.T) {
	if os.Getenv("MACAW_TEST_AGAIN") != "" {
		cfg, err := Load(t.Context(), Options{Region: region})
		if err == nil {
			_, err = ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		}
		fmt.Printf("error: %v\nhints: %q\n", err, hint.All(err))
		return
	}
	d := newDesk(t)
	d.keys(labtest.AccessKey, labtest.SecretKey, "")
	server := httptest.NewTLSServer(d.api) // with a certificate for example.com
	t.Cleanup(server.Close)
	ca := filepath.Join(d.dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	var connects atomic.Int32
	p := proxy(t, server.Listener.Addr().String(), &connects)
	with := strings.Replace(p.URL, "http://", "http://ann:hidden@", 1)
	trusted, aws := "AWS_CA_BUNDLE="+ca, "AWS_ENDPOINT_URL=https://example.com"
	for _, tt := range []struct {
		name  string
		env   []string
		count int32
		want  []string
	}{
		{"through it", []string{"HTTPS_PROXY=" + with, trusted, aws}, 1, []string{"error: <nil>"}},
		{"not to NO_PROXY", []string{"HTTPS_PROXY=" + with, "NO_PROXY=example.com", trusted,
			strings.Replace(aws, ".com", ".com:1", 1)}, 0, []string{"reaching https://example.com:1"}},
		{"not to this machine", []string{"HTTPS_PROXY=" + with, "HTTP_PROXY=" + with}, 0, []string{"error: <nil>"}},
		{"an unknown authority", []string{"HTTPS_PROXY=" + with, aws}, 1,
			[]string{"certificate signed by unknown authority", "AWS_CA_BUNDLE names the file"}},
		{"without a password", []string{"HTTPS_PROXY=" + p.URL, trusted, aws}, 0,
			[]string{"Proxy Authentication Required", "HTTPS_PROXY names the proxy, with user and password"}},
		{"nobody there", []string{"HTTPS_PROXY=http://ann:hidden@127.0.0.1:1", trusted, aws}, 0,
			[]string{"proxyconnect tcp: dial tcp 127.0.0.1:1", "HTTPS_PROXY names the proxy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			connects.Store(0)
			out := inProcess(t, "TestProxy", tt.env...)
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("%s\nlacks %q", out, want)
				}
			}
			if strings.Contains(out, "hidden") {
				t.Errorf("the password is shown: %s", out)
			}
			if n := connects.Load(); n < tt.count || tt.count == 0 && n > 0 {
				t.Errorf("%d connections through the proxy, want %d", n, tt.count)
			}
		})
	}
}
