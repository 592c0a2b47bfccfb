// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"time"

	"macaw.example/lab/internal/conform/agent"
	"macaw.example/lab/internal/imds"
	"macaw.example/lab/internal/vpc"
)

// virtual simulates machines: the frames of their agents pass the fabric at once, on a
// simulated clock, and an Internet host answers pings.
type virtual struct {
	fabric   *vpc.Fabric
	metadata *imds.Handler
	out      vpc.Output
	// bridge forwards frames like a Linux bridge instead of by the fabric.
	bridge bool
	macs   map[string]string // MAC of each interface, to its ID
}

func (v *virtual) take(_ context.Context, both ...*machine) error {
	v.macs = map[string]string{}
	for _, m := range both {
		for _, n := range []nic{m.management, m.probe} {
			v.macs[string(n.mac)] = n.eni
		}
	}
	return nil
}

func (v *virtual) close() {}

// device is a device in a scene.
type device struct {
	m     *machine
	index int
	eni   string
}

func (v *virtual) perform(_ context.Context, orders map[*machine]agent.Order, after time.Duration,
	during func()) (map[*machine]agent.Answer, error) {
	type shot struct {
		from string
		agent.Shot
	}
	var shots []shot
	devices, answers, begun := map[string]device{}, map[*machine]agent.Answer{}, time.Now()
	for m, o := range orders {
		a := agent.Answer{Begun: begun, Devices: make([]agent.Heard, len(o.Devices))}
		for i, d := range o.Devices {
			eni := m.probe.eni
			if d.MAC == m.management.mac.String() {
				eni = m.management.eni
			}
			devices[eni] = device{m, i, eni}
			for _, s := range d.Send {
				shots = append(shots, shot{eni, s})
			}
		}
		for _, r := range o.Requests {
			ttl := 64
			v.metadata.HopLimit = func(_ *http.Request, hops int) {
				if hops > 0 {
					ttl = hops
				}
			}
			a.Responses = append(a.Responses, v.ask(m.management.eni, r))
			packet := ipv4(6, netip.MustParseAddr("169.254.169.254"), m.management.address, []byte("HTTP/1.1 200 OK"))
			packet[8] = byte(ttl)
			for i := range o.Devices {
				a.Devices[i].Frames = append(a.Devices[i].Frames,
					agent.Frame{Frame: ethernet(m.management.mac, foreignMAC, etherIPv4, packet)})
			}
		}
		answers[m] = a
	}
	slices.SortStableFunc(shots, func(a, b shot) int { return int(a.At - b.At) })
	for _, s := range shots {
		if during != nil && s.At >= after {
			during()
			during = nil
		}
		v.forward(vpc.ENIPort(s.from), s.Frame, begun.Add(s.At), func(eni string, f []byte) {
			if d, listens := devices[eni]; listens {
				h := &answers[d.m].Devices[d.index]
				h.Frames = append(h.Frames, agent.Frame{At: s.At, Frame: slices.Clone(f)})
			}
		})
	}
	return answers, nil
}

// forward forwards a frame and the replies from the Internet.
func (v *virtual) forward(from vpc.Port, f []byte, now time.Time, deliver func(eni string, f []byte)) {
	if v.bridge {
		v.flood(from.ENI, f, deliver)
		return
	}
	v.fabric.Forward(from, f, now, &v.out)
	var pongs [][]byte
	for _, d := range v.out.Deliveries {
		switch d.To.Kind {
		case vpc.PortENI:
			deliver(d.To.ENI, d.Frame)
		case vpc.PortInternet:
			if p := slices.Clone(d.Frame); p[9] == protocolICMP && p[20] == 8 {
				src, dst := slices.Clone(p[12:16]), slices.Clone(p[16:20])
				copy(p[12:], dst)
				copy(p[16:], src)
				p[20], p[22], p[23] = 0, 0, 0
				sum := checksum(p[20:])
				p[22], p[23] = byte(sum>>8), byte(sum)
				pongs = append(pongs, p)
			}
		}
	}
	for _, p := range pongs {
		v.forward(vpc.Internet, p, now, deliver)
	}
}

// flood forwards a frame to its destination, or to all if that is unknown.
func (v *virtual) flood(from string, f []byte, deliver func(eni string, f []byte)) {
	if eni, known := v.macs[string(f[:6])]; known {
		deliver(eni, f)
		return
	}
	for _, eni := range v.macs {
		if eni != from {
			deliver(eni, f)
		}
	}
}

func (v *virtual) ask(eni string, r agent.Request) agent.Response {
	do := func(method, url string, header map[string]string) *httptest.ResponseRecorder {
		req, w := httptest.NewRequest(method, url, nil), httptest.NewRecorder()
		for name, value := range header {
			req.Header.Set(name, value)
		}
		req.Header.Set("Test-Interface", eni)
		v.metadata.ServeHTTP(w, req)
		return w
	}
	header := map[string]string{}
	for name, value := range r.Header {
		header[name] = value
	}
	if r.Token {
		header["X-aws-ec2-metadata-token"] = do("PUT", metadata+"api/token",
			map[string]string{"X-aws-ec2-metadata-token-ttl-seconds": "60"}).Body.String()
	}
	w := do(r.Method, r.URL, header)
	return agent.Response{Status: w.Code, Body: w.Body.String()}
}
