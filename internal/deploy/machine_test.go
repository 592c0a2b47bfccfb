// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
	"macaw.example/internal/nodeapi"
)

func TestMachineFindings(t *testing.T) {
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	until := func(path string, days int) nodeapi.Certificate {
		return nodeapi.Certificate{Path: path, Names: []string{"cloud.example", "198.51.100.10"},
			Expires: now.Add(time.Duration(days) * 24 * time.Hour)}
	}
	const renew = "have it renewed, put it at in/c.pem and its key at in/c.key (in/c.yaml:5:22), " +
		"and run macaw up in/c.yaml"
	for _, c := range []struct {
		name    string
		machine nodeapi.Machine
		want    []string // parts of the findings, in order
	}{
		{"healthy", nodeapi.Machine{Certificates: []nodeapi.Certificate{until("/a", 15)}}, nil},
		{"stopped", nodeapi.Machine{Stopped: []string{"haproxy.service", "nova-api.service"}},
			[]string{"not running: haproxy.service, nova-api.service | macaw up in/c.yaml starts them"}},
		{"no reply of systemd", nodeapi.Machine{Unknown: "running systemctl: timeout"},
			[]string{"services of cloud-1 are running is unknown: running systemctl: timeout | macaw up in/c.yaml; if"}},
		{"expires", nodeapi.Machine{Certificates: []nodeapi.Certificate{until("/a", 14), until("/b", 60)}},
			[]string{"for cloud.example, 198.51.100.10 ends on 2026-12-14 | the node renews it"}},
		{"one's own has ended", nodeapi.Machine{Certificates: []nodeapi.Certificate{until(nodeapi.DomainCertificate, -1)}},
			[]string{"for cloud.example, 198.51.100.10 has ended on 2026-11-29 | " + renew}},
		{"one's own, in 31 days", nodeapi.Machine{Certificates: []nodeapi.Certificate{until(nodeapi.DomainCertificate, 31)}},
			nil},
		{"one's own, in 20 days", nodeapi.Machine{Certificates: []nodeapi.Certificate{until(nodeapi.DomainCertificate, 20)}},
			[]string{"for cloud.example, 198.51.100.10 ends on 2026-12-20 | " + renew}},
		{"another's key", nodeapi.Machine{Certificates: []nodeapi.Certificate{{Path: "/c.pem", Error: "not its key"}}},
			[]string{"the certificate of cloud-1 in /c.pem cannot be read: not its key | macaw up in/c.yaml replaces it"}},
	} {
		file, err := cloud.Parse(filepath.Join("in", "c.yaml"), []byte("name: x\ntarget: lab\nmanagement:\n"+
			"  domain: cloud.example.org\n  tls: {certificate: c.pem, key: c.key}\n"))
		if err != nil {
			t.Fatal(err)
		}
		d := &Deployment{Cloud: file}
		got := d.machineFindings(infra.NodeOutput{Name: "cloud-1"}, c.machine, now)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %d findings", c.name, got, len(c.want))
			continue
		}
		for i, f := range got {
			if line := f.Text + " | " + f.Hint; !strings.Contains(line, c.want[i]) {
				t.Errorf("%s: %s; want %q", c.name, line, c.want[i])
			}
		}
	}
}
