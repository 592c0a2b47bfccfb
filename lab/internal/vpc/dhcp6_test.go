// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// The wire format is spelled out here, independently of the server's library (RFC 8415,
// sections 7.3 and 21).
const (
	dhcp6Solicit     = 1
	dhcp6Request     = 3
	dhcp6Confirm     = 4
	dhcp6RenewMsg    = 5
	dhcp6RebindMsg   = 6
	dhcp6Reply       = 7
	dhcp6Release     = 8
	dhcp6Decline     = 9
	dhcp6Information = 11

	opt6Client  = 1
	opt6Server  = 2
	opt6IANA    = 3
	opt6Address = 5
	opt6Status  = 13
	opt6Rapid   = 14
)

func option6(code uint16, value ...byte) []byte {
	o := binary.BigEndian.AppendUint16(nil, code)
	return append(binary.BigEndian.AppendUint16(o, uint16(len(value))), value...)
}

// eachOption6 iterates over well-formed options.
func eachOption6(b []byte, f func(code uint16, value []byte)) {
	for len(b) > 0 {
		size := int(get16(b[2:]))
		f(get16(b), b[4:4+size])
		b = b[4+size:]
	}
}

var (
	clientID = option6(opt6Client, 0, 4, 1, 2, 3)
	serverID = option6(opt6Server, append([]byte{0, 3, 0, 1}, gwA[:]...)...) // DUID-LL of an Ethernet address
)

func ia(id byte, addresses ...string) []byte {
	v := append([]byte{0, 0, 0, id}, make([]byte, 8)...)
	for _, a := range addresses {
		v = append(v, option6(opt6Address, append(netip.MustParseAddr(a).AsSlice(), make([]byte, 8)...)...)...)
	}
	return option6(opt6IANA, v...)
}

// dhcp6Frame builds a message of eni-a1.
func dhcp6Frame(kind byte, options ...[]byte) []byte {
	msg := append([]byte{kind, 7, 8, 9}, bytes.Join(options, nil)...)
	return ethernet(multicastMAC(dhcpServers), macA1, etherIPv6, udp6(llA1, 546, "ff02::1:2", 547, msg...))
}

// describe6 summarizes a reply.
func describe6(msg []byte) string {
	s := []string{map[byte]string{2: "advertise", 7: "reply"}[msg[0]]}
	eachOption6(msg[4:], func(code uint16, v []byte) {
		switch code {
		case opt6Client:
			s = append(s, "client")
		case opt6Server:
			s = append(s, "server")
		case opt6Rapid:
			s = append(s, "rapid")
		case opt6Status:
			s = append(s, fmt.Sprintf("status %d", get16(v)))
		case opt6IANA:
			s = append(s, fmt.Sprintf("ia %d", v[3]))
			eachOption6(v[12:], func(code uint16, v []byte) {
				switch code {
				case opt6Address:
					s = append(s, fmt.Sprintf("%s for %d of %d", getAddr16(v).netip(), binary.BigEndian.Uint32(v[16:]),
						binary.BigEndian.Uint32(v[20:])))
				case opt6Status:
					s = append(s, fmt.Sprintf("status %d", get16(v)))
				}
			})
		default:
			s = append(s, fmt.Sprintf("option %d", code))
		}
	})
	return strings.Join(s, ", ")
}

