// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"

	"macaw.example/internal/infra"
)

// elasticIPQuota is the quota's code in Service Quotas.
const elasticIPQuota = "L-0263D0A3"

func (r *run) elasticIPs() {
	more, q := r.Plan.ElasticIPsAtOnce(), r.Account.ElasticIPs
	switch {
	case more <= 0:
	case q.Limit < 0:
		r.add(checkElasticIPs, Unknown, "", "", "the cloud needs %d more; AWS reports no quota", more)
	case q.Held+more <= q.Limit:
		r.pass(checkElasticIPs, "%s", r.elasticIPsNeeded())
	default:
		field, hint := "provider.elasticIPs", fmt.Sprintf("release some (aws ec2 describe-addresses lists them), or ask AWS "+
			"for more: Service Quotas, %s", elasticIPQuota)
		if r.c.InLab() {
			field, hint = "lab.elasticIPQuota", fmt.Sprintf("a higher lab.elasticIPQuota, or macaw lab up --elastic-ip-quota %d",
				q.Held+more)
		}
		of := "Elastic IPs"
		if r.c.Provider.Made() > 0 {
			hint += "; with fewer provider.addresses, or provider.elasticIPs: on-demand, the cloud takes fewer"
		} else {
			of += " for the management addresses of controller and gateways"
			if r.c.UsesNATGateway() {
				of += " and the NAT gateway"
			}
			if !r.c.InLab() {
				field = "nodes"
			}
		}
		if r.c.UsesNATGateway() {
			hint += "; management.nat: instance takes one fewer"
		}
		r.add(checkElasticIPs, Failed, field, hint,
			"the cloud needs %d more %s, and the account has %d of at most %d in the region", more, of, q.Held, q.Limit)
	}
}

func (r *run) elasticIPsNeeded() string {
	more, q := r.Plan.ElasticIPsAtOnce(), r.Account.ElasticIPs
	return fmt.Sprintf("%d more Elastic IPs; the account has %d of at most %d in the region", more, q.Held, q.Limit)
}

// vcpuQuota is a quota of vCPUs: that of on-demand instances or that of Spot Instances.
type vcpuQuota struct {
	Quota
	spot  bool
	check string
	code  string
	of    string // what it counts, for display
	less  string // how to need less of it
}

func (r *run) vcpuQuotas() []vcpuQuota {
	return []vcpuQuota{
		{Quota: r.Account.VCPUs, check: checkVCPUs, code: infra.VCPUQuota, of: "the account's instances have",
			less: "take a smaller type, or stop other instances"},
		{Quota: r.Account.SpotVCPUs, check: checkSpotVCPUs, code: infra.SpotVCPUQuota, spot: true,
			of: "the account's Spot Instances have", less: "leave spot out"},
	}
}

// vcpusNeeded counts the vCPUs of the instances that will run and do not yet. Those that the quota does not
// count, because their family has one of its own, are other.
func (r *run) vcpusNeeded(spot bool) (n, other int, field string) {
	field = "nodes[0].type"
	for _, node := range r.c.Nodes {
		if node.Spot != spot || !r.Plan.Launches(node.Name) && !r.Plan.Starts(node.Name) {
			continue
		}
		if n+other == 0 {
			field = node.Field("type")
		}
		if count := int(r.Account.Types[node.Type].VCPUs); Standard(node.Type) {
			n += count
		} else {
			other += count
		}
	}
	return n, other, field
}

func (r *run) vcpus() {
	for _, q := range r.vcpuQuotas() {
		r.vcpusOf(q)
	}
}

func (r *run) vcpusOf(q vcpuQuota) {
	more, other, field := r.vcpusNeeded(q.spot)
	kind := "vCPUs"
	if q.spot {
		kind = "vCPUs of Spot Instances"
	}
	if other > 0 {
		r.add(q.check, Unknown, "", "the type's quota is among those of ec2 in Service Quotas", "%d, of a family with a "+
			"quota of its own", other)
	}
	switch {
	case more == 0:
	case r.unread(q.check, fmt.Sprintf("the cloud needs %d; a new account may have as few as 5: aws service-quotas "+
		"get-service-quota --service-code ec2 --quota-code %s", more, q.code)):
	case q.Held+more <= q.Limit:
		text := fmt.Sprintf("%d more %s; %s %d of at most %d in the region", more, kind, q.of, q.Held, q.Limit)
		if bake := r.bakeNeeds(); !q.spot && r.launches() && q.Held+more+bake > q.Limit {
			text += r.bakeText(more, bake)
		}
		r.pass(q.check, "%s", text)
	default:
		r.add(q.check, Failed, field, "ask AWS for more: Service Quotas, ec2, "+q.code+"; or "+q.less,
			"the cloud needs %d more %s, and %s %d of at most %d in the region", more, kind, q.of, q.Held, q.Limit)
	}
}

// bakeNeeds returns the vCPUs of the instance of macaw bake.
func (r *run) bakeNeeds() int { return int(r.Account.Types[r.c.Nodes[0].Type].VCPUs) }

func (r *run) bakeText(more, bake int) string {
	if bake == more {
		return ", and macaw bake meanwhile would need as many again"
	}
	return fmt.Sprintf(", and macaw bake meanwhile would need %d more", bake)
}

// Needs lists, for display, what a plan consumes of the account's quotas.
func Needs(checks []Check) (out []string) {
	for _, c := range checks {
		if c.Name == checkElasticIPs || c.Name == checkVCPUs || c.Name == checkSpotVCPUs {
			text := c.Text
			if c.Hint != "" {
				text += " (" + c.Hint + ")"
			}
			out = append(out, text)
		}
	}
	return out
}
