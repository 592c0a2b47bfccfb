// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"

	"macaw.example/internal/infra"
)

// elasticIPQuota is the quota's code in Service Quotas.
const elasticIPQuota = "L-0263D0A3"

func (r *run) elasticIPs() {
	more, q := r.Plan.ElasticIPs(), r.Account.ElasticIPs
	switch {
	case more <= 0:
	case q.Limit < 0:
		r.add(checkElasticIPs, Unknown, "", "", "the cloud needs %d more; AWS reports no quota", more)
	case q.Held+more <= q.Limit:
		r.pass(checkElasticIPs, "%s", r.elasticIPsNeeded())
	default:
		hint := fmt.Sprintf("release some (aws ec2 describe-addresses lists them), or ask AWS for more: Service Quotas, %s",
			elasticIPQuota)
		if r.c.Provider.Made() > 0 {
			hint += "; with fewer provider.addresses, or provider.elasticIPs: on-demand, the cloud takes fewer"
		}
		r.add(checkElasticIPs, Failed, "provider.elasticIPs", hint,
			"the cloud needs %d more Elastic IPs, and the account has %d of at most %d in the region", more, q.Held, q.Limit)
	}
}

func (r *run) elasticIPsNeeded() string {
	more, q := r.Plan.ElasticIPs(), r.Account.ElasticIPs
	return fmt.Sprintf("%d more Elastic IPs; the account has %d of at most %d in the region", more, q.Held, q.Limit)
}

// vcpusNeeded counts the vCPUs of the instances that will run and do not yet.
func (r *run) vcpusNeeded() (n int) {
	for _, node := range r.c.Nodes {
		if r.Plan.Launches(node.Name) || r.Plan.Starts(node.Name) {
			n += int(r.Account.Types[node.Type].VCPUs)
		}
	}
	return n
}

func (r *run) vcpus() {
	more, q := r.vcpusNeeded(), r.Account.VCPUs
	ask := "ask AWS for more: Service Quotas, ec2, " + infra.VCPUQuota +
		"; or take a smaller type, or stop other instances"
	switch {
	case more == 0:
	case !r.standard():
		r.add(checkVCPUs, Unknown, "", "the type's quota is among those of ec2 in Service Quotas", "%d, of a family with a "+
			"quota of its own", more)
	case r.unread(checkVCPUs, fmt.Sprintf("the cloud needs %d; a new account may have as few as 5: aws service-quotas "+
		"get-service-quota --service-code ec2 --quota-code %s", more, infra.VCPUQuota)):
	case q.Held+more <= q.Limit:
		r.pass(checkVCPUs, "%s", r.vcpuText())
	default:
		r.add(checkVCPUs, Failed, "nodes[0].type", ask,
			"the cloud needs %d more vCPUs, and the account's instances have %d of at most %d in the region", more, q.Held,
			q.Limit)
	}
}

func (r *run) vcpuText() string {
	more, q := r.vcpusNeeded(), r.Account.VCPUs
	text := fmt.Sprintf("%d more vCPUs; the account's instances have %d of at most %d in the region", more, q.Held,
		q.Limit)
	if r.launches() && q.Held+2*more > q.Limit {
		text += ", and macaw bake meanwhile would need as many again"
	}
	return text
}

// standard reports whether all nodes count against the known quota.
func (r *run) standard() bool {
	for _, n := range r.c.Nodes {
		if !Standard(n.Type) {
			return false
		}
	}
	return true
}

// Needs lists, for display, what a plan consumes of the account's quotas.
func Needs(checks []Check) (out []string) {
	for _, c := range checks {
		if c.Name == checkElasticIPs || c.Name == checkVCPUs {
			text := c.Text
			if c.Hint != "" {
				text += " (" + c.Hint + ")"
			}
			out = append(out, text)
		}
	}
	return out
}