func TestDHCPv6(t *testing.T) {
	const address = "ia 1, 2001:db8:1000:a00::11 for 140 of 450"
	otherServer := option6(opt6Server, 0, 3, 0, 1, 1, 2, 3, 4, 5, 6)
	for _, tc := range []struct {
		name  string
		frame []byte
		want  string // the reply's summary, or the drop
	}{
		{"solicit", dhcp6Frame(dhcp6Solicit, clientID, ia(1)), "advertise, client, server, " + address},
		{"solicit, rapid", dhcp6Frame(dhcp6Solicit, clientID, ia(1), option6(opt6Rapid)),
			"reply, client, server, rapid, " + address},
		{"solicit, two associations", dhcp6Frame(dhcp6Solicit, clientID, ia(1), ia(2)),
			"advertise, client, server, " + address + ", ia 2, status 2"},
		{"solicit, of a server", dhcp6Frame(dhcp6Solicit, clientID, serverID, ia(1)), "dhcp-ignored"},
		{"solicit, of nobody", dhcp6Frame(dhcp6Solicit, ia(1)), "dhcp-ignored"},
		{"solicit, with too long an identifier", dhcp6Frame(dhcp6Solicit, option6(opt6Client, make([]byte, 131)...), ia(1)),
			"dhcp-ignored"},
		{"request", dhcp6Frame(dhcp6Request, clientID, serverID, ia(1, v6A1)), "reply, client, server, " + address},
		{"request of the second address", dhcp6Frame(dhcp6Request, clientID, serverID, ia(1, "2001:db8:1000:a00::12")),
			"reply, client, server, " + address + ", 2001:db8:1000:a00::12 for 0 of 0"},
		{"request of another server", dhcp6Frame(dhcp6Request, clientID, otherServer, ia(1)), "dhcp-ignored"},
		{"request of any server", dhcp6Frame(dhcp6Request, clientID, ia(1)), "dhcp-ignored"},
		{"renew", dhcp6Frame(dhcp6RenewMsg, clientID, serverID, ia(1, v6A1)), "reply, client, server, " + address},
		{"renew of another's", dhcp6Frame(dhcp6RenewMsg, clientID, serverID, ia(1, v6A2)),
			"reply, client, server, " + address + ", " + v6A2 + " for 0 of 0"},
		{"rebind", dhcp6Frame(dhcp6RebindMsg, clientID, ia(1, v6A1)), "reply, client, server, " + address},
		{"rebind of a server", dhcp6Frame(dhcp6RebindMsg, clientID, serverID, ia(1, v6A1)), "dhcp-ignored"},
		{"confirm", dhcp6Frame(dhcp6Confirm, clientID, ia(1, v6A1)), "reply, client, server, status 0"},
		{"confirm of another's", dhcp6Frame(dhcp6Confirm, clientID, ia(1, v6A2)), "reply, client, server, status 4"},
		{"confirm of nothing", dhcp6Frame(dhcp6Confirm, clientID), "dhcp-ignored"},
		{"release", dhcp6Frame(dhcp6Release, clientID, serverID, ia(1, v6A1)), "reply, client, server, status 0"},
		{"decline", dhcp6Frame(dhcp6Decline, clientID, serverID, ia(1, v6A1)), "reply, client, server, status 0"},
		{"information", dhcp6Frame(dhcp6Information, option6(6, 0, 23)), "reply, server"},
		{"a server's message", dhcp6Frame(dhcp6Reply, clientID, serverID), "dhcp-ignored"},
		{"options cut short", dhcp6Frame(dhcp6Solicit, clientID, []byte{0, 1, 0, 9}), "dhcp-ignored"},
		{"from an unregistered address", ethernet(multicastMAC(dhcpServers), macA1, etherIPv6,
			udp6("fe80::1", 546, "ff02::1:2", 547, 1, 2, 3, 4)), "multicast"},
		{"checksum", func() []byte { f := dhcp6Frame(dhcp6Solicit, clientID, ia(1)); f[len(f)-1]++; return f }(),
			"malformed"},
		{"to the router", func() []byte {
			msg := append([]byte{dhcp6Solicit, 1, 2, 3}, append(clientID, ia(1)...)...)
			return viaGateway6(udp6(llA1, 546, gwA6, 547, msg...))
		}(), "advertise, client, server, " + address},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, fullTopology(), Config{})
			got := b.send(a1, tc.frame)
			if len(b.out.Deliveries) == 1 {
				frame := b.out.Deliveries[0].Frame
				if want := "eni-a1: gwA > a1 [" + gwA6 + "]:547 > [" + llA1 + "]:546 UDP"; !strings.HasPrefix(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
				if tc.name != "to the router" && !bytes.Equal(frame[etherLen+49:][:3], []byte{7, 8, 9}) {
					t.Errorf("transaction % x", frame[etherLen+49:][:3])
				}
				got = describe6(frame[etherLen+48:])
			} else {
				got = strings.TrimPrefix(got, "drop egress eni-a1: ")
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDHCPv6WithoutAddress(t *testing.T) {
	topo := fullTopology()
	topo.eni("eni-a1").IPv6 = nil
	b := newBench(t, topo, Config{})
	b.send(a1, dhcp6Frame(dhcp6Solicit, clientID, ia(1)))
	got, want := describe6(b.out.Deliveries[0].Frame[etherLen+48:]), "advertise, client, server, ia 1, status 2"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
