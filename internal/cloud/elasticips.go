// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"macaw.example/internal/model"
)

// maxPool is how many allocations a pool may have. The policy of the gateways' role names each, and
// the inline policies of a role have at most 10,240 characters together (IAM User Guide,
// reference_iam-quotas).
const maxPool = 80

var allocationPattern = regexp.MustCompile(`^eipalloc-[0-9a-f]{8,17}$`)

// policies returns every policy for Elastic IPs, as a cloud file has them.
func policies() (all []string) {
	for _, p := range model.ElasticIPPolicies() {
		all = append(all, string(p))
	}
	return all
}

// policy reads the policy for Elastic IPs.
func (d *decoder) policy(path string, n ast.Node, to *model.ElasticIPPolicy) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		d.reject(path, "all makes one for each of provider.addresses, on-demand one for each floating IP, pool takes "+
			"those of provider.pool",
			"expected all, on-demand, pool or none, found a number")
		return
	}
	var s string
	if d.text(path, n, &s) {
		*to = model.ElasticIPPolicy(s)
	}
}

// releaseAfter reads how long releases of many Elastic IPs at once wait.
func (d *decoder) releaseAfter(path string, n ast.Node, to *model.Wait) {
	const never, hint = "never", `write it like 24h or 90m; 0s releases at once, "never" only when an operator agrees`
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		d.reject(path, hint, "%s has no unit", n.GetToken().Value)
		return
	}
	var s string
	if !d.text(path, n, &s) {
		return
	}
	if s == never {
		*to = model.Never
		return
	}
	after, err := time.ParseDuration(s)
	if err != nil || after < 0 {
		d.reject(path, hint, "%q is not a duration", s)
		return
	}
	*to = model.Wait(after)
}

func (d *decoder) validateElasticIPs(p Provider) {
	const policy, pool = "provider.elasticIPs", "provider.pool"
	if d.ok(policy) {
		switch known := policies(); {
		case !slices.Contains(known, string(p.ElasticIPs)):
			d.reject(policy, suggest(string(p.ElasticIPs), known), "unknown policy %q", p.ElasticIPs)
		case p.ElasticIPs == model.ElasticIPsPool && !d.has(pool):
			d.reject(policy, "provider.pool lists the allocation IDs of Elastic IPs that you have", "pool without provider.pool")
		case p.ElasticIPs == model.ElasticIPsAll && d.has(pool):
			d.reject(pool, "provider.elasticIPs: pool, on-demand or none",
				"has no effect: each address has its own Elastic IP")
		}
	}
	if !d.has(pool) || !d.ok(pool) || !d.allRead(pool) {
		return
	}
	if len(p.Pool) == 0 {
		d.reject(pool, "provider.elasticIPs: none does without Elastic IPs", "is empty")
	}
	if len(p.Pool) > maxPool {
		d.reject(pool, "", "%d are too many: a pool has at most %d", len(p.Pool), maxPool)
	}
	for i, id := range p.Pool {
		at := fmt.Sprintf("%s[%d]", pool, i)
		switch {
		case !allocationPattern.MatchString(id):
			d.reject(at, "aws ec2 describe-addresses shows it", "%q is not an allocation ID such as eipalloc-0123456789abcdef0",
				id)
		case slices.Contains(p.Pool[:i], id):
			d.reject(at, "", "duplicate %s", id)
		}
	}
}
