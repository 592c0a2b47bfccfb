// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/labtest"
)

const severalFile = `name: first
target: lab
provider: {addresses: 2}
nodes:
  - {name: ctl, roles: [controller], type: m7i.large, disk: 60}
  - {name: gw, roles: [gateway, compute], count: 2}
  - {name: cmp, roles: [compute], count: 3, type: t3.2xlarge, zones: [a, b], spot: true}
`

func severalSite(t *testing.T, quota int, a labtest.AccountSettings) *site {
	return newSite(t, labtest.APIOptions{Region: "us-east-1", ElasticIPQuota: quota, Account: a})
}

// Nodes that are alike are checked once, and those in other zones there. Spot Instances have a quota of their
// own.
func TestLabSeveralPass(t *testing.T) {
	s := severalSite(t, 5, labtest.AccountSettings{VCPUQuota: 14, SpotVCPUQuota: 24})
	_, plan, checks := s.look(severalFile)
	var got []string
	for _, c := range checks {
		got = append(got, c.String())
	}
	want := []string{
		"✓ availability zone: us-east-1a",
		"✓ image: ami-0123456789abcdef0 debian-13-amd64-20261101-2285",
		"✓ instance type: m7i.large in us-east-1a; whether AWS has capacity for it shows at the launch",
		"✓ disk: 60 GiB, and the image has 8",
		"✓ instance type: t3.xlarge in us-east-1a; whether AWS has capacity for it shows at the launch",
		"✓ addresses: 2 on an ENI of t3.xlarge, which takes 14 besides its primary one",
		"✓ disk: 40 GiB, and the image has 8",
		"✓ instance type: t3.2xlarge in us-east-1a; whether AWS has capacity for it shows at the launch",
		"✓ disk: 40 GiB, and the image has 8",
		"✓ instance type: t3.2xlarge in us-east-1b; whether AWS has capacity for it shows at the launch",
		"✓ disk: 40 GiB, and the image has 8",
		"✓ elastic ips: 5 more Elastic IPs; the account has 0 of at most 5 in the region",
		"✓ vcpus: 10 more vCPUs; the account's instances have 0 of at most 14 in the region",
		"✓ spot vcpus: 24 more vCPUs of Spot Instances; the account's Spot Instances have 0 of at most 24 in the region",
		"✓ rights: calls in dry run are permitted, and the account's root user may make all others",
		"✓ disk encryption: off",
		"✓ public access: not blocked",
		"✓ instance metadata: nodes require tokens (IMDSv2)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if needs := Needs(checks); len(needs) != 3 || plan.ElasticIPs() != 5 {
		t.Errorf("the cloud needs %q", needs)
	}
}

func TestLabSeveralRefused(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		account    labtest.AccountSettings
		want       string
	}{
		{"a type not in a compute's zone", severalFile,
			labtest.AccountSettings{MissingTypes: map[string][]string{"us-east-1b": {"t3.2xlarge"}}},
			"x.yaml:7:51: nodes[2].type: t3.2xlarge is not to be had in us-east-1b\n" +
				"    hint: zones that have it: us-east-1a, us-east-1c"},
		{"no such zone", strings.Replace(severalFile, "zones: [a, b]", "zones: [a, f]", 1), labtest.AccountSettings{},
			"x.yaml:7:70: nodes[2].zones: AWS does not offer us-east-1f to this account in us-east-1\n" +
				"    hint: available are us-east-1a, us-east-1b, us-east-1c"},
		{"quota of vCPUs", severalFile, labtest.AccountSettings{VCPUQuota: 9},
			"x.yaml:5:44: nodes[0].type: the cloud needs 10 more vCPUs, and the account's instances have 0 of at most 9 in " +
				"the region\n    hint: ask AWS for more: Service Quotas, ec2, L-1216C47A; or take a smaller type, or stop other " +
				"instances"},
		{"quota of Spot Instances", severalFile, labtest.AccountSettings{SpotVCPUQuota: 23},
			"x.yaml:7:51: nodes[2].type: the cloud needs 24 more vCPUs of Spot Instances, and the account's Spot Instances " +
				"have 0 of at most 23 in the region\n    hint: ask AWS for more: Service Quotas, ec2, L-34B43A08; or leave " +
				"spot out"},
		{"an image of a node", strings.Replace(severalFile, "disk: 60", "image: ami-0fedcba9876543210", 1),
			labtest.AccountSettings{}, "x.yaml:5:62: nodes[0].image: AWS shows no image ami-0fedcba9876543210\n" +
				"    hint: an image is of one region, and its owner says who may use it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, checks := severalSite(t, 20, tt.account).look(tt.file)
			err := Error(c, checks)
			if err == nil {
				t.Fatalf("all checks pass: %v", checks)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The cloud's zone is the first that has the types of the nodes there; computes elsewhere do not count.
func TestLabZoneOfSeveral(t *testing.T) {
	s := severalSite(t, 20, labtest.AccountSettings{MissingTypes: map[string][]string{
		"us-east-1a": {"m7i.large"}, "us-east-1c": {"t3.2xlarge"}}})
	_, plan, _ := s.look(strings.Replace(severalFile, "zones: [a, b]", "zones: [a]", 1))
	text := plan.String()
	for _, line := range []string{"subnet management 10.0.0.0/24 in us-east-1b",
		"subnet private 10.0.2.0/24 in us-east-1a"} {
		if !strings.Contains(text, line) {
			t.Errorf("the plan has no %q:\n%s", line, text)
		}
	}
}
