// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forwardCloud is a cloud with guests web-1 and dns of project demo behind router
// r1 and guest far of project prod behind router r2; it keeps floating IPs.
type forwardCloud struct {
	*fakeCloud
	Provider
	floating []*fakeFloating
}

type fakeFloating struct {
	ID       string           `json:"id"`
	Addr     string           `json:"floating_ip_address"`
	Port     *string          `json:"port_id"`
	Router   *string          `json:"router_id"`
	Project  string           `json:"project_id"`
	About    string           `json:"description"`
	Tags     []string         `json:"tags"`
	Forwards []map[string]any `json:"port_forwardings"`
}

const forwardServers = `{"servers": [{"id": "s1", "name": "web-1"}, {"id": "s2", "name": "dns"}, {"id": "s3", "name": "far"}, {"id": "s4", "name": "twin"}, {"id": "s5", "name": "twin"}, {"id": "s6", "name": "alone"}]}`

func newForwardCloud(t *testing.T, floating ...*fakeFloating) *forwardCloud {
	f := newFakeCloud(t)
	c := &forwardCloud{fakeCloud: f, floating: append([]*fakeFloating{}, floating...)}
	f.servers = forwardServers
	f.answers["GET /networks"] = `{"networks": [` + goodNetwork + `]}`
	f.answers["GET /ports?device_owner=network%3Arouter_gateway&network_id=net1"] = `{"ports": [` + gatewayPorts + `]}`
	f.answers["GET /subnets"] = `{"subnets": [{"id": "in1", "gateway_ip": "192.168.0.1"}, {"id": "in2", "gateway_ip": "192.168.0.1"}, {"id": "in3", "gateway_ip": "172.16.0.1"}]}`
	guest := func(id, device, project, addr, subnet string) string {
		return fmt.Sprintf(`{"id": %q, "device_id": %q, "device_owner": "compute:nova", "tenant_id": %q, "fixed_ips": [{"subnet_id": %q, "ip_address": %q}, {"subnet_id": "six", "ip_address": "2001:db8::5"}]}`,
			id, device, project, subnet, addr)
	}
	web, dns, far := guest("g1", "s1", "p1", "192.168.0.5", "in1"), guest("g2", "s2", "p1", "192.168.0.6",
		"in1"), guest("g3", "s3", "p2", "192.168.0.5", "in2")
	f.answers["GET /ports?device_id=s1"] = `{"ports": [` + web + `]}`
	f.answers["GET /ports?device_id=s2"] = `{"ports": [` + dns + `]}`
	f.answers["GET /ports?device_id=s3"] = `{"ports": [` + far + `]}`
	f.answers["GET /ports?device_id=s4&device_id=s5"] = `{"ports": [` + guest("g4", "s4", "p1", "192.168.0.7", "in1") +
		"," + guest("g5", "s5", "p2", "192.168.0.8", "in2") + `]}`
	f.answers["GET /ports?device_id=s5&device_id=s4"] = f.answers["GET /ports?device_id=s4&device_id=s5"]
	f.answers["GET /ports?device_id=s6"] = `{"ports": [` + guest("g6", "s6", "p1", "172.16.0.5", "in3") + `]}`
	f.answers["GET /ports?fixed_ips=ip_address%3D192.168.0.5"] = `{"ports": [` + web + "," + far + `]}`
	// Of in1's routers, the one that is not its gateway comes first.
	inside := `{"ports": [{"device_id": "r2", "fixed_ips": [{"subnet_id": "in1", "ip_address": "192.168.0.9"}, {"subnet_id": "in2", "ip_address": "192.168.0.1"}]},
	  {"device_id": "r1", "fixed_ips": [{"subnet_id": "in1", "ip_address": "192.168.0.1"}]},
	  {"device_id": "inner", "fixed_ips": [{"subnet_id": "in3", "ip_address": "172.16.0.1"}]}]}`
	f.answers["GET /ports"] = inside
	for _, id := range []string{"g1", "g2", "g3"} {
		f.answers["GET /ports?id="+id] = fmt.Sprintf(`{"ports": [{"id": %q, "device_id": "s%s"}]}`, id, id[1:])
	}
	f.answers["GET /ports?id=g1&id=g2"] = `{"ports": [{"id": "g1", "device_id": "s1"}, {"id": "g2", "device_id": "s2"}]}`
	f.answers["GET /ports?id=g2&id=g1"] = f.answers["GET /ports?id=g1&id=g2"]
	f.written = c.write
	c.publish()
	c.Provider = Provider{Client: f.connect(t), Network: "provider"}
	return c
}

