// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/iam"
)

// guarded is a lab with a user, whose client has the rights set by allow.
type guarded struct {
	*lab
	user  *ec2.Client
	admin *iamsdk.Client
	store *iam.Store
	// The user's access key.
	id, word string
}

func newGuarded(t *testing.T, s ...account.Settings) *guarded {
	t.Helper()
	a := &account.Account{}
	if len(s) > 0 {
		a = settings(t, s[0])
	}
	store, err := iam.Open(iam.Config{Root: iam.Key{ID: accessKey, Secret: secretKey}, Log: slog.New(slog.DiscardHandler),
		Settings: a})
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{lab: newLab(t, func(c *Config) { c.Profiles, c.Settings = store, a }), store: store}
	server := httptest.NewServer(NewServer(g.state, store))
	t.Cleanup(server.Close)
	g.url = server.URL
	g.admin = iamsdk.New(iamsdk.Options{Region: "us-east-1", BaseEndpoint: &g.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
	must(g.admin.CreateUser(g.ctx, &iamsdk.CreateUserInput{UserName: aws.String("ann")}))(g.lab)
	k := must(g.admin.CreateAccessKey(g.ctx, &iamsdk.CreateAccessKeyInput{UserName: aws.String("ann")}))(g.lab).AccessKey
	g.id, g.word = *k.AccessKeyId, *k.SecretAccessKey
	g.user = g.client(g.id, g.word)
	return g
}

// allow replaces the user's policy by the statements.
func (g *guarded) allow(statements ...string) {
	g.t.Helper()
	document := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	must(g.admin.PutUserPolicy(g.ctx, &iamsdk.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"),
		PolicyDocument: &document}))(g.lab)
}

func statement(effect, action, resource, condition string) string {
	if condition == "" {
		condition = "{}"
	}
	return fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":%q,"Condition":%s}`, effect, action, resource, condition)
}

func (g *guarded) tag(id, key, value string) {
	g.t.Helper()
	must(g.CreateTags(g.ctx, &ec2.CreateTagsInput{Resources: []string{id},
		Tags: []types.Tag{{Key: &key, Value: &value}}}))(g.lab)
}

func TestDenied(t *testing.T) {
	g := newGuarded(t)
	g.allow(statement("Allow", "ec2:DescribeVpcs", "*", ""), statement("Deny", "ec2:DeleteVpc", "*", ""))
	must(g.user.DescribeVpcs(g.ctx, &ec2.DescribeVpcsInput{}))(g.lab)
	v := g.vpc("10.0.0.0/16")
	for _, c := range []struct {
		name string
		call func() error
		want string
	}{
		{"no resource", func() error { _, err := g.user.DescribeSubnets(g.ctx, &ec2.DescribeSubnetsInput{}); return err },
			"You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/ann is not authorized to " +
				"perform: ec2:DescribeSubnets because no identity-based policy allows the ec2:DescribeSubnets action"},
		{"a new resource", func() error {
			_, err := g.user.CreateVpc(g.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), DryRun: aws.Bool(true)})
			return err
		}, "is not authorized to perform: ec2:CreateVpc on resource: arn:aws:ec2:us-east-1:123456789012:vpc/* because no " +
			"identity-based policy allows the ec2:CreateVpc action"},
		{"explicitly", func() error { _, err := g.user.DeleteVpc(g.ctx, &ec2.DeleteVpcInput{VpcId: &v}); return err },
			"on resource: arn:aws:ec2:us-east-1:123456789012:vpc/" + v + " with an explicit deny in an identity-based policy"},
	} {
		err := c.call()
		if g.wantCode(err, "UnauthorizedOperation"); !strings.Contains(apiMessage(err), c.want) {
			t.Errorf("%s: says %q, want %q", c.name, apiMessage(err), c.want)
		}
	}
	// An unknown action is unknown to every caller.
	status, body := g.send("POST", "", "Action=CreateMoon&Version=2016-11-15", time.Now(), nil)
	if status != 400 || !strings.Contains(body, "InvalidAction") {
		t.Errorf("got %d %s", status, body)
	}
}

