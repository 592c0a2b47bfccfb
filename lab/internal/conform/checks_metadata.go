// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"bytes"
	"fmt"
	"strings"

	"macaw.example/lab/internal/conform/agent"
)

const (
	sourceMetadata = "EC2 User Guide, instancedata-data-retrieval"
	metadata       = "http://169.254.169.254/latest/"
)

// metadataAnswers makes requests to the metadata service from the first machine.
func (b *bench) metadataAnswers(requests ...agent.Request) []agent.Response {
	m := b.machines.a
	answer := must(b.machines.hands.perform(b.ctx, map[*machine]agent.Order{m: {Requests: requests}}, 0, nil))(b)[m]
	for i, r := range answer.Responses {
		if r.Problem != "" {
			b.end(fmt.Errorf("%s %s: %s", requests[i].Method, requests[i].URL, r.Problem))
		}
	}
	return answer.Responses
}

func get(path string) agent.Request {
	return agent.Request{Method: "GET", URL: metadata + path, Token: true}
}

var metadataChecks = []Check{
	{
		ID: "metadata-token", Title: "The metadata service wants tokens", Confidence: Documented, DataPlane: true,
		Costs: whole, Needs: booted,
		Source: "EC2 User Guide, configuring-instance-metadata-service and instancedata-data-retrieval",
		Rule: "A token is asked for with a TTL of 1 to 21600 s (400 otherwise) and not through a proxy (403); without a " +
			"token that is valid, 401",
		run: func(b *bench) {
			put := func(header ...string) agent.Request {
				r := agent.Request{Method: "PUT", URL: metadata + "api/token", Header: map[string]string{}}
				for i := 0; i+1 < len(header); i += 2 {
					r.Header[header[i]] = header[i+1]
				}
				return r
			}
			const ttl = "X-aws-ec2-metadata-token-ttl-seconds"
			for _, c := range []struct {
				what    string
				request agent.Request
				want    int
			}{
				{"a token for 60 s", put(ttl, "60"), 200},
				{"a token without a TTL", put(), 400},
				{"a token for 0 s", put(ttl, "0"), 400},
				{"a token for 21601 s", put(ttl, "21601"), 400},
				{"a token through a proxy", put(ttl, "60", "X-Forwarded-For", "192.0.2.1"), 403},
				{"a look without a token", agent.Request{Method: "GET", URL: metadata + "meta-data/"}, 401},
				{"a look with a token that is none",
					agent.Request{Method: "GET", URL: metadata + "meta-data/",
						Header: map[string]string{"X-aws-ec2-metadata-token": "moon"}}, 401},
				{"a look with a token", get("meta-data/"), 200},
				{"a path that is not there", get("meta-data/moon"), 404},
			} {
				b.want(c.what, b.metadataAnswers(c.request)[0].Status, c.want)
			}
		},
	},
	{
		ID: "metadata-hops", Title: "Tokens do not travel", Confidence: Documented, DataPlane: true, Costs: whole,
		Needs:  []string{"metadata-token"},
		Source: "EC2 User Guide, configuring-instance-metadata-service: PUT response hop limit",
		Rule:   "With a hop limit of 1 the packet with a token has the TTL 1; one with another answer has a larger one",
		run: func(b *bench) {
			m := b.machines.a
			ttl := func(r agent.Request) byte {
				r.After = lead
				o := agent.Order{Devices: []agent.Device{{MAC: m.management.mac.String(), Listen: 2 * lead}},
					Requests: []agent.Request{r}}
				answer := must(b.machines.hands.perform(b.ctx, map[*machine]agent.Order{m: o}, 0, nil))(b)[m]
				b.want("the status", answer.Responses[0].Status, 200)
				for _, f := range answer.Devices[0].Frames {
					if p, ok := parseFrame(f.Frame); ok && p.kind == etherIPv4 && len(p.payload) > 20 &&
						bytes.Contains(p.payload, []byte("HTTP/1.1 200")) {
						return p.payload[8]
					}
				}
				b.end(&Failure{"a packet of the metadata service with the answer", "none"})
				return 0
			}
			put := agent.Request{Method: "PUT", URL: metadata + "api/token",
				Header: map[string]string{"X-aws-ec2-metadata-token-ttl-seconds": "60"}}
			b.want("the TTL of a token's packet", ttl(put), byte(1))
			look := get("meta-data/instance-id")
			look.Header = map[string]string{"X-aws-ec2-metadata-token": b.metadataAnswers(put)[0].Body}
			look.Token = false
			other := ttl(look)
			b.holds(other > 1, "a TTL above 1 of another answer's packet", "%d", other)
			b.observe("other answers have the TTL %d", other)
		},
	},
	{
		ID: "metadata-interfaces", Title: "The metadata of interfaces", Confidence: Documented, DataPlane: true, Costs: whole,
		Needs:  []string{"metadata-token"},
		Source: "EC2 User Guide, ec2-instance-metadata",
		Rule: "Each interface has a folder by its MAC: its ID, device number, subnet, addresses with the primary first, " +
			"and the public addresses with what they are on",
		run: func(b *bench) {
			m := b.machines.a
			at := func(n nic) string { return "meta-data/network/interfaces/macs/" + n.mac.String() + "/" }
			public := b.metadataAnswers(get("meta-data/public-ipv4"))[0].Body
			for path, want := range map[string]string{
				"meta-data/instance-id":                m.id,
				"meta-data/local-ipv4":                 m.management.address.String(),
				"meta-data/mac":                        m.management.mac.String(),
				at(m.management) + "device-number":     "0",
				at(m.probe) + "device-number":          "1",
				at(m.probe) + "interface-id":           m.probe.eni,
				at(m.probe) + "subnet-id":              b.machines.place.subnet,
				at(m.probe) + "vpc-id":                 b.machines.place.vpc,
				at(m.probe) + "subnet-ipv4-cidr-block": b.machines.place.cidr.String(),
				at(m.probe) + "local-ipv4s":            m.probe.address.String(),
				at(m.management) + "ipv4-associations/" + strings.TrimSpace(public): m.management.address.String(),
			} {
				b.eventually(path+" is "+want, func() (string, bool) {
					body := strings.TrimSpace(b.metadataAnswers(get(path))[0].Body)
					return body, body == want
				})
			}
			for _, path := range []string{"ipv4-prefix", "ipv6-prefix", "ipv6s", "public-ipv4s"} {
				b.want(path+" of an interface without", b.metadataAnswers(get(at(m.probe) + path))[0].Status, 404)
			}
			macs := b.metadataAnswers(get("meta-data/network/interfaces/macs/"))[0].Body
			for _, n := range []nic{m.management, m.probe} {
				b.holds(strings.Contains(macs, n.mac.String()+"/"), "the list of interfaces has "+n.mac.String()+"/", "%q", macs)
			}
		},
	},
	{
		ID: "metadata-lag", Title: "When the metadata service knows a new address", Confidence: Unknown, DataPlane: true,
		Costs: whole, Needs: []string{"metadata-interfaces", "assign"},
		Source: "users' reports that it lags behind the API",
		Rule: "How long after AssignPrivateIpAddresses local-ipv4s has the address, and after " +
			"UnassignPrivateIpAddresses no more",
		run: func(b *bench) {
			m := b.machines.a
			path := "meta-data/network/interfaces/macs/" + m.probe.mac.String() + "/local-ipv4s"
			a, remove := b.secondary(130)
			defer remove()
			r := get(path)
			r.Until = a.String()
			answer := b.metadataAnswers(r)[0]
			if strings.Contains(answer.Body, a.String()) {
				b.observe("it is there after %.1f s", answer.Took.Seconds())
			} else {
				b.observe("it is not there after %.0f s", answer.Took.Seconds())
			}
			b.need(b.unassign(m.probe.eni, a.String()))
			took := b.eventually("the address is gone", func() (string, bool) {
				body := b.metadataAnswers(get(path))[0].Body
				return body, !strings.Contains(body, a.String())
			})
			b.observe("it is gone after %.1f s", took.Seconds())
		},
	},
	{
		ID: "metadata-identity", Title: "The identity document", Confidence: Documented, DataPlane: true, Costs: whole,
		Needs:  []string{"metadata-token"},
		Source: "EC2 User Guide, instance-identity-documents",
		Rule:   "The document names the instance, its type, image, zone, region, account and primary address",
		run: func(b *bench) {
			document := b.metadataAnswers(get("dynamic/instance-identity/document"))[0]
			b.want("the status", document.Status, 200)
			for _, part := range []string{
				`"instanceId"`, b.machines.a.id, `"instanceType"`, string(machineType), `"imageId"`, `"accountId"`,
				`"availabilityZone"`, b.sites.zone, `"region"`, b.cfg.Wire.Region,
				`"privateIp"`, b.machines.a.management.address.String(),
			} {
				b.holds(strings.Contains(document.Body, part), "the document has "+part, "%s", document.Body)
			}
		},
	},
}