func (c *forwardCloud) publish() {
	b, _ := json.Marshal(map[string]any{"floatingips": c.floating})
	c.answers["GET /floatingips"] = string(b)
	for _, f := range c.floating {
		c.answers["POST /floatingips/"+f.ID+"/port_forwardings"] = `{"port_forwarding": {"id": "pf-new"}}`
		c.answers["PUT /floatingips/"+f.ID+"/tags/macaw-forwards"] = ""
		c.status["PUT /floatingips/"+f.ID+"/tags/macaw-forwards"] = http.StatusCreated
		c.answers["DELETE /floatingips/"+f.ID] = ""
		b, _ := json.Marshal(map[string]any{"port_forwardings": f.Forwards})
		c.answers["GET /floatingips/"+f.ID+"/port_forwardings"] = string(b)
		for _, p := range f.Forwards {
			c.answers["DELETE /floatingips/"+f.ID+"/port_forwardings/"+p["id"].(string)] = ""
		}
	}
	c.answers["POST /floatingips"] = `{"floatingip": {"id": "made", "floating_ip_address": "10.20.1.50"}}`
}

// write does what Neutron would.
func (c *forwardCloud) write(request, body string) {
	var b struct {
		FloatingIP     struct{ Project_ID, Description string }
		PortForwarding map[string]any `json:"port_forwarding"`
	}
	_ = json.Unmarshal([]byte(body), &b)
	parts := strings.Split(request, "/")
	if len(parts) == 2 {
		c.floating = append(c.floating,
			&fakeFloating{ID: "made", Addr: "10.20.1.50", Project: b.FloatingIP.Project_ID, About: b.FloatingIP.Description})
		c.publish()
		return
	}
	i := slices.IndexFunc(c.floating, func(f *fakeFloating) bool { return f.ID == parts[2] })
	if i < 0 {
		return
	}
	f := c.floating[i]
	switch method := strings.TrimSpace(parts[0]); {
	case method == "DELETE" && len(parts) == 3:
		c.floating = slices.Delete(c.floating, i, i+1)
	case method == "DELETE":
		f.Forwards = slices.DeleteFunc(f.Forwards, func(p map[string]any) bool { return p["id"] == parts[4] })
		if len(f.Forwards) == 0 {
			f.Router = nil
		}
	case method == "PUT":
		f.Tags = append(f.Tags, parts[4])
	case method == "POST":
		b.PortForwarding["id"] = "pf-new"
		f.Forwards, f.Router = append(f.Forwards, b.PortForwarding), new("r1")
	}
	c.publish()
}

func fakeForward(id, protocol string, external, internal int, port, addr string) map[string]any {
	return map[string]any{"id": id, "protocol": protocol, "external_port": external, "internal_port": internal,
		"internal_port_id": port, "internal_ip_address": addr}
}

func carrying(id, addr, router, project string, tags []string, forwards ...map[string]any) *fakeFloating {
	return &fakeFloating{ID: id, Addr: addr, Router: &router, Project: project, Tags: tags, Forwards: forwards}
}

func wantForward(t *testing.T, external, guest, internal, protocol string) WantForward {
	out, err := ParsePortRange(external)
	if err != nil {
		t.Fatal(err)
	}
	in, err := ParsePortRange(internal)
	if err != nil {
		t.Fatal(err)
	}
	return WantForward{External: out, Guest: guest, Internal: in, Protocol: protocol}
}