func TestRightsOnTaggedResources(t *testing.T) {
	g := newGuarded(t)
	s := g.subnet(g.vpc("10.0.0.0/16"), "10.0.0.0/24")
	blue, green := *g.eni(s, "").NetworkInterfaceId, *g.eni(s, "").NetworkInterfaceId
	g.tag(blue, "Cloud", "blue")
	g.tag(green, "Cloud", "green")
	assign := func(eni string) error {
		_, err := g.user.AssignPrivateIpAddresses(g.ctx,
			&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &eni, SecondaryPrivateIpAddressCount: aws.Int32(1)})
		return err
	}
	for _, c := range []struct{ statement, blue, green string }{
		{statement("Allow", "ec2:AssignPrivateIpAddresses", "arn:aws:ec2:*:*:network-interface/*",
			`{"StringEquals":{"aws:ResourceTag/Cloud":"blue"}}`), "", "UnauthorizedOperation"},
		{statement("Allow", "ec2:AssignPrivateIpAddresses", "*", `{"StringEquals":{"ec2:ResourceTag/Cloud":"green"}}`),
			"UnauthorizedOperation", ""},
		{statement("Allow", "ec2:AssignPrivateIpAddresses", "arn:aws:ec2:us-east-1:123456789012:network-interface/"+blue, ""),
			"", "UnauthorizedOperation"},
		{statement("Allow", "ec2:AssignPrivateIpAddresses", "arn:aws:ec2:eu-central-1:*:network-interface/*", ""),
			"UnauthorizedOperation", "UnauthorizedOperation"},
		{statement("Allow", "ec2:AssignPrivateIpAddresses", "*",
			`{"ArnLike":{"ec2:Subnet":"arn:aws:ec2:*:*:subnet/`+s+`"},`+
				`"StringEquals":{"ec2:Region":"us-east-1","aws:RequestedRegion":"us-east-1"},`+
				`"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`), "", ""},
		{statement("Allow", "ec2:AssignPrivateIpAddresses", "*", `{"StringNotLike":{"ec2:Vpc":"*"}}`),
			"UnauthorizedOperation", "UnauthorizedOperation"},
	} {
		g.allow(c.statement)
		t.Run(c.statement, func(t *testing.T) {
			g.wantCode(assign(blue), c.blue)
			g.wantCode(assign(green), c.green)
		})
	}
}

func TestRightsOnWhatIsNamedOtherwise(t *testing.T) {
	g := newGuarded(t)
	v := g.vpc("10.0.0.0/16")
	g.gateway(v)
	s := g.subnet(v, "10.0.0.0/24")
	e := *g.eni(s, "").NetworkInterfaceId
	a := must(g.AllocateAddress(g.ctx, &ec2.AllocateAddressInput{}))(g.lab)
	association := must(g.AssociateAddress(g.ctx,
		&ec2.AssociateAddressInput{AllocationId: a.AllocationId, NetworkInterfaceId: &e}))(g.lab).AssociationId
	disassociate := func() error {
		_, err := g.user.DisassociateAddress(g.ctx, &ec2.DisassociateAddressInput{AssociationId: association})
		return err
	}
	g.allow(statement("Allow", "ec2:DisassociateAddress", "arn:aws:ec2:*:*:elastic-ip/"+*a.AllocationId, ""))
	g.wantCode(disassociate(), "UnauthorizedOperation") // the interface is checked too
	g.allow(statement("Allow", "ec2:DisassociateAddress", "arn:aws:ec2:*:*:elastic-ip/"+*a.AllocationId, ""),
		statement("Allow", "ec2:DisassociateAddress", "arn:aws:ec2:*:*:network-interface/"+e, ""))
	g.wantCode(disassociate(), "")
}

func TestRightToTagWhatIsCreated(t *testing.T) {
	g := newGuarded(t)
	create := func(value string) error {
		in := &ec2.AllocateAddressInput{}
		if value != "" {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: "elastic-ip",
				Tags: []types.Tag{{Key: aws.String("Cloud"), Value: &value}}}}
		}
		_, err := g.user.AllocateAddress(g.ctx, in)
		return err
	}
	g.allow(statement("Allow", "ec2:AllocateAddress", "*", ""))
	g.wantCode(create(""), "")
	g.wantCode(create("blue"), "UnauthorizedOperation")
	g.allow(statement("Allow", "ec2:AllocateAddress", "*",
		`{"StringEquals":{"aws:RequestTag/Cloud":"blue"},"ForAllValues:StringEquals":{"aws:TagKeys":["Cloud"]}}`),
		statement("Allow", "ec2:CreateTags", "arn:aws:ec2:*:*:elastic-ip/*",
			`{"StringEquals":{"ec2:CreateAction":"AllocateAddress"}}`))
	g.wantCode(create("blue"), "")
	g.wantCode(create("green"), "UnauthorizedOperation")
	g.wantCode(create(""), "UnauthorizedOperation")
	// The right to tag at creation does not cover existing resources.
	id := *must(g.AllocateAddress(g.ctx, &ec2.AllocateAddressInput{}))(g.lab).AllocationId
	_, err := g.user.CreateTags(g.ctx, &ec2.CreateTagsInput{Resources: []string{id},
		Tags: []types.Tag{{Key: aws.String("Cloud"), Value: aws.String("blue")}}})
	g.wantCode(err, "UnauthorizedOperation")
}

