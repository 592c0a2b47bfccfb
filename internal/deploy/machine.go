// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"strings"
	"time"

	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// Codes of findings about a node's machine.
const (
	unitsStopped       model.Code = "units-stopped"
	unitsUnknown       model.Code = "units-unknown"
	certificateExpires model.Code = "certificate-expires"
)

// renewalOverdue is how long before its end a certificate should have been replaced: nodes renew theirs
// a month before.
const renewalOverdue = 14 * 24 * time.Hour

// machineFindings returns the problems of a node's services and certificates.
func (d *Deployment) machineFindings(n infra.NodeOutput, m nodeapi.Machine, now time.Time) []model.Finding {
	var all []model.Finding
	if len(m.Stopped) > 0 {
		all = append(all, model.Finding{
			Code: unitsStopped,
			Text: fmt.Sprintf("services of %s are not running: %s", n.Name, strings.Join(m.Stopped, ", ")),
			Hint: fmt.Sprintf("macaw up %s starts them; why they ended: macaw ssh %[1]s -- sudo journalctl -u %s",
				d.Cloud.FileName(), m.Stopped[0]),
		})
	}
	if m.Unknown != "" {
		all = append(all, model.Finding{
			Code: unitsUnknown,
			Text: fmt.Sprintf("which services of %s are running is unknown: %s", n.Name, m.Unknown),
			Hint: fmt.Sprintf("macaw up %s; if that does not help: macaw ssh %[1]s -- systemctl --failed",
				d.Cloud.FileName()),
		})
	}
	for _, c := range m.Certificates {
		left := c.Expires.Sub(now)
		if left > renewalOverdue {
			continue
		}
		f := model.Finding{Code: certificateExpires, Hint: fmt.Sprintf("the node renews it once a day; why it did not: "+
			"macaw ssh %s -- sudo journalctl -u macaw-certificates", d.Cloud.FileName())}
		f.Text = fmt.Sprintf("the certificate of %s for %s ends on %s", n.Name, strings.Join(c.Names, ", "),
			c.Expires.Format(time.DateOnly))
		if left <= 0 {
			f.Text = fmt.Sprintf("the certificate of %s for %s has ended on %s", n.Name, strings.Join(c.Names, ", "),
				c.Expires.Format(time.DateOnly))
		}
		if c.Path == nodeapi.DomainCertificate && d.Cloud.Management.TLS.Certificate != "" {
			f.Hint = fmt.Sprintf("put a new one at management.tls.certificate and run macaw up %s", d.Cloud.FileName())
		}
		all = append(all, f)
	}
	return all
}