func TestForwards(t *testing.T) {
	ranged := map[string]any{"id": "pf2", "protocol": "tcp", "internal_port_id": "g2",
		"internal_ip_address": "192.168.0.6"}
	c := newForwardCloud(t,
		carrying("fip2", "10.20.1.14", "r1", "p9", []string{"elastic-ip=198.51.100.7"},
			fakeForward("pf1", "udp", 53, 53, "g2", "192.168.0.6"), ranged),
		carrying("fip1", "10.20.1.13", "r1", "p1", nil, fakeForward("pf3", "tcp", 522, 22, "g1", "192.168.0.5")),
	)
	c.answers["GET /floatingips/fip2/port_forwardings"] = `{"port_forwardings": [
	 {"id": "pf2", "protocol": "tcp", "external_port_range": "8000:8010", "internal_port_range": "9000:9010", "internal_port_id": "g2", "internal_ip_address": "192.168.0.6"},
	 {"id": "pf1", "protocol": "udp", "external_port": 53, "external_port_range": "53:53", "internal_port": 53, "internal_port_range": "53:53", "internal_port_id": "g2", "internal_ip_address": "192.168.0.6"}]}`
	got, err := c.Forwards(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	a, public := netip.MustParseAddr, netip.MustParseAddr("198.51.100.7")
	want := []Forward{
		{ID: "pf3", Addr: a("10.20.1.13"), External: PortRange{522, 522}, Protocol: "tcp", Guest: "web-1",
			GuestAddr: a("192.168.0.5"), Internal: PortRange{22, 22}, Project: "demo", FloatingID: "fip1", PortID: "g1"},
		{ID: "pf1", Addr: a("10.20.1.14"), Public: public, External: PortRange{53, 53}, Protocol: "udp", Guest: "dns",
			GuestAddr: a("192.168.0.6"), Internal: PortRange{53, 53}, Project: "p9", FloatingID: "fip2", PortID: "g2"},
		{ID: "pf2", Addr: a("10.20.1.14"), Public: public, External: PortRange{8000, 8010}, Protocol: "tcp", Guest: "dns",
			GuestAddr: a("192.168.0.6"), Internal: PortRange{9000, 9010}, Project: "p9", FloatingID: "fip2", PortID: "g2"},
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	c = newForwardCloud(t)
	if got, err := c.Forwards(context.Background()); err != nil || got == nil || len(got) != 0 {
		t.Errorf("none: %v, error %v, want an empty list", got, err)
	}
}

func TestAddForward(t *testing.T) {
	const (
		make1 = `POST /floatingips {"floatingip":{"description":"made by macaw forward","floating_network_id":"net1","project_id":"p1"}}`
		tag   = `PUT /floatingips/made/tags/macaw-forwards`
		web   = `{"port_forwarding":{"external_port":522,"internal_ip_address":"192.168.0.5","internal_port":22,"internal_port_id":"g1","protocol":"tcp"}}`
	)
	ours := []string{tagForwards}
	onWhole := func() *fakeFloating {
		return &fakeFloating{ID: "whole", Addr: "10.20.1.12", Port: new("g2"), Router: new("r1"), Project: "p1"}
	}
	ssh := wantForward(t, "522", "web-1", "22", "tcp")
	with := func(w WantForward, project, floating string) WantForward {
		w.Project = project
		if floating != "" {
			w.FloatingIP = netip.MustParseAddr(floating)
		}
		return w
	}
	for _, c := range []struct {
		name     string
		floating []*fakeFloating
		want     WantForward
		writes   []string
		same     bool
		err      string
	}{
		{name: "the first", want: ssh, writes: []string{make1, tag, "POST /floatingips/made/port_forwardings " + web}},
		{
			name:     "killed before the tag",
			floating: []*fakeFloating{{ID: "made", Addr: "10.20.1.50", Project: "p1", About: aboutForwards}}, want: ssh,
			writes: []string{tag, "POST /floatingips/made/port_forwardings " + web},
		},
		{
			name: "killed after the tag", floating: []*fakeFloating{{ID: "made", Addr: "10.20.1.50", Project: "p1", Tags: ours}},
			want:   ssh,
			writes: []string{"POST /floatingips/made/port_forwardings " + web},
		},
		{
			name: "others' are not taken", want: ssh,
			floating: []*fakeFloating{
				{ID: "idle", Addr: "10.20.1.11", Project: "p1"}, onWhole(),
				{ID: "theirs", Addr: "10.20.1.13", Project: "p2", Tags: ours},
				carrying("elsewhere", "10.20.1.14", "r2", "p1", ours, fakeForward("x", "tcp", 1, 1, "g9", "192.168.0.99")),
			},
			writes: []string{make1, tag, "POST /floatingips/made/port_forwardings " + web},
		},
		{
			name: "beside another", want: ssh,
			floating: []*fakeFloating{carrying("fip1", "10.20.1.13", "r1", "p1", nil,
				fakeForward("x", "udp", 522, 53, "g2", "192.168.0.6"))},
			writes: []string{"POST /floatingips/fip1/port_forwardings " + web},
		},
		{
			name: "again", want: ssh, same: true,
			floating: []*fakeFloating{carrying("fip1", "10.20.1.13", "r1", "p1", nil,
				fakeForward("x", "tcp", 522, 22, "g1", "192.168.0.5"))},
		},
		{
			name: "port taken", want: wantForward(t, "520-530", "web-1", "8000-8010", "tcp"),
			err: `port 522/tcp of floating IP 10.20.1.13 is already forwarded to 192.168.0.6:22`,
			floating: []*fakeFloating{carrying("fip1", "10.20.1.13", "r1", "p1", nil,
				fakeForward("x", "tcp", 522, 22, "g2", "192.168.0.6"))},
		},
		{
			name: "guest's port taken", want: wantForward(t, "2222", "web-1", "22", "tcp"),
			err: "port 22/tcp of guest web-1 is already forwarded from 10.20.1.13:522/tcp",
			floating: []*fakeFloating{carrying("fip1", "10.20.1.13", "r1", "p1", nil,
				fakeForward("x", "tcp", 522, 22, "g1", "192.168.0.5"))},
		},
		{
			name: "range", want: wantForward(t, "8000-8010", "web-1", "9000-9010", "udp"),
			floating: []*fakeFloating{{ID: "made", Addr: "10.20.1.50", Project: "p1", Tags: ours}},
			writes:   []string{`POST /floatingips/made/port_forwardings {"port_forwarding":{"external_port_range":"8000:8010","internal_ip_address":"192.168.0.5","internal_port_id":"g1","internal_port_range":"9000:9010","protocol":"udp"}}`},
		},
		{
			name: "chosen by its public address", want: with(ssh, "", "198.51.100.7"),
			floating: []*fakeFloating{{ID: "idle", Addr: "10.20.1.11", Project: "p2",
				Tags: []string{"elastic-ip=198.51.100.7"}}},
			writes: []string{"POST /floatingips/idle/port_forwardings " + web},
		},
		{name: "chosen is whole", want: with(ssh, "", "10.20.1.12"), floating: []*fakeFloating{onWhole()},
			err: "10.20.1.12 is associated with a port"},
		{
			name: "chosen is on another router", want: with(ssh, "", "10.20.1.14"),
			err: "on router r2, and guest web-1 is behind router r1",
			floating: []*fakeFloating{carrying("elsewhere", "10.20.1.14", "r2", "p1", ours,
				fakeForward("x", "tcp", 1, 1, "g9", "192.168.0.99"))},
		},
		{name: "chosen is not there", want: with(ssh, "", "10.20.1.99"), err: "there is no floating IP 10.20.1.99"},
		{name: "guest has its own", want: wantForward(t, "53", "dns", "53", "udp"), floating: []*fakeFloating{onWhole()},
			err: "guest dns has its own floating IP 10.20.1.12"},
		{name: "ranges differ", want: wantForward(t, "1-3", "web-1", "1-2", "tcp"), err: "as many outside as inside"},
		{name: "no guest", want: wantForward(t, "1", "nobody", "1", "tcp"), err: `no guest "nobody"`},
		{name: "no router", want: wantForward(t, "1", "alone", "1", "tcp"),
			err: "no router connects network provider and guest alone"},
		{name: "twins", want: wantForward(t, "1", "twin", "1", "tcp"), err: "several guests \"twin\": s4 and s5"},
		{
			name: "the project's twin", want: with(wantForward(t, "1", "twin", "1", "tcp"), "demo", ""),
			floating: []*fakeFloating{{ID: "made", Addr: "10.20.1.50", Project: "p1", Tags: ours}},
			writes:   []string{`POST /floatingips/made/port_forwardings {"port_forwarding":{"external_port":1,"internal_ip_address":"192.168.0.7","internal_port":1,"internal_port_id":"g4","protocol":"tcp"}}`},
		},
		{
			name: "by address", want: with(wantForward(t, "522", "192.168.0.5", "22", "tcp"), "p1", ""),
			floating: []*fakeFloating{{ID: "made", Addr: "10.20.1.50", Project: "p1", Tags: ours}},
			writes:   []string{"POST /floatingips/made/port_forwardings " + web},
		},
		{name: "address of two", want: wantForward(t, "522", "192.168.0.5", "22", "tcp"), err: "several guests"},
		{name: "no project", want: with(ssh, "nowhere", ""), err: `no project "nowhere"`},
		{name: "projects of one name", want: with(ssh, "prod", ""), err: `2 projects are named "prod"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := newForwardCloud(t, c.floating...)
			got, changed, err := cloud.AddForward(context.Background(), c.want)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else if changed == c.same || got.ID == "" || got.Guest == "" || got.Project == "" {
				t.Errorf("changed %v: %+v", changed, got)
			}
			if d := cmp.Diff(c.writes, cloud.writes); d != "" {
				t.Errorf("writes (-want +got):\n%s", d)
			}
			if c.err != "" {
				return
			}
			cloud.writes = nil
			if again, changed, err := cloud.AddForward(context.Background(), c.want); err != nil || changed ||
				cloud.writes != nil || again.ID != got.ID && !c.same {
				t.Errorf("again: changed %v, error %v, writes %q", changed, err, cloud.writes)
			}
		})
	}
}

func TestAddForwardRefused(t *testing.T) {
	c := newForwardCloud(t, &fakeFloating{ID: "made", Addr: "10.20.1.50", Project: "p1", Tags: []string{tagForwards}})
	const post = "POST /floatingips/made/port_forwardings"
	c.written = nil
	c.status[post] = http.StatusConflict
	c.answers[post] = `{"NeutronError": {"type": "PortHasBindingFloatingIP", "message": "Cannot create port forwarding", "detail": ""}}`
	_, _, err := c.AddForward(context.Background(), wantForward(t, "522", "web-1", "22", "tcp"))
	if want := "forwarding 10.20.1.50:522/tcp to guest web-1: Cannot create port forwarding (HTTP 409)"; err == nil ||
		err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// A full network is an error that callers can tell from others.
func TestAddForwardExhausted(t *testing.T) {
	c := newForwardCloud(t)
	c.written = nil
	for kind, want := range map[string]bool{
		"IpAddressGenerationFailure": true, "ExternalIpAddressExhausted": true, "OverQuota": false,
	} {
		c.status["POST /floatingips"] = http.StatusConflict
		c.answers["POST /floatingips"] = `{"NeutronError": {"type": "` + kind + `", "message": "No", "detail": ""}}`
		_, _, err := c.AddForward(context.Background(), wantForward(t, "522", "web-1", "22", "tcp"))
		if err == nil || errors.Is(err, ErrExhausted) != want {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestRemoveForward(t *testing.T) {
	ours := []string{tagForwards, "elastic-ip=198.51.100.7"}
	web, dns := fakeForward("pf1", "tcp", 522, 22, "g1", "192.168.0.5"), fakeForward("pf2", "udp", 53, 53, "g2",
		"192.168.0.6")
	for _, c := range []struct {
		name     string
		floating []*fakeFloating
		on       string
		writes   []string
		err      string
	}{
		{
			name: "the last of ours", floating: []*fakeFloating{carrying("fip1", "10.20.1.13", "r1", "p1", ours, web)},
			writes: []string{"DELETE /floatingips/fip1/port_forwardings/pf1", "DELETE /floatingips/fip1"},
		},
		{
			name: "one of two", floating: []*fakeFloating{carrying("fip1", "10.20.1.13", "r1", "p1", ours, web, dns)},
			writes: []string{"DELETE /floatingips/fip1/port_forwardings/pf1"},
		},
		{
			name: "the last of theirs", floating: []*fakeFloating{carrying("fip1", "10.20.1.13", "r1", "p1", nil, web)},
			writes: []string{"DELETE /floatingips/fip1/port_forwardings/pf1"},
		},
		{
			name:     "killed before the release",
			floating: []*fakeFloating{{ID: "fip1", Addr: "10.20.1.13", Project: "p1", Tags: ours}},
			writes:   []string{"DELETE /floatingips/fip1"},
		},
		{
			name: "ambiguous", err: "10.20.1.13, 10.20.1.14",
			floating: []*fakeFloating{carrying("fip2", "10.20.1.14", "r1", "p1", nil, web),
				carrying("fip1", "10.20.1.13", "r1", "p1", ours, web)},
		},
		{
			name: "said which", on: "198.51.100.7",
			writes: []string{"DELETE /floatingips/fip1/port_forwardings/pf1", "DELETE /floatingips/fip1"},
			floating: []*fakeFloating{carrying("fip2", "10.20.1.14", "r1", "p1", nil, web),
				carrying("fip1", "10.20.1.13", "r1", "p1", ours, web)},
		},
		{
			name: "ours leads to a guest as a whole by now", err: "not forwarded",
			floating: []*fakeFloating{{ID: "fip1", Addr: "10.20.1.13", Project: "p1", Port: new("g1"), Router: new("r1"),
				Tags: ours}},
		},
		{name: "none", floating: []*fakeFloating{carrying("fip1", "10.20.1.13", "r1", "p1", nil, dns)},
			err: "port 522/tcp is not forwarded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := newForwardCloud(t, c.floating...)
			var on netip.Addr
			if c.on != "" {
				on = netip.MustParseAddr(c.on)
			}
			got, err := cloud.RemoveForward(context.Background(), PortRange{522, 522}, "tcp", on)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.writes, cloud.writes); d != "" {
				t.Errorf("writes (-want +got):\n%s", d)
			}
			if released := slices.Contains(c.writes, "DELETE /floatingips/fip1"); released != (len(got.Released) == 1) {
				t.Errorf("released %v", got.Released)
			}
			if got.Forward != nil && got.Forward.Guest != "web-1" {
				t.Errorf("removed %+v", got.Forward)
			}
		})
	}
}

func TestPortRange(t *testing.T) {
	for in, want := range map[string]string{"22": "22", "8000-8010": "8000-8010", "9-9": "9", "65535": "65535"} {
		if got, err := ParsePortRange(in); err != nil || got.String() != want {
			t.Errorf("%q: %v, error %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"": "want a number", "0": "want a number", "65536": "want a number", "-1": "want a number", "1-": "want a number",
		"0-3": "want a number",
		"ssh": "want a number", "8010-8000": "below the first", " 22": "want a number", "1-2-3": "want a number",
	} {
		if got, err := ParsePortRange(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, error %v, want %q", in, got, err, want)
		}
	}
}
