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
	unitsStopped          model.Code = "units-stopped"
	unitsUnknown          model.Code = "units-unknown"
	certificateExpires    model.Code = "certificate-expires"
	certificateUnreadable model.Code = "certificate-unreadable"
)

// renewalOverdue is how long before its end a certificate should have been replaced: nodes renew theirs
// a month before.
const renewalOverdue = 14 * 24 * time.Hour

// renewalDue is how long before its end a certificate of one's own should be replaced.
const renewalDue = 30 * 24 * time.Hour

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
		all = append(all, d.certificateFindings(n, c, now)...)
	}
	return all
}

// certificateFindings tells that a certificate of a node ends, has ended or cannot be read.
func (d *Deployment) certificateFindings(n infra.NodeOutput, c nodeapi.Certificate, now time.Time) []model.Finding {
	if c.Error != "" {
		return []model.Finding{{
			Code: certificateUnreadable,
			Text: fmt.Sprintf("the certificate of %s in %s cannot be read: %s", n.Name, c.Path, c.Error),
			Hint: fmt.Sprintf("macaw up %s replaces it", d.Cloud.FileName()),
		}}
	}
	tls := d.Cloud.Management.TLS
	own := c.Path == nodeapi.DomainCertificate && tls.Certificate != ""
	limit := renewalOverdue
	if own {
		limit = renewalDue
	}
	left := c.Expires.Sub(now)
	if left > limit {
		return nil
	}
	ends := "ends"
	if left <= 0 {
		ends = "has ended"
	}
	f := model.Finding{
		Code: certificateExpires,
		Text: fmt.Sprintf("the certificate of %s for %s %s on %s", n.Name, strings.Join(c.Names, ", "), ends,
			c.Expires.UTC().Format(time.DateOnly)),
		Hint: fmt.Sprintf("the node renews it once a day; why it did not: "+
			"macaw ssh %s -- sudo journalctl -u macaw-certificates", d.Cloud.FileName()),
	}
	if own {
		f.Hint = fmt.Sprintf("have it renewed, put it at %s and its key at %s (%s), and run macaw up %s",
			d.Cloud.Beside(tls.Certificate), d.Cloud.Beside(tls.Key), d.Cloud.Place(placeCertificate), d.Cloud.FileName())
	}
	return []model.Finding{f}
}

// domainCertificateFindings tells that a certificate of one's own ends soon, which is read here.
func (d *Deployment) domainCertificateFindings(n infra.NodeOutput, now time.Time) []model.Finding {
	own, err := d.domainCertificate()
	if err != nil || own == nil {
		return nil // that has ended the run before
	}
	return d.certificateFindings(n, nodeapi.Certificate{
		Path: nodeapi.DomainCertificate, Names: own.Chain[0].DNSNames, Expires: own.Chain[0].NotAfter,
	}, now)
}
