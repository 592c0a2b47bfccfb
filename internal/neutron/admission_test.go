// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAdmission(t *testing.T) {
	const rulesOf = "GET /security-group-rules?direction=ingress&security_group_id=sg1&security_group_id=sg2"
	two := `"security_groups": ["sg1", "sg2"], "port_security_enabled": true`
	anyone := `{"ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "0.0.0.0/0"}`
	for _, c := range []struct {
		name, port, rules string
		forward           string // the guest's ports
		protocol          string
		closed            bool
	}{
		{name: "let in", port: two, rules: anyone},
		{name: "some let in", port: two,
			rules: `{"ethertype": "IPv4", "protocol": "6", "port_range_min": 1, "port_range_max": 1024, "remote_ip_prefix": "198.51.100.0/24"}`},
		{name: "everything let in", port: two, rules: `{"ethertype": "IPv4", "protocol": null}`},
		{name: "any protocol", port: two, rules: `{"ethertype": "IPv4", "protocol": "any"}`},
		{name: "no security", port: `"security_groups": [], "port_security_enabled": false`},
		{name: "no groups", port: `"security_groups": [], "port_security_enabled": true`, closed: true},
		{name: "no rules", port: two, closed: true},
		{name: "members only", port: two, rules: `{"ethertype": "IPv4", "protocol": null, "remote_group_id": "sg1"}`,
			closed: true},
		{name: "IPv6 only", port: two, rules: `{"ethertype": "IPv6", "protocol": null}`, closed: true},
		{name: "another protocol", port: two, rules: anyone, protocol: "udp", closed: true},
		{name: "another port", port: two, rules: anyone, forward: "23", closed: true},
		{name: "a part of the ports", port: two, rules: anyone, forward: "22-23", closed: true},
		{name: "part by part", port: two,
			rules:   anyone + `, {"ethertype": "IPv4", "protocol": "tcp", "port_range_min": 23, "port_range_max": 30}`,
			forward: "22-30"},
		{name: "up to the last port", port: two, rules: `{"ethertype": "IPv4", "protocol": "tcp"}`, forward: "65000-65535"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := newForwardCloud(t)
			cloud.answers["GET /ports?id=g1"] = `{"ports": [{"id": "g1", ` + c.port + `}]}`
			cloud.answers[rulesOf] = `{"security_group_rules": [` + c.rules + `]}`
			f := Forward{PortID: "g1", Guest: "web-1", Protocol: "tcp", Internal: PortRange{22, 22}}
			if c.protocol != "" {
				f.Protocol = c.protocol
			}
			if c.forward != "" {
				f.Internal, _ = ParsePortRange(c.forward)
			}
			got, err := cloud.Admission(context.Background(), f)
			if err != nil {
				t.Fatal(err)
			}
			want := Admission{Open: !c.closed, Groups: []string{}}
			if c.port == two {
				want.Groups = []string{"sg1", "sg2"}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
