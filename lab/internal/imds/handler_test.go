// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/google/go-cmp/cmp"
)

const mac = "0a:00:00:00:00:01"

func instance() Instance {
	return Instance{
		ID: "i-0123456789abcdef0", ImageID: "ami-0123456789abcdef0", Type: "m8i.large", Architecture: "x86_64",
		Account: "123456789012", Region: "us-east-1", Zone: "us-east-1a", ZoneID: "use1-az1", Reservation: "r-1",
		PrivateDNS: "ip-10-0-0-11.ec2.internal", KeyName: "operator", PublicKey: "ssh-ed25519 AAAA operator",
		UserData: []byte("#cloud-config\n"), Launched: time.Unix(1700000000, 0),
		Options: Options{HopLimit: 2}, Tags: map[string]string{"Name": "node", "a/b": "hidden"},
		NICs: []NIC{
			{ENI: "eni-1", MAC: mac, Addresses: []string{"10.0.0.11"}, Public: map[string]string{"10.0.0.11": "198.51.100.10"},
				Subnet: "subnet-1", SubnetCIDR: "10.0.0.0/24", VPC: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"},
				Groups: []Group{{"sg-1", "mgmt"}}},
			{ENI: "eni-2", MAC: "0a:00:00:00:00:02", DeviceIndex: 1, Addresses: []string{"10.0.1.11", "10.0.1.12"},
				Public: map[string]string{"10.0.1.12": "198.51.100.11"}, Subnet: "subnet-2", SubnetCIDR: "10.0.1.0/24",
				VPC: "vpc-1"},
		},
	}
}

type fakeSource map[string]Instance

func (f fakeSource) Metadata(eni string) (Instance, bool) { i, ok := f[eni]; return i, ok }

// service serves one instance; the header X-From names the request's network interface.
func service(t *testing.T, change func(*Instance)) (*httptest.Server, *Handler) {
	t.Helper()
	i := instance()
	if change != nil {
		change(&i)
	}
	other := instance()
	other.ID = "i-0fedcba9876543210"
	h := New(fakeSource{"eni-1": i, "eni-9": other}, func(r *http.Request) (string, bool) {
		if from := r.Header.Get("X-From"); from != "" {
			return from, from != "nowhere"
		}
		return "eni-1", true
	})
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s, h
}

