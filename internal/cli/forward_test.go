// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/infra"
	"macaw.example/internal/neutron"
)

func TestParseForward(t *testing.T) {
	one := func(p uint16) neutron.PortRange { return neutron.PortRange{First: p, Last: p} }
	for _, c := range []struct {
		outside, to string
		want        neutron.WantForward
		err         string
	}{
		{outside: "522", to: "web-1:22",
			want: neutron.WantForward{External: one(522), Guest: "web-1", Internal: one(22), Protocol: "tcp"}},
		{outside: "53", to: "dns:53/udp",
			want: neutron.WantForward{External: one(53), Guest: "dns", Internal: one(53), Protocol: "udp"}},
		{outside: "522", to: "192.168.0.5:22/tcp",
			want: neutron.WantForward{External: one(522), Guest: "192.168.0.5", Internal: one(22), Protocol: "tcp"}},
		{outside: "522", to: "a:b:22",
			want: neutron.WantForward{External: one(522), Guest: "a:b", Internal: one(22), Protocol: "tcp"}},
		{
			outside: "8000-8010", to: "web:9000-9010",
			want: neutron.WantForward{External: neutron.PortRange{First: 8000, Last: 8010}, Guest: "web",
				Internal: neutron.PortRange{First: 9000, Last: 9010}, Protocol: "tcp"},
		},
		{outside: "ssh", to: "web:22", err: `port "ssh": want a number from 1 to 65535`},
		{outside: "522/tcp", to: "web:22", err: `port "522/tcp": want a number`},
		{outside: "522", to: "web", err: "web: want a guest and its port, such as web-1:22"},
		{outside: "522", to: ":22", err: "want a guest and its port"},
		{outside: "522", to: "web:", err: `web:: port "": want a number`},
		{outside: "522", to: "web:0", err: `port "0": want a number`},
		{outside: "522", to: "web:22/icmp", err: `web:22/icmp: protocol "icmp": want tcp or udp`},
		{outside: "522", to: "web:22/", err: `protocol "": want tcp or udp`},
		{outside: "522-523", to: "web:22", err: "want as many ports outside as inside"},
	} {
		got, err := parseForward(c.outside, c.to)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s %s: error %v, want %q", c.outside, c.to, err, c.err)
			}
		case err != nil:
			t.Errorf("%s %s: %v", c.outside, c.to, err)
		default:
			if d := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
				t.Errorf("%s %s (-want +got):\n%s", c.outside, c.to, d)
			}
		}
	}
}

func TestParseOutside(t *testing.T) {
	for in, want := range map[string]string{"522": "522/tcp", "53/udp": "53/udp", "8000-8010/tcp": "8000-8010/tcp"} {
		ports, protocol, err := parseOutside(in)
		if got := ports.String() + "/" + protocol; err != nil || got != want {
			t.Errorf("%s: %s, error %v", in, got, err)
		}
	}
	for _, in := range []string{"", "tcp/53", "53/sctp", "web:22"} {
		if ports, protocol, err := parseOutside(in); err == nil {
			t.Errorf("%q: %s/%s", in, ports, protocol)
		}
	}
}

func TestPrintForwards(t *testing.T) {
	outside := publicOf([]infra.NodeOutput{
		{Addresses: []infra.AddressPair{{Private: "10.20.1.12", Public: "198.51.100.6"},
			{Private: "10.20.1.13", Public: "198.51.100.8"}}},
		{Addresses: []infra.AddressPair{{Private: "10.20.1.14"}}},
	})
	addr := netip.MustParseAddr
	forward := func(floating, public, guest string, protocol string) neutron.Forward {
		f := neutron.Forward{Addr: addr(floating), Protocol: protocol, Guest: guest, GuestAddr: addr("192.168.0.5"),
			Project: "demo", External: neutron.PortRange{First: 522, Last: 522}, Internal: neutron.PortRange{First: 22,
				Last: 22}}
		if public != "" {
			f.Public = addr(public)
		}
		outside.put(&f)
		return f
	}
	all := []neutron.Forward{
		forward("10.20.1.12", "", "web-1", "tcp"),
		forward("10.20.1.13", "198.51.100.7", "dns", "udp"), // the tag is newer than the data from AWS
		forward("10.20.1.14", "", "", "tcp"),
	}
	var out bytes.Buffer
	if err := printForwards(&out, all); err != nil {
		t.Fatal(err)
	}
	want := `ELASTIC IP:PORT    PROTOCOL  GUEST:PORT      FLOATING IP  PROJECT
198.51.100.6:522   tcp       web-1:22        10.20.1.12   demo
198.51.100.7:522   udp       dns:22          10.20.1.13   demo
no Elastic IP:522  tcp       192.168.0.5:22  10.20.1.14   demo
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	out.Reset()
	for _, changed := range []bool{true, false} {
		if err := printAdded(&out, addedForward{Forward: all[0], Changed: changed,
			Admission: &neutron.Admission{Open: true}}); err != nil {
			t.Fatal(err)
		}
	}
	_ = printAdded(&out, addedForward{Forward: all[2], Changed: true})
	closed := addedForward{Forward: all[0], Changed: true, Admission: &neutron.Admission{Groups: []string{"sg1", "sg2"}}}
	closed.Internal = neutron.PortRange{First: 8000, Last: 8010}
	_ = printAdded(&out, closed)
	closed.PortID, closed.Admission = "p1", &neutron.Admission{}
	_ = printAdded(&out, closed)
	_ = printRemovedForward(&out, neutron.RemovedForward{Forward: &all[1], Released: []netip.Addr{addr("10.20.1.13")}})
	want = `198.51.100.6:522/tcp is forwarded to web-1:22
198.51.100.6:522/tcp is already forwarded to web-1:22
port 522/tcp of floating IP 10.20.1.14, which has no Elastic IP yet, is forwarded to 192.168.0.5:22
198.51.100.6:522/tcp is forwarded to web-1:8000-8010
But the guest will not answer: no rule of its security groups lets tcp 8000-8010 in from outside.
hint: openstack security group rule create --ingress --protocol tcp --dst-port 8000:8010 sg1
198.51.100.6:522/tcp is forwarded to web-1:8000-8010
But the guest will not answer: it has no security group, which lets nothing in.
hint: openstack port set --security-group GROUP p1
198.51.100.7:522/udp is no longer forwarded to dns:22
floating IP 10.20.1.13, made for forwards, has none left and is deleted
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("sentences (-want +got):\n%s", d)
	}

	if got := outside.private(addr("198.51.100.8")); got != addr("10.20.1.13") {
		t.Errorf("198.51.100.8 is %s", got)
	}
	if got := outside.private(addr("10.20.1.12")); got != addr("10.20.1.12") {
		t.Errorf("10.20.1.12 is %s", got)
	}
}
