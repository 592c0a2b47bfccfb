// SPDX-License-Identifier: Apache-2.0

package deploy

import (
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
	for _, c := range []struct {
		name    string
		machine nodeapi.Machine
		want    []string // parts of the findings, in order
	}{
		{"healthy", nodeapi.Machine{Certificates: []nodeapi.Certificate{until("/a", 15)}}, nil},
		{"stopped", nodeapi.Machine{Stopped: []string{"haproxy.service", "nova-api.service"}},
			[]string{"not running: haproxy.service, nova-api.service | macaw up c.yaml starts them"}},
		{"no reply of systemd", nodeapi.Machine{Unknown: "running systemctl: timeout"},
			[]string{"services of cloud-1 are running is unknown: running systemctl: timeout | macaw up c.yaml; if"}},
		{"expires", nodeapi.Machine{Certificates: []nodeapi.Certificate{until("/a", 14), until("/b", 60)}},
			[]string{"for cloud.example, 198.51.100.10 ends on 2026-12-14 | the node renews it"}},
		{"one's own has ended", nodeapi.Machine{Certificates: []nodeapi.Certificate{until(nodeapi.DomainCertificate, -1)}},
			[]string{"has ended on 2026-11-29 | put a new one at management.tls.certificate"}},
	} {
		file, err := cloud.Parse("c.yaml", []byte("name: x\ntarget: lab\n"))
		if err != nil {
			t.Fatal(err)
		}
		file.Management.TLS.Certificate = "c.pem"
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
