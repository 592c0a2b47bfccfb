// SPDX-License-Identifier: Apache-2.0

package iampolicy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

var update = flag.Bool("update", false, "write the golden files")

var allPolicies = model.ElasticIPPolicies()

const severalFile = `provider: {addresses: 2}
nodes:
  - {name: gw, roles: [gateway, compute], count: 2}
  - {name: ctl, roles: [controller]}
  - {name: cmp, roles: [compute], count: 2, zones: [a, b], spot: true}
`

func parse(t *testing.T, text string) *cloud.Cloud {
	t.Helper()
	c, err := cloud.Parse("x.yaml", []byte("name: first\ntarget: lab\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func policyCloud(t *testing.T, policy model.ElasticIPPolicy, pool int, ipv6 bool) *cloud.Cloud {
	t.Helper()
	file := fmt.Sprintf("provider:\n  ipv6: %t\n  elasticIPs: %s\n", ipv6, policy)
	if policy == model.ElasticIPsPool {
		ids := make([]string, pool)
		for i := range ids {
			ids[i] = fmt.Sprintf("eipalloc-%017x", i)
		}
		file += "  pool: [" + strings.Join(ids, ", ") + "]\n"
	}
	return parse(t, file)
}

func TestGatewayRights(t *testing.T) {
	clouds := map[string]*cloud.Cloud{"ipv6": policyCloud(t, model.ElasticIPsNone, 0, true)}
	for _, policy := range allPolicies {
		clouds[string(policy)] = policyCloud(t, policy, 2, false)
	}
	clouds["several"] = parse(t, severalFile)
	for name, c := range clouds {
		var got bytes.Buffer
		if err := json.Indent(&got, []byte(OfGateways(c, "eu-central-1").Text()), "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		path := filepath.Join("testdata", "rights-"+name+".json")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s; go test -update writes it anew. -want +got:\n%s", path, diff)
		}
	}
}

// The largest pool that a cloud file may have gives a policy within AWS's limit of 10,240
// characters (IAM User Guide, reference_iam-quotas).
func TestLargestPolicyFits(t *testing.T) {
	c := policyCloud(t, model.ElasticIPsPool, 80, true)
	c.Name = strings.Repeat("n", 32)
	if n := len(OfGateways(c, "us-gov-west-1").Text()); n > 10240 {
		t.Errorf("%d characters", n)
	}
	for _, h := range inventory.Holders {
		if n := len(h.RoleName(c.Name, "ap-southeast-1")); n > 64 {
			t.Errorf("a name of %d characters", n)
		}
	}
}

func TestPartitions(t *testing.T) {
	for region, want := range map[string][2]string{
		"eu-central-1":  {"arn:aws:ec2:eu-central-1:*:network-interface/*", "ec2.amazonaws.com"},
		"cn-north-1":    {"arn:aws-cn:ec2:cn-north-1:*:network-interface/*", "ec2.amazonaws.com.cn"},
		"us-gov-west-1": {"arn:aws-us-gov:ec2:us-gov-west-1:*:network-interface/*", "ec2.amazonaws.com"},
	} {
		rights := OfGateways(policyCloud(t, model.ElasticIPsNone, 0, false), region)
		if got := [2]string{rights.Statement[1].Resource[0], Trust(region).Statement[0].Principal["Service"]}; got != want {
			t.Errorf("%s: %v", region, got)
		}
	}
}

// So does that of a cloud with many gateways.
func TestPolicyOfManyGatewaysFits(t *testing.T) {
	ids := make([]string, 80)
	for i := range ids {
		ids[i] = fmt.Sprintf("eipalloc-%017x", i)
	}
	c := parse(t, "lab: {elasticIPQuota: 200}\nprovider: {ipv6: true, elasticIPs: on-demand, pool: ["+
		strings.Join(ids, ", ")+"]}\nnodes:\n  - {name: c, roles: [controller]}\n  - {name: "+strings.Repeat("g", 28)+
		", roles: [gateway, compute], count: 100}\n")
	c.Name = strings.Repeat("n", 32)
	if n := len(OfGateways(c, "us-gov-west-1").Text()); n > 10240 {
		t.Errorf("%d characters", n)
	}
}
