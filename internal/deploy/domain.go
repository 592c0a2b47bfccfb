// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"macaw.example/internal/infra"
	"macaw.example/internal/model"
)

// domainElsewhere is the code of the finding that the cloud's domain does not lead to the cloud.
const domainElsewhere model.Code = "domain-elsewhere"

// domainFindings tells whether the operator's resolver knows the cloud's domain as the Elastic IP of its
// controller. Others may be told otherwise, for instance within a company.
func (d *Deployment) domainFindings(ctx context.Context, n infra.NodeOutput) []model.Finding {
	domain := d.Cloud.Management.Domain
	if domain == "" || n.ManagementPublic == "" {
		return nil
	}
	lookup := d.lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	found, err := lookup(ctx, "ip4", domain)
	var at []string
	for _, a := range found {
		at = append(at, a.Unmap().String())
	}
	f := model.Finding{Code: domainElsewhere, Hint: fmt.Sprintf("give %s an A record with %s where its zone is kept; "+
		"what was known before may be remembered for the time to live of its record", domain, n.ManagementPublic)}
	switch {
	case slices.Contains(at, n.ManagementPublic):
		return nil
	case len(at) > 0:
		f.Text = fmt.Sprintf("management.domain: %s resolves to %s, and not to %s, the Elastic IP of %s",
			domain, strings.Join(at, ", "), n.ManagementPublic, n.Name)
	case err != nil:
		f.Text = fmt.Sprintf("management.domain: %s cannot be resolved, so no client reaches the cloud by it: %v",
			domain, err)
	default:
		f.Text = fmt.Sprintf("management.domain: %s has no A record", domain)
	}
	return []model.Finding{f}
}

// lookup asks a resolver, as [net.Resolver.LookupNetIP] does.
type lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
