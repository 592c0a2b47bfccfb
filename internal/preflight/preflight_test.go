// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/images"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
	"macaw.example/lab/labtest"
)

const (
	region = "eu-central-1"
	file   = "name: first\ntarget: lab\n"
	onAWS  = "name: first\ntarget: eu-central-1\nmanagement: {allow: [0.0.0.0/0]}\n"
	key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUNTBnUUQbCZ6u14Te6i2g8VEGbQrfLUBGQq0HFdp7B macaw"
)

// site is the account of a local AWS.
type site struct {
	t   *testing.T
	api *labtest.API
	infra.Clients
	ask    Clients
	bakery bool
}

func newSite(t *testing.T, o labtest.APIOptions) *site {
	t.Helper()
	if o.Region == "" {
		o.Region = region
	}
	s := &site{t: t, api: labtest.NewAPI(t, o)}
	cfg := s.api.Config()
	cfg.APIOptions = awsapi.Options
	s.EC2, s.IAM = ec2.NewFromConfig(cfg), iam.NewFromConfig(cfg)
	s.ask = Clients{EC2: s.EC2, Quotas: servicequotas.NewFromConfig(cfg), Keys: kms.NewFromConfig(cfg),
		Simulator: iam.NewFromConfig(cfg), Identity: sts.NewFromConfig(cfg)}
	return s
}