func do(t *testing.T, s *httptest.Server, method, path string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func token(t *testing.T, s *httptest.Server, headers ...string) string {
	t.Helper()
	status, text := do(t, s, "PUT", "/latest/api/token", append(headers, ttlHeader, "60")...)
	if status != 200 {
		t.Fatalf("asking for a token: %d %s", status, text)
	}
	return text
}

func TestStatus(t *testing.T) {
	plain, clock := service(t, nil)
	optional, _ := service(t, func(i *Instance) { i.Options.TokenOptional = true; i.UserData = nil })
	disabled, _ := service(t, func(i *Instance) { i.Options.Disabled = true })
	good := token(t, plain)
	foreign := token(t, plain, "X-From", "eni-9")
	for _, c := range []struct {
		name    string
		server  *httptest.Server
		method  string
		path    string
		headers []string
		want    int
	}{
		{"token", plain, "PUT", "/latest/api/token", []string{ttlHeader, "21600"}, 200},
		{"no TTL", plain, "PUT", "/latest/api/token", nil, 400},
		{"TTL too long", plain, "PUT", "/latest/api/token", []string{ttlHeader, "21601"}, 400},
		{"TTL zero", plain, "PUT", "/latest/api/token", []string{ttlHeader, "0"}, 400},
		{"through a proxy", plain, "PUT", "/latest/api/token", []string{ttlHeader, "60", "X-Forwarded-For", "10.0.0.9"}, 403},
		{"token of a dated version", plain, "PUT", "/2021-03-23/api/token", []string{ttlHeader, "60"}, 403},
		{"PUT elsewhere", plain, "PUT", "/latest/meta-data/mac", []string{ttlHeader, "60"}, 405},
		{"GET of the token", plain, "GET", "/latest/api/token", []string{tokenHeader, good}, 405},
		{"POST", plain, "POST", "/latest/meta-data/mac", []string{tokenHeader, good}, 405},
		{"no token", plain, "GET", "/latest/meta-data/mac", nil, 401},
		{"bad token", plain, "GET", "/latest/meta-data/mac", []string{tokenHeader, "x"}, 401},
		{"token of another instance", plain, "GET", "/latest/meta-data/mac", []string{tokenHeader, foreign}, 401},
		{"good token", plain, "GET", "/latest/meta-data/mac", []string{tokenHeader, good}, 200},
		{"HEAD", plain, "HEAD", "/latest/meta-data/mac", []string{tokenHeader, good}, 200},
		{"no key", plain, "GET", "/latest/meta-data/nothing", []string{tokenHeader, good}, 404},
		{"no version", plain, "GET", "/2001-01-01/meta-data/mac", []string{tokenHeader, good}, 404},
		{"value with a slash", plain, "GET", "/latest/meta-data/mac/", []string{tokenHeader, good}, 404},
		{"tags off", plain, "GET", "/latest/meta-data/tags/instance/Name", []string{tokenHeader, good}, 404},
		{"absent prefixes", plain, "GET", "/latest/meta-data/network/interfaces/macs/" + mac + "/ipv4-prefix",
			[]string{tokenHeader, good}, 404},
		{"version 1 if optional", optional, "GET", "/latest/meta-data/mac", nil, 200},
		{"bad token if optional", optional, "GET", "/latest/meta-data/mac", []string{tokenHeader, "x"}, 401},
		{"no user data", optional, "GET", "/latest/user-data", nil, 404},
		{"disabled", disabled, "PUT", "/latest/api/token", []string{ttlHeader, "60"}, 403},
		{"from nowhere", plain, "PUT", "/latest/api/token", []string{ttlHeader, "60", "X-From", "nowhere"}, 403},
	} {
		if got, _ := do(t, c.server, c.method, c.path, c.headers...); got != c.want {
			t.Errorf("%s: %s %s is %d, want %d", c.name, c.method, c.path, got, c.want)
		}
	}
	clock.Now = func() time.Time { return time.Now().Add(time.Minute) }
	if got, _ := do(t, plain, "GET", "/latest/meta-data/mac", tokenHeader, good); got != 401 {
		t.Errorf("an expired token gets %d, want 401", got)
	}
}

func TestTree(t *testing.T) {
	s, _ := service(t, func(i *Instance) { i.Options.ShowTags = true })
	tok := token(t, s)
	eth := "/latest/meta-data/network/interfaces/macs/0a:00:00:00:00:02/"
	for path, want := range map[string]string{
		"/latest":                                     "dynamic\nmeta-data\nuser-data",
		"/2021-03-23/meta-data/instance-id":           "i-0123456789abcdef0",
		"/2009-04-04/meta-data/instance-id":           "i-0123456789abcdef0",
		"/latest/user-data":                           "#cloud-config\n",
		"/latest/meta-data/public-keys/":              "0=operator",
		"/latest/meta-data/public-keys/0/":            "openssh-key",
		"/latest/meta-data/public-keys/0/openssh-key": "ssh-ed25519 AAAA operator\n",
		"/latest/meta-data/local-ipv4":                "10.0.0.11",
		"/latest/meta-data/public-ipv4":               "198.51.100.10",
		"/latest/meta-data/placement/region":          "us-east-1",
		"/latest/meta-data/network":                   "interfaces/",
		"/latest/meta-data/network/interfaces/macs/":  mac + "/\n0a:00:00:00:00:02/",
		"/latest/meta-data/tags/instance":             "Name",
		"/latest/dynamic/instance-identity":           "document",
		eth + "local-ipv4s":                           "10.0.1.11\n10.0.1.12",
		eth + "device-number":                         "1",
		eth + "ipv4-associations/":                    "198.51.100.11",
		eth + "ipv4-associations/198.51.100.11":       "10.0.1.12",
		eth + "public-ipv4s":                          "198.51.100.11",
		eth + "subnet-ipv4-cidr-block":                "10.0.1.0/24",
	} {
		if status, got := do(t, s, "GET", path, tokenHeader, tok); got != want {
			t.Errorf("%s is %d %q, want %q", path, status, got, want)
		}
	}
	_, root := do(t, s, "GET", "/", tokenHeader, tok)
	for _, version := range []string{"2021-03-23", "2018-09-24", "2016-09-02", "2009-04-04", "latest"} {
		if !strings.Contains(root, version) {
			t.Errorf("version %s is not listed in %q", version, root)
		}
	}
}

// TestCrawl walks the tree as cloud-init's DataSourceEc2 does: every entry of a list must
// exist.
func TestCrawl(t *testing.T) {
	s, _ := service(t, nil)
	tok := token(t, s)
	values := 0
	var crawl func(path string)
	crawl = func(path string) {
		status, text := do(t, s, "GET", path, tokenHeader, tok)
		if status != 200 {
			t.Fatalf("%s is %d", path, status)
		}
		for name := range strings.SplitSeq(text, "\n") {
			number, _, isKey := strings.Cut(name, "=")
			switch {
			case strings.HasSuffix(name, "/"):
				crawl(path + name)
				continue
			case isKey:
				name = number + "/openssh-key"
			}
			if status, _ := do(t, s, "GET", path+name, tokenHeader, tok); status != 200 {
				t.Errorf("%s is listed and %d", path+name, status)
			}
			values++
		}
	}
	crawl("/2021-03-23/meta-data/")
	if values < 40 {
		t.Errorf("the crawl found only %d values", values)
	}
}

func TestSDK(t *testing.T) {
	s, h := service(t, nil)
	hops := 0
	h.HopLimit = func(_ *http.Request, n int) { hops = max(hops, n) }
	c := imds.New(imds.Options{Endpoint: s.URL})
	ctx := context.Background()
	doc, err := c.GetInstanceIdentityDocument(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{doc.InstanceID, doc.PrivateIP, doc.Region, doc.AccountID, doc.Architecture}
	if d := cmp.Diff([]string{"i-0123456789abcdef0", "10.0.0.11", "us-east-1", "123456789012", "x86_64"}, got); d != "" {
		t.Error(d)
	}
	region, err := c.GetRegion(ctx, nil)
	if err != nil || region.Region != "us-east-1" {
		t.Errorf("region %v, %v", region, err)
	}
	data, err := c.GetUserData(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(data.Content); string(text) != "#cloud-config\n" {
		t.Errorf("user data %q", text)
	}
	if hops != 2 {
		t.Errorf("the token's answer may travel %d hops, want 2", hops)
	}
}

// A Spot Instance's notices are items that are not there before.
func TestSpot(t *testing.T) {
	at := time.Date(2026, 11, 30, 8, 22, 0, 0, time.FixedZone("CET", 3600))
	for name, tt := range map[string]struct {
		spot Spot
		want map[string]string // empty: 404
	}{
		"on-demand": {Spot{}, map[string]string{"instance-life-cycle": "on-demand", "spot/instance-action": "",
			"events/recommendations/rebalance": "", "spot": ""}},
		"no notice": {Spot{Spot: true}, map[string]string{"instance-life-cycle": "spot", "spot/instance-action": "",
			"spot/termination-time": "", "events/recommendations/rebalance": ""}},
		"rebalance": {Spot{Spot: true, Rebalance: at}, map[string]string{
			"events/recommendations/rebalance": `{"noticeTime": "2026-11-30T07:22:00Z"}`, "spot/instance-action": ""}},
		"interruption": {Spot{Spot: true, Rebalance: at, Terminate: at.Add(2 * time.Minute)}, map[string]string{
			"spot/":                            "instance-action\ntermination-time",
			"spot/instance-action":             `{"action": "terminate", "time": "2026-11-30T07:24:00Z"}`,
			"spot/termination-time":            "2026-11-30T07:24:00Z",
			"events/recommendations/rebalance": `{"noticeTime": "2026-11-30T07:22:00Z"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := service(t, func(i *Instance) { i.Spot = tt.spot })
			good := token(t, s)
			for path, want := range tt.want {
				if status, _ := do(t, s, "GET", "/latest/meta-data/"+path); status != http.StatusUnauthorized {
					t.Errorf("%s without a token: %d", path, status)
				}
				status, text := do(t, s, "GET", "/latest/meta-data/"+path, tokenHeader, good)
				if want == "" && status != http.StatusNotFound || want != "" && (status != http.StatusOK || text != want) {
					t.Errorf("%s: %d %q, want %q", path, status, text, want)
				}
			}
		})
	}
}
