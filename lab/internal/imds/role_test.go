// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"golang.org/x/sys/unix"
)

const profileARN = "arn:aws:iam::123456789012:instance-profile/prof"

// withRole serves an instance with a profile.
func withRole(t *testing.T, role func(Instance) (Role, bool)) *httptest.Server {
	t.Helper()
	s, h := service(t, func(i *Instance) { i.Profile = Profile{ARN: profileARN, ID: "AIPA1"} })
	h.Role = role
	return s
}

func goodRole(Instance) (Role, bool) {
	return Role{Name: "node", AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", Token: "token",
		Updated: time.Now().Add(-time.Hour), Expires: time.Now().Add(5 * time.Hour)}, true
}

func TestRole(t *testing.T) {
	const tree = "/latest/meta-data/iam/"
	for _, c := range []struct {
		name string
		role func(Instance) (Role, bool)
		want map[string]string // path: part of the text; empty means 404
	}{
		{"good", goodRole, map[string]string{"": "info\nsecurity-credentials/",
			"info":                  `"InstanceProfileArn": "` + profileARN + `"`,
			"security-credentials/": "node", "security-credentials": "node", "security-credentials/node": `"Code": "Success"`,
			"security-credentials/other": ""}},
		{"refused", func(Instance) (Role, bool) { return Role{Name: "node", Refused: true}, true },
			map[string]string{"security-credentials/node": `"Code": "AssumeRoleUnauthorizedAccess"`}},
		{"no role", func(Instance) (Role, bool) { return Role{}, false },
			map[string]string{"info": `"Code": "InstanceProfileNotFound"`, "security-credentials/": ""}},
		{"not asked", nil, map[string]string{"": "", "info": ""}},
	} {
		s := withRole(t, c.role)
		tok := token(t, s)
		for path, want := range c.want {
			status, got := do(t, s, "GET", tree+path, tokenHeader, tok)
			if want == "" && status != 404 || want != "" && !strings.Contains(got, want) {
				t.Errorf("%s: %s is %d %q, want %q", c.name, path, status, got, want)
			}
		}
	}
	plain, h := service(t, nil)
	h.Role = goodRole
	if status, _ := do(t, plain, "GET", tree+"info", tokenHeader, token(t, plain)); status != 404 {
		t.Errorf("an instance without a profile gets %d", status)
	}
}

func TestRoleDocument(t *testing.T) {
	s := withRole(t, goodRole)
	_, text := do(t, s, "GET", "/latest/meta-data/iam/security-credentials/node", tokenHeader, token(t, s))
	var document map[string]string
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret",
		"Token": "token"} {
		if document[key] != want {
			t.Errorf("%s is %q, want %q", key, document[key], want)
		}
	}
	for _, key := range []string{"LastUpdated", "Expiration"} {
		if _, err := time.Parse("2006-01-02T15:04:05Z", document[key]); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestRoleProvider(t *testing.T) {
	s := withRole(t, goodRole)
	p := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.New(imds.Options{Endpoint: s.URL}) })
	c, err := p.Retrieve(t.Context())
	if err != nil || c.AccessKeyID != "ASIAEXAMPLE" || c.SessionToken != "token" || !c.CanExpire ||
		time.Until(c.Expires) < 50*time.Minute {
		t.Errorf("credentials %+v, %v", c, err)
	}
}

func TestDefaultCredentialChain(t *testing.T) {
	s := withRole(t, goodRole)
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": s.URL, "AWS_ACCESS_KEY_ID": "",
		"AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		"AWS_WEB_IDENTITY_TOKEN_FILE":        "", "AWS_EC2_METADATA_DISABLED": ""} {
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithEC2IMDSRegion())
	if err != nil {
		t.Fatal(err)
	}
	c, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || c.AccessKeyID != "ASIAEXAMPLE" || cfg.Region != "us-east-1" {
		t.Errorf("credentials %+v in %q, %v", c, cfg.Region, err)
	}
}

func TestIPv6AndPrefixes(t *testing.T) {
	s, _ := service(t, func(i *Instance) {
		n := &i.NICs[1]
		n.IPv6, n.Prefixes, n.IPv6Prefixes = []string{"2001:db8::5",
			"2001:db8::6"}, []string{"10.0.1.16/28"}, []string{"2001:db8:0:0:1::/80"}
		n.SubnetIPv6CIDRs, n.VPCIPv6CIDRs = []string{"2001:db8::/64"}, []string{"2001:db8::/56"}
	})
	tok := token(t, s)
	tree := "/latest/meta-data/network/interfaces/macs/"
	for path, want := range map[string]string{
		"0a:00:00:00:00:02/ipv6s": "2001:db8::5\n2001:db8::6", "0a:00:00:00:00:02/ipv4-prefix": "10.0.1.16/28",
		"0a:00:00:00:00:02/ipv6-prefix": "2001:db8:0:0:1::/80", "0a:00:00:00:00:02/subnet-ipv6-cidr-blocks": "2001:db8::/64",
		"0a:00:00:00:00:02/vpc-ipv6-cidr-blocks": "2001:db8::/56",
	} {
		if status, got := do(t, s, "GET", tree+path, tokenHeader, tok); got != want {
			t.Errorf("%s is %d %q, want %q", path, status, got, want)
		}
	}
	for _, absent := range []string{"ipv6s", "ipv4-prefix", "ipv6-prefix", "subnet-ipv6-cidr-blocks",
		"vpc-ipv6-cidr-blocks"} {
		if status, _ := do(t, s, "GET", tree+mac+"/"+absent, tokenHeader, tok); status != 404 {
			t.Errorf("%s of an interface without any is %d, want 404", absent, status)
		}
	}
}

// TestHopLimitOnTheWire reads the TTL back from the socket.
func TestHopLimitOnTheWire(t *testing.T) {
	_, h := service(t, nil)
	ttl := func(r *http.Request) int {
		raw, err := r.Context().Value(connection{}).(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := raw.Control(func(fd uintptr) {
			n,
				err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL)
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	h.HopLimit = LimitHops
	var after []int
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		after = append(after, ttl(r))
	}))
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Listener.Close()
	s.Listener, s.Config.ConnContext = l, ConnContext
	s.Start()
	t.Cleanup(s.Close)
	tok := token(t, s)
	do(t, s, "GET", "/latest/meta-data/mac", tokenHeader, tok)
	if len(after) != 2 || after[0] != 2 || after[1] < 32 {
		t.Errorf("the answers' times to live are %v, want 2 for the token and the default", after)
	}
}