// look makes all checks of a cloud file, as deploy does.
func (s *site) look(text string) (*cloud.Cloud, *infra.Plan, []Check) {
	s.t.Helper()
	ctx := context.Background()
	c, err := cloud.Parse("x.yaml", []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	in := Input{Wanted: infra.Wanted{Cloud: c, PublicKey: key, Bakery: s.bakery}}
	if s.bakery {
		c.Nodes[0].Roles = nil
	}
	if in.Seen, err = inventory.See(ctx, s.EC2, s.IAM, c.Name); err != nil {
		s.t.Fatal(err)
	}
	in.Wanted.Images = map[string]images.Image{}
	for _, n := range c.Nodes {
		image, err := images.Find(ctx, s.EC2, "no such packages", n.Image)
		if err != nil && !errors.Is(err, images.ErrNone) {
			s.t.Fatal(err)
		}
		if in.Wanted.Images[n.Image] = image; n.Image == "" {
			in.Wanted.Image = image
		}
	}
	if in.Account, err = Ask(ctx, s.ask, Question{Cloud: c, Region: in.Seen.Region, Bakery: in.Wanted.Bakery,
		Types: func(ctx context.Context) (infra.Types, error) { return infra.AskTypes(ctx, s.EC2, c) },
		Image: func(context.Context) (images.Image, error) { return in.Wanted.ImageOf(c.Nodes[0]), nil },
	}); err != nil {
		s.t.Fatal(err)
	}
	in.Wanted.Zone = Zone(in.Account, c, in.Seen)
	if in.Plan, err = infra.PlanUp(in.Wanted, in.Seen); err != nil {
		s.t.Fatal(err)
	}
	return c, in.Plan, Run(in)
}

// In an empty account everything passes, and nothing is unknown.
func TestLabAllPass(t *testing.T) {
	o := labtest.APIOptions{ElasticIPQuota: 6, Account: labtest.AccountSettings{VCPUQuota: 8}}
	_, _, checks := newSite(t, o).look(file)
	var got []string
	for _, c := range checks {
		got = append(got, c.String())
	}
	want := []string{
		"✓ availability zone: eu-central-1a",
		"✓ image: ami-0123456789abcdef0 debian-13-amd64-20261101-2285",
		"✓ instance type: t3.xlarge in eu-central-1a; whether AWS has capacity for it shows at the launch",
		"✓ addresses: 4 on an ENI of t3.xlarge, which takes 14 besides its primary one",
		"✓ disk: 40 GiB, and the image has 8",
		"✓ elastic ips: 5 more Elastic IPs; the account has 0 of at most 6 in the region",
		"✓ vcpus: 4 more vCPUs; the account's instances have 0 of at most 8 in the region",
		"✓ rights: calls in dry run are permitted, and the account's root user may make all others",
		"✓ disk encryption: off",
		"✓ public access: not blocked",
		"✓ instance metadata: nodes require tokens (IMDSv2)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What AWS does not offer or the account does not permit is told before anything is made, with its
// place in the file.
func TestLabRefusedInTheFile(t *testing.T) {
	missing := map[string][]string{region + "a": {"t3.xlarge", "m5.metal"}, region + "b": {"m5.metal"},
		region + "c": {"m5.metal"}}
	account := func(a labtest.AccountSettings) labtest.APIOptions { return labtest.APIOptions{Account: a} }
	for _, tt := range []struct {
		name, file string
		o          labtest.APIOptions
		want       string
	}{
		{"no such type", file + "nodes:\n  - type: t9.mega\n", labtest.APIOptions{},
			"x.yaml:4:11: nodes[0].type: AWS has no instance type t9.mega here\n" +
				"    hint: aws ec2 describe-instance-types lists them"},
		{"a type in no zone", file + "nodes:\n  - type: m5.metal\n", account(labtest.AccountSettings{MissingTypes: missing}),
			"x.yaml:4:11: nodes[0].type: no zone of the region has m5.metal\n    hint: another type, or another region"},
		{"no such zone", file + "availabilityZone: eu-central-1d\n", labtest.APIOptions{},
			"x.yaml:3:19: availabilityZone: AWS does not offer eu-central-1d to this account in eu-central-1\n" +
				"    hint: available are eu-central-1a, eu-central-1b, eu-central-1c"},
		{"not in the zone", file + "availabilityZone: eu-central-1a\n",
			account(labtest.AccountSettings{MissingTypes: missing}),
			"x.yaml:1:1: nodes[0].type: t3.xlarge is not to be had in eu-central-1a\n" +
				"    hint: zones that have it: eu-central-1b, eu-central-1c"},
		{"quota of Elastic IPs", file, labtest.APIOptions{ElasticIPQuota: 4},
			"x.yaml:1:1: lab.elasticIPQuota: the cloud needs 5 more Elastic IPs, and the account has 0 of " +
				"at most 4 in the region\n" +
				"    hint: a higher lab.elasticIPQuota, or macaw lab up --elastic-ip-quota 5; with fewer " +
				"provider.addresses, or provider.elasticIPs: on-demand, the cloud takes fewer"},
		{"quota of Elastic IPs on AWS", onAWS, labtest.APIOptions{ElasticIPQuota: 4},
			"x.yaml:1:1: provider.elasticIPs: the cloud needs 5 more Elastic IPs, and the account has 0 of " +
				"at most 4 in the region\n" +
				"    hint: release some (aws ec2 describe-addresses lists them), or ask AWS for more: Service Quotas, " +
				"L-0263D0A3; with fewer provider.addresses, or provider.elasticIPs: on-demand, the cloud takes fewer"},
		{"quota of Elastic IPs, for nodes alone", onAWS + "provider: {elasticIPs: on-demand}\nnodes:\n" +
			"  - {name: con, roles: [controller]}\n  - {name: gw, count: 5, roles: [gateway, compute]}\n",
			labtest.APIOptions{ElasticIPQuota: 5},
			"x.yaml:6:3: nodes: the cloud needs 6 more Elastic IPs for the management addresses of controller and gateways, " +
				"and the account has 0 of at most 5 in the region\n    hint: release some (aws ec2 describe-addresses lists " +
				"them), or ask AWS for more: Service Quotas, L-0263D0A3"},
		{"quota of Elastic IPs, with a NAT gateway", file + "management: {nat: gateway}\n" +
			"provider: {elasticIPs: on-demand}\nnodes: [{name: gw, roles: [controller, gateway]}, {name: cmp, roles: " +
			"[compute]}]\n", labtest.APIOptions{ElasticIPQuota: 1},
			"x.yaml:1:1: lab.elasticIPQuota: the cloud needs 2 more Elastic IPs for the management addresses of controller " +
				"and gateways and the NAT gateway, and the account has 0 of at most 1 in the region\n" +
				"    hint: a higher lab.elasticIPQuota, or macaw lab up --elastic-ip-quota 2; management.nat: instance takes " +
				"one fewer"},
		{"more addresses than the type carries", file + "provider: {addresses: 4}\nnodes: [{type: m8a.medium}]\n",
			labtest.APIOptions{},
			"x.yaml:3:23: provider.addresses: 4 are too many for m8a.medium: it carries 4 addresses on an ENI, its primary " +
				"one included\n    hint: at most 3 here, or another type for node cloud-1"},
		{"a key that is disabled", file, account(labtest.AccountSettings{Encryption: "disabled-key"}),
			"x.yaml:2:9: target: EBS encrypts the disks with key arn:aws:kms:eu-central-1:123456789012:key/" +
				"1234abcd-12ab-34cd-56ef-1234567890ab, whose state is Disabled: instances would end at their launch\n" +
				"    hint: enable it: aws kms enable-key; if it is to be deleted, first aws kms cancel-key-deletion; or " +
				"choose another default key: aws ec2 modify-ebs-default-kms-key-id, or aws ec2 " +
				"reset-ebs-default-kms-key-id for AWS's own"},
		{"quota of vCPUs", file + "nodes:\n  - type: t3.2xlarge\n", account(labtest.AccountSettings{VCPUQuota: 5}),
			"x.yaml:4:11: nodes[0].type: the cloud needs 8 more vCPUs, and the account's instances have 0 of at most 5 in the " +
				"region\n    hint: ask AWS for more: Service Quotas, ec2, L-1216C47A; or take a smaller type, or stop other " +
				"instances"},
		{"free plan", file, account(labtest.AccountSettings{FreePlan: true}),
			"x.yaml:1:1: nodes[0].type: AWS's free plan does not include t3.xlarge\n" +
				"    hint: upgrade the account to the paid plan in the console, Billing and Cost Management: the types of the " +
				"free plan are too small for OpenStack"},
		{"Block Public Access", file, account(labtest.AccountSettings{BlockPublicAccess: "block-ingress"}),
			"x.yaml:2:9: target: VPC Block Public Access is on in eu-central-1 (block-ingress): nobody would reach the cloud\n" +
				"    hint: turn it off: aws ec2 modify-vpc-block-public-access-options --internet-gateway-block-mode off; or " +
				"exclude the cloud's VPC, as docs/aws.md describes under VPC Block Public Access"},
		{"images that are not allowed", file, account(labtest.AccountSettings{ImageProviders: []string{"amazon"}}),
			"x.yaml:1:1: nodes[0].image: AWS shows no image to boot, because the account allows only images of amazon\n" +
				"    hint: allow images of Debian's account, 136693071363 (EC2 console, settings, Allowed AMIs), or name one of " +
				"the account's own, which are always allowed"},
		{"service control policy", file, account(labtest.AccountSettings{ServiceControlPolicy: `{"Version":"2012-10-17",` +
			`"Statement":[{"Effect":"Deny","Action":"ec2:CreateVpc","Resource":"*",` +
			`"Condition":{"Null":{"aws:RequestTag/owner":"true"}}}]}`}),
			"x.yaml:2:9: target: User: arn:aws:iam::123456789012:root is not authorized to perform: ec2:CreateVpc on " +
				"resource: arn:aws:ec2:eu-central-1:123456789012:vpc/* with an explicit deny in a service control policy\n" +
				"    hint: a policy of your organization forbids it, whatever your own rights: its administrators can except " +
				"the account, or say which region or tags it asks for"},
		{"no image in the region", "name: first\ntarget: lab\n", labtest.APIOptions{Region: "cn-north-1"},
			"x.yaml:1:1: nodes[0].image: Debian publishes no image of Debian 13 in cn-north-1\n" +
				"    hint: copy an image of Debian 13 for amd64 into the region, and name it here"},
		{"no such image", file + "nodes: [{image: ami-0fedcba9876543210}]\n", labtest.APIOptions{},
			"x.yaml:3:17: nodes[0].image: AWS shows no image ami-0fedcba9876543210\n" +
				"    hint: an image is of one region, and its owner says who may use it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.o.ElasticIPQuota == 0 {
				tt.o.ElasticIPQuota = 20
			}
			c, _, checks := newSite(t, tt.o).look(tt.file)
			err := Error(c, checks)
			if err == nil {
				t.Fatalf("all checks pass: %v", checks)
			}
			var e cloud.Errors
			if !errors.As(err, &e) {
				t.Errorf("it is no error of the file: %v", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What AWS does not tell before the launch is unknown and no failure.
func TestLabUnknown(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		file       string
		settings   labtest.AccountSettings
	}{
		{"a forbidden key", "? disk encryption: EBS encrypts the disks with key " +
			"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab; whether you may use it " +
			"shows at the launch, since KMS refuses to tell: The caller is not authorized to perform: kms:DescribeKey", file,
			labtest.AccountSettings{Encryption: "forbidden-key"}},
		{"the account's own key", "✓ disk encryption: with key " +
			"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab, which you may use", file,
			labtest.AccountSettings{Encryption: "customer-managed-key"}},
		{"AWS's key", "✓ disk encryption: with AWS's own key", file,
			labtest.AccountSettings{Encryption: "aws-managed-key"}},
		{"tokens", "✓ instance metadata: the account enforces tokens (IMDSv2), which nodes require anyway", file,
			labtest.AccountSettings{EnforceIMDSv2: true}},
		{"a forbidden question",
			"? public access: AWS did not tell: operation error EC2: DescribeVpcBlockPublicAccessOptions", file,
			labtest.AccountSettings{ServiceControlPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny",` +
				`"Action":["ec2:DescribeVpcBlockPublicAccessOptions","servicequotas:*"],"Resource":"*"}]}`}},
		{"a forbidden quota", "? vcpus: AWS did not tell: operation error Service Quotas: GetServiceQuota", file,
			labtest.AccountSettings{ServiceControlPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny",` +
				`"Action":"servicequotas:*","Resource":"*"}]}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, checks := newSite(t, labtest.APIOptions{ElasticIPQuota: 5, Account: tt.settings}).look(tt.file)
			if err := Error(c, checks); err != nil {
				t.Errorf("a check failed: %v", err)
			}
			var all []string
			for _, c := range checks {
				all = append(all, c.String())
			}
			if text := strings.Join(all, "\n"); !strings.Contains(text, tt.want) {
				t.Errorf("%s\nlacks %s", text, tt.want)
			}
		})
	}
}

// Without a zone in the file, the first one that offers the type is used.
func TestLabZoneThatHasTheType(t *testing.T) {
	s := newSite(t, labtest.APIOptions{Account: labtest.AccountSettings{
		MissingTypes: map[string][]string{region + "a": {"t3.xlarge"}}}})
	c, p, checks := s.look(file)
	if err := Error(c, checks); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.String(), "subnet provider 10.0.1.0/24 in eu-central-1b") {
		t.Errorf("the plan:\n%s", p)
	}
}

// With a default VPC, which most accounts have, the launch in dry run is accepted instead of refused for want of a
// subnet. The checks are the same.
func TestLabDefaultVPC(t *testing.T) {
	s := newSite(t, labtest.APIOptions{})
	_, _, without := s.look(file)
	if _, err := s.EC2.(*ec2.Client).CreateDefaultVpc(context.Background(), &ec2.CreateDefaultVpcInput{}); err != nil {
		t.Fatal(err)
	}
	_, p, with := s.look(file)
	if diff := cmp.Diff(without, with); diff != "" {
		t.Errorf("with a default VPC (-without +with):\n%s", diff)
	}
	if !strings.Contains(p.String(), "create vpc") {
		t.Errorf("the cloud would use the default VPC:\n%s", p)
	}
}

// A cloud that is up needs nothing more, whatever else the account has or forbids; a second one does.
func TestLabOfACloudThatIsUp(t *testing.T) {
	s := newSite(t, labtest.APIOptions{ElasticIPQuota: 5, Account: labtest.AccountSettings{VCPUQuota: 4}})
	_, p, checks := s.look(file)
	const want = "5 more Elastic IPs; the account has 0 of at most 5 in the region"
	if needs := Needs(checks); len(needs) != 2 || needs[0] != want {
		t.Errorf("needs %q", needs)
	}
	if _, err := infra.Apply(context.Background(), s.Clients, p, nil); err != nil {
		t.Fatal(err)
	}
	changed := labtest.AccountSettings{VCPUQuota: 4, FreePlan: true, ImageProviders: []string{"amazon"}}
	if err := s.api.SetAccount(changed); err != nil {
		t.Fatal(err)
	}
	c, p, checks := s.look(file)
	if err := Error(c, checks); err != nil || len(Needs(checks)) > 0 || !p.Empty() {
		t.Errorf("%v, %s, %q", err, p, Needs(checks))
	}
	c, _, checks = s.look("name: second\ntarget: lab\n")
	err := Error(c, checks)
	for _, want := range []string{"the account has 5 of at most 5", "the account's instances have 4 of at most 4",
		"allows only images of amazon"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a second cloud: %v, want %s", err, want)
		}
	}
}

// A VPC that the operator has made for the cloud, and excluded from Block Public Access, is used.
func TestLabExcludedVPC(t *testing.T) {
	s := newSite(t, labtest.APIOptions{})
	out, err := s.EC2.CreateVpc(context.Background(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVpc, Tags: []types.Tag{
			{Key: aws.String("macaw:cloud"), Value: aws.String("first")},
			{Key: aws.String("macaw:part"), Value: aws.String("vpc")}}}}})
	if err != nil {
		t.Fatal(err)
	}
	vpc := *out.Vpc.VpcId
	if err := s.api.SetAccount(labtest.AccountSettings{BlockPublicAccess: "block-bidirectional",
		Excluded: []string{vpc}}); err != nil {
		t.Fatal(err)
	}
	c, p, checks := s.look(file)
	if err := Error(c, checks); err != nil {
		t.Fatal(err)
	}
	if p.VPC() != vpc || strings.Contains(p.String(), "create vpc") {
		t.Errorf("the plan does not use %s:\n%s", vpc, p)
	}
	want := "✓ public access: blocked in the account (block-bidirectional), and " + vpc + " is excluded"
	if !slices.ContainsFunc(checks, func(c Check) bool { return c.String() == want }) {
		t.Errorf("%v lacks %s", checks, want)
	}
}
