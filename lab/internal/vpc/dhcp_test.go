// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The wire format is spelled out here, independently of the server's library.
const (
	dhcpFixed = 240 // bytes up to and including the cookie

	// Message types (RFC 2132, section 9.6).
	dhcpDiscover = 1
	dhcpOffer    = 2
	dhcpRequest  = 3
	dhcpAck      = 5
	dhcpNak      = 6
	dhcpInform   = 8

	optMask      = 1
	optRouter    = 3
	optDNS       = 6
	optHostname  = 12
	optDomain    = 15
	optMTU       = 26
	optBroadcast = 28
	optRequested = 50
	optLease     = 51
	optType      = 53
	optServer    = 54
	optEnd       = 255
)

// dhcpFrame builds a client's message. options are the raw bytes after the message type.
func dhcpFrame(mac MAC, src, dst string, kind byte, options ...byte) []byte {
	msg := make([]byte, dhcpFixed)
	msg[0], msg[1], msg[2] = 1, 1, 6
	copy(msg[4:], []byte{0xca, 0xfe, 0xba, 0xbe})
	copy(msg[28:], mac[:])
	copy(msg[236:], []byte{0x63, 0x82, 0x53, 0x63})
	if src != "0.0.0.0" {
		putAddr(msg[12:], addr(src))
	}
	msg = append(append(append(msg, optType, 1, kind), options...), optEnd)
	return ethernet(broadcastMAC, mac, etherIPv4, udp(src, 68, dst, 67, msg...))
}

func option(code byte, ip string) []byte {
	a := addr(ip)
	return []byte{code, 4, byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}
}

// dhcpOptionsOf parses a reply.
func dhcpOptionsOf(frame []byte) map[byte]string {
	all := map[byte]string{}
	for o := frame[etherLen+28+dhcpFixed:]; o[0] != optEnd; o = o[2+o[1]:] {
		all[o[0]] = string(o[2 : 2+o[1]])
	}
	return all
}

func TestDHCPOffer(t *testing.T) {
	b := newBench(t, testTopology(), Config{MTU: 1500, Domain: "lab.internal"})
	b.expect("discover", b1, dhcpFrame(macB1, "0.0.0.0", "255.255.255.255", dhcpDiscover),
		"eni-b1: gwB > b1 10.0.1.1:67 > 10.0.1.31:68 UDP length 340")
	frame := b.out.Deliveries[0].Frame
	if yours := getAddr(frame[etherLen+28+16:]).netip().String(); yours != "10.0.1.31" {
		t.Errorf("offered %s", yours)
	}
	if id := string(frame[etherLen+28+4:][:4]); id != "\xca\xfe\xba\xbe" {
		t.Errorf("transaction % x", id)
	}
	want := map[byte]string{
		optType: "\x02", optServer: "\x0a\x00\x01\x01", optLease: "\x00\x00\x0e\x10", optMask: "\xff\xff\xff\x00",
		optBroadcast: "\x0a\x00\x01\xff", optRouter: "\x0a\x00\x01\x01", optDNS: "\x0a\x00\x00\x02",
		optHostname: "ip-10-0-1-31", optDomain: "lab.internal", optMTU: "\x05\xdc",
	}
	if diff := cmp.Diff(want, dhcpOptionsOf(frame)); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestDHCP(t *testing.T) {
	const toPrimary = "eni-a1: gwA > a1 10.0.0.1:67 > 10.0.0.11:68 UDP length 340"
	const everybody = "eni-a1: gwA > * 10.0.0.1:67 > 255.255.255.255:68 UDP length 328"
	bc := func(kind byte, options ...byte) []byte {
		return dhcpFrame(macA1, "0.0.0.0", "255.255.255.255", kind, options...)
	}
	for _, tc := range []struct {
		name     string
		frame    []byte
		want     string
		wantType byte
	}{
		{"request of the primary", bc(dhcpRequest,
			append(option(optServer, "10.0.0.1"), option(optRequested, "10.0.0.11")...)...), toPrimary, dhcpAck},
		{"request of a secondary", bc(dhcpRequest, option(optRequested, "10.0.0.12")...), everybody, dhcpNak},
		{"request of another's", bc(dhcpRequest, option(optRequested, "10.0.0.21")...), everybody, dhcpNak},
		{"request of another server", bc(dhcpRequest, option(optServer, "10.0.0.9")...), "drop egress eni-a1: dhcp-ignored",
			0},
		{"renewal", func() []byte {
			f := dhcpFrame(macA1, "10.0.0.11", "10.0.0.1", dhcpRequest)
			copy(f, gwA[:])
			return f
		}(), toPrimary, dhcpAck},
		{"inform", dhcpFrame(macA1, "10.0.0.11", "255.255.255.255", dhcpInform),
			"eni-a1: gwA > a1 10.0.0.1:67 > 10.0.0.11:68 UDP length 334", dhcpAck},
		{"release", dhcpFrame(macA1, "10.0.0.11", "10.0.0.1", 7), "drop egress eni-a1: dhcp-ignored", 0},
		{"broadcast wanted", func() []byte {
			f := bc(dhcpDiscover)
			f[etherLen+28+10] = 0x80
			put16(f[etherLen+26:], 0)
			return f
		}(), "eni-a1: gwA > * 10.0.0.1:67 > 255.255.255.255:68 UDP length 340", dhcpOffer},
		{"made-up client address", func() []byte {
			f := bc(dhcpDiscover)
			copy(f[etherLen+28+28:], macX[:])
			return f
		}(), "drop egress eni-a1: dhcp-client", 0},
		{"no cookie", func() []byte { f := bc(dhcpDiscover); f[etherLen+28+236] = 0; return f }(),
			"drop egress eni-a1: malformed", 0},
		{"from an unregistered address", dhcpFrame(macA1, "10.0.0.13", "255.255.255.255", dhcpInform),
			"drop egress eni-a1: source-address", 0},
		{"a server's message", ethernet(broadcastMAC, macA1, etherIPv4, udp("10.0.0.11", 67, "255.255.255.255", 68)),
			"drop egress eni-a1: broadcast", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, testTopology(), Config{})
			b.expect("", a1, tc.frame, tc.want)
			if tc.wantType != 0 {
				if got := dhcpOptionsOf(b.out.Deliveries[0].Frame)[optType]; got != string(tc.wantType) {
					t.Errorf("message type %d, want %d", got[0], tc.wantType)
				}
			}
		})
	}
}
