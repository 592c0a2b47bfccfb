// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/cloud"
	"macaw.example/lab/labtest"
)

// planIn plans a cloud file in an empty lab account.
func planIn(t *testing.T, l *labAccount, file string) (*Plan, error) {
	t.Helper()
	c, err := cloud.Parse("x.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	s, err := See(ctx, l.Clients, c.Name)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Ask(ctx, l.EC2, c)
	if err != nil {
		t.Fatal(err)
	}
	w := Wanted{
		Cloud:     c,
		PublicKey: labKey,
		Image:     Image{ID: "ami-0123456789abcdef0", RootDevice: "/dev/xvda", Size: 20},
	}
	return PlanIn(a, w, s)
}

// What AWS does not offer, or exceeds the account's quotas, is refused before anything is made,
// with its position in the file.
func TestLabRefusedInTheFile(t *testing.T) {
	const file = "name: first\ntarget: lab\n"
	nowhere := func(o *labtest.APIOptions) {
		o.Account.MissingTypes = map[string][]string{
			labRegion + "a": {"t3.xlarge", "m5.metal"},
			labRegion + "b": {"m5.metal"},
			labRegion + "c": {"m5.metal"},
		}
	}
	for _, tt := range []struct {
		name, file string
		quota      int
		want       string
	}{
		{"no such type", file + "nodes:\n  - type: t9.mega\n", 5,
			"x.yaml:4:11: nodes[0].type: AWS has no instance type t9.mega here\n" +
				"    hint: aws ec2 describe-instance-types lists them"},
		{"a type in no zone", file + "nodes:\n  - type: m5.metal\n", 5,
			"x.yaml:4:11: nodes[0].type: no zone of the region has m5.metal\n" +
				"    hint: another type, or another region"},
		{"no such zone", file + "availabilityZone: eu-central-1d\n", 5,
			"x.yaml:3:19: availabilityZone: AWS does not offer eu-central-1d to this account in eu-central-1\n" +
				"    hint: available are eu-central-1a, eu-central-1b, eu-central-1c"},
		{"not in the zone", file + "availabilityZone: eu-central-1a\n", 5,
			"x.yaml:1:1: nodes[0].type: t3.xlarge is not to be had in eu-central-1a\n" +
				"    hint: zones that have it: eu-central-1b, eu-central-1c"},
		{"quota", file, 4, "x.yaml:1:1: provider.elasticIPs: the cloud needs 5 more Elastic IPs, and the account has 0 of " +
			"at most 4 in the region\n" +
			"    hint: release some (aws ec2 describe-addresses lists them), or ask AWS for more: Service Quotas, L-0263D0A3; " +
			"with fewer provider.addresses, or provider.elasticIPs: on-demand, the cloud takes fewer"},
		{"more addresses than the type carries", file + "provider: {addresses: 4}\nnodes: [{type: m8a.medium}]\n", 20,
			"x.yaml:3:23: provider.addresses: 4 are too many for m8a.medium: it carries 4 addresses on an ENI, its primary " +
				"one included\n" +
				"    hint: at most 3 here, or another type for node cloud-1"},
		{"disk smaller than the image", file + "nodes:\n  - disk: 10\n", 5,
			"x.yaml:4:11: nodes[0].disk: 10 GiB is too little for image ami-0123456789abcdef0, which has 20"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, tt.quota, nowhere)
			_, err := planIn(t, l, tt.file)
			if err == nil {
				t.Fatal("planned")
			}
			var e cloud.Errors
			if !errors.As(err, &e) {
				t.Errorf("it is no error of the file: %v", err)
			}
			if tt.want != "" {
				if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

// Without a zone in the file, the first one that offers the type is used.
func TestLabZoneThatHasTheType(t *testing.T) {
	l := newLab(t, 5, func(o *labtest.APIOptions) {
		o.Account.MissingTypes = map[string][]string{labRegion + "a": {"t3.xlarge"}}
	})
	p, err := planIn(t, l, "name: first\ntarget: lab\n")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.String(), "subnet provider 10.0.1.0/24 in eu-central-1b") {
		t.Errorf("the plan:\n%s", p)
	}
	if _, err := apply(ctx, l.Clients, hurriedClock{}, p, nil); err != nil {
		t.Fatal(err)
	}
}

// The plan lists what it consumes of the account's quotas, and whether an image can be baked at the
// same time.
func TestLabPlanNeeds(t *testing.T) {
	for quota, want := range map[int]string{
		5: "  needs 5 more Elastic IPs; the account has 0 of at most 5 in the region, and macaw bake meanwhile would need " +
			"one more\n",
		6: "  needs 5 more Elastic IPs; the account has 0 of at most 6 in the region\n",
	} {
		p, err := planIn(t, newLab(t, quota), "name: first\ntarget: lab\n")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(p.String(), want) || !strings.Contains(p.String(), "  needs 4 vCPUs;") {
			t.Errorf("with %d:\n%s", quota, p)
		}
	}
	// An existing cloud needs nothing more, whatever else the account has.
	l := newLab(t, 5)
	p, err := planIn(t, l, "name: first\ntarget: lab\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apply(ctx, l.Clients, hurriedClock{}, p, nil); err != nil {
		t.Fatal(err)
	}
	if p, err = planIn(t, l, "name: first\ntarget: lab\n"); err != nil || len(p.Needs) > 0 || !p.Empty() {
		t.Errorf("%v, %s", err, p)
	}
	// Another one does.
	if _, err := planIn(t, l, "name: second\ntarget: lab\n"); err == nil ||
		!strings.Contains(err.Error(), "the account has 5 of at most 5") {
		t.Errorf("a second cloud: %v", err)
	}
	if _, err := l.root.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{}); err != nil {
		t.Error(err)
	}
}