func TestRightToLaunch(t *testing.T) {
	g := newGuarded(t)
	s := g.subnet(g.vpc("10.0.0.0/16"), "10.0.0.0/24")
	launch := func(kind types.InstanceType) error {
		_, err := g.user.RunInstances(g.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: kind,
			SubnetId: &s, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
		return err
	}
	small := statement("Allow", "ec2:RunInstances", "arn:aws:ec2:*:*:instance/*",
		`{"StringEquals":{"ec2:InstanceType":"t3.micro"}}`)
	var rest []string
	for _, r := range []string{"arn:aws:ec2:*::image/*", "arn:aws:ec2:*:*:subnet/*", "arn:aws:ec2:*:*:network-interface/*",
		"arn:aws:ec2:*:*:security-group/*"} {
		rest = append(rest, statement("Allow", "ec2:RunInstances", r, ""))
	}
	g.allow(append(rest, small)...)
	err := launch("t3.micro")
	if g.wantCode(err, "UnauthorizedOperation"); !strings.Contains(apiMessage(err), "volume/*") {
		t.Errorf("says %q, want a word of the volume", apiMessage(err))
	}
	rest = append(rest, statement("Allow", "ec2:RunInstances", "arn:aws:ec2:*:*:volume/*", ""))
	g.allow(append(rest, small)...)
	g.wantCode(launch("t3.micro"), "")
	g.wantCode(launch("t3.large"), "UnauthorizedOperation")
}

// profile makes an instance profile with a role that EC2 may assume.
func (g *guarded) profile(name, role string) {
	g.t.Helper()
	must(g.admin.CreateRole(g.ctx, &iamsdk.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
			`"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))(g.lab)
	must(g.admin.CreateInstanceProfile(g.ctx, &iamsdk.CreateInstanceProfileInput{InstanceProfileName: &name}))(g.lab)
	must(g.admin.AddRoleToInstanceProfile(g.ctx,
		&iamsdk.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &role}))(g.lab)
}

func TestPassRole(t *testing.T) {
	g := newGuarded(t)
	g.profile("prof", "node")
	s := g.subnet(g.vpc("10.0.0.0/16"), "10.0.0.0/24")
	launch := func() error {
		_, err := g.user.RunInstances(g.ctx,
			&ec2.RunInstancesInput{ImageId: aws.String(stockAMI), SubnetId: &s, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
				IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("prof")}})
		return err
	}
	all := statement("Allow", "ec2:*", "*", "")
	g.allow(all)
	err := launch()
	if g.wantCode(err, "UnauthorizedOperation"); !strings.Contains(apiMessage(err),
		"iam:PassRole on resource: arn:aws:iam::123456789012:role/node") {
		t.Errorf("says %q", apiMessage(err))
	}
	g.allow(all, statement("Allow", "iam:PassRole", "arn:aws:iam::*:role/node",
		`{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}`))
	g.wantCode(launch(), "")
}

// TestInstanceRole runs an instance that uses the credentials of its role.
func TestInstanceRole(t *testing.T) {
	g := newGuarded(t)
	g.profile("prof", "node")
	s := g.subnet(g.vpc("10.0.0.0/16"), "10.0.0.0/24")
	out := must(g.RunInstances(g.ctx,
		&ec2.RunInstancesInput{ImageId: aws.String(stockAMI), SubnetId: &s, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("prof")}}))(g.lab)
	id, eni := *out.Instances[0].InstanceId, *out.Instances[0].NetworkInterfaces[0].NetworkInterfaceId
	g.wait(id, "running")
	metadata := httptest.NewServer(metadataOf(g.state, g.store, g.state,
		func(*http.Request) (string, bool) { return eni, true }))
	t.Cleanup(metadata.Close)
	inside := ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: &g.url, RetryMaxAttempts: 1,
		Credentials: aws.NewCredentialsCache(
			ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.New(imds.Options{Endpoint: metadata.URL}) }))})
	_, err := inside.DescribeVpcs(g.ctx, &ec2.DescribeVpcsInput{})
	want := "User: arn:aws:sts::123456789012:assumed-role/node/" + id + " is not authorized"
	if code(err) != "UnauthorizedOperation" || !strings.Contains(apiMessage(err), want) {
		t.Errorf("without a policy: %v, want %q", err, want)
	}
	document := `{"Version":"2012-10-17","Statement":` + statement("Allow", "ec2:Describe*", "*",
		`{"ArnEquals":{"ec2:SourceInstanceARN":"arn:aws:ec2:us-east-1:123456789012:instance/`+id+`"}}`) + `}`
	must(g.admin.PutRolePolicy(g.ctx, &iamsdk.PutRolePolicyInput{RoleName: aws.String("node"), PolicyName: aws.String("p"),
		PolicyDocument: &document}))(g.lab)
	must(inside.DescribeVpcs(g.ctx, &ec2.DescribeVpcsInput{}))(g.lab)
	_, err = inside.DeleteVpc(g.ctx, &ec2.DeleteVpcInput{VpcId: aws.String("vpc-0123456789abcdef0")})
	g.wantCode(err, "UnauthorizedOperation")
}

func TestRightToParameters(t *testing.T) {
	g := newGuarded(t)
	c := ssm.New(ssm.Options{Region: "us-east-1", BaseEndpoint: &g.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(g.id, g.word, "")})
	get := func() error {
		_, err := c.GetParameter(g.ctx, &ssm.GetParameterInput{Name: aws.String(debianParameter)})
		return err
	}
	g.wantCode(get(), "AccessDeniedException")
	g.allow(statement("Allow", "ssm:GetParameter*", "arn:aws:ssm:us-east-1::parameter/aws/service/debian/*", ""))
	g.wantCode(get(), "")
	out := must(c.GetParameters(g.ctx,
		&ssm.GetParametersInput{Names: []string{debianParameter, "/aws/service/debian/moon"}}))(g.lab)
	if len(out.Parameters) != 1 || *out.Parameters[0].Value != stockAMI || len(out.InvalidParameters) != 1 {
		t.Errorf("got %+v", out)
	}
}

func TestPresigned(t *testing.T) {
	g := newGuarded(t)
	get := func(at time.Time, expires string, spoil func(url.Values)) (int, string) {
		r, err := http.NewRequest("GET", g.url+"/?Action=DescribeVpcs&Version=2016-11-15&X-Amz-Expires="+expires, nil)
		if err != nil {
			t.Fatal(err)
		}
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		signed, _, err := v4.NewSigner().PresignHTTP(g.ctx,
			aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, r, empty, "ec2", "us-east-1", at)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(signed)
		q := u.Query()
		if spoil != nil {
			spoil(q)
		}
		u.RawQuery = q.Encode()
		res, err := http.Get(u.String())
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	for _, c := range []struct {
		name    string
		at      time.Time
		expires string
		spoil   func(url.Values)
		status  int
		want    string
	}{
		{"good", time.Now(), "60", nil, 200, "DescribeVpcsResponse"},
		{"good for long", time.Now().Add(-20 * time.Minute), "3600", nil, 200, "DescribeVpcsResponse"},
		{"ended", time.Now().Add(-2 * time.Minute), "60", nil, 400, "RequestExpired"},
		{"too long", time.Now(), "604801", nil, 400, "IncompleteSignature"},
		{"other query", time.Now(), "60", func(q url.Values) { q.Set("Action", "DescribeTags") }, 403,
			"SignatureDoesNotMatch"},
		{"longer than signed", time.Now(), "60", func(q url.Values) { q.Set("X-Amz-Expires", "120") }, 403,
			"SignatureDoesNotMatch"},
	} {
		if status, body := get(c.at, c.expires, c.spoil); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: got %d %s, want %d %s", c.name, status, body, c.status, c.want)
		}
	}
}

// A change of credits needs the right on each instance that it names.
func TestRightsOnCredits(t *testing.T) {
	g := newGuarded(t)
	s := g.subnet(g.vpc("10.0.0.0/16"), "10.0.1.0/24")
	mine, other := g.run("t3.small", *g.eni(s, "").NetworkInterfaceId), g.run("t3.small", *g.eni(s, "").NetworkInterfaceId)
	g.allow(statement("Allow", "ec2:ModifyInstanceCreditSpecification", "arn:aws:ec2:*:*:instance/"+mine, ""))
	change := func(ids ...string) error {
		in := &ec2.ModifyInstanceCreditSpecificationInput{}
		for _, id := range ids {
			in.InstanceCreditSpecifications = append(in.InstanceCreditSpecifications,
				types.InstanceCreditSpecificationRequest{InstanceId: &id, CpuCredits: aws.String("standard")})
		}
		_, err := g.user.ModifyInstanceCreditSpecification(g.ctx, in)
		return err
	}
	if err := change(mine); err != nil {
		t.Error(err)
	}
	g.wantCode(change(mine, other), "UnauthorizedOperation")
}
