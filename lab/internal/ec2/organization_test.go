// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"macaw.example/lab/internal/account"
)

// withoutOwner denies VPCs without the tag owner, as organizations do.
const withoutOwner = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny",` +
	`"Action":["ec2:CreateVpc","iam:CreateRole"],"Resource":"*","Condition":{"Null":{"aws:RequestTag/owner":"true"}}}]}`

// A service control policy denies what the caller's own policies allow, to the account's root too,
// and says so.
func TestServiceControlPolicy(t *testing.T) {
	g := newGuarded(t, account.Settings{ServiceControlPolicy: withoutOwner})
	g.allow(statement("Allow", "*", "*", ""))
	const want = " is not authorized to perform: ec2:CreateVpc on resource: arn:aws:ec2:us-east-1:123456789012:vpc/* " +
		"with an explicit deny in a service control policy. Encoded authorization failure message: "
	for name, api := range map[string]*ec2.Client{"user": g.user, "root": g.client(accessKey, secretKey)} {
		_, err := api.CreateVpc(g.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), DryRun: aws.Bool(true)})
		g.wantCode(err, "UnauthorizedOperation")
		if !strings.Contains(apiMessage(err), want) {
			t.Errorf("%s: %s", name, apiMessage(err))
		}
		_, err = api.CreateVpc(g.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"),
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVpc,
				Tags: []types.Tag{{Key: aws.String("owner"), Value: aws.String("ann")}}}}})
		g.wantCode(err, "")
	}
	_, err := g.admin.CreateRole(g.ctx, &iamsdk.CreateRoleInput{RoleName: aws.String("r"),
		AssumeRolePolicyDocument: aws.String("{}")})
	g.wantCode(err, "AccessDenied")
	if !strings.Contains(apiMessage(err), "with an explicit deny in a service control policy") {
		t.Error(apiMessage(err))
	}
}

// The details of a denial can be decoded by those who have the right to.
func TestDecodeAuthorizationMessage(t *testing.T) {
	g := newGuarded(t)
	g.allow(statement("Allow", "ec2:Describe*", "*", ""))
	_, err := g.user.CreateVpc(g.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	_, encoded, ok := strings.Cut(apiMessage(err), "Encoded authorization failure message: ")
	if !ok {
		t.Fatal(apiMessage(err))
	}
	client := func(id, secret string) *sts.Client {
		return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &g.url, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")})
	}
	in := &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded}
	_, err = client(g.id, g.word).DecodeAuthorizationMessage(g.ctx, in)
	g.wantCode(err, "AccessDenied")
	out := must(client(accessKey, secretKey).DecodeAuthorizationMessage(g.ctx, in))(g.lab)
	for _, want := range []string{`"allowed":false`, `"action":"ec2:CreateVpc"`, `"explicitDeny":false`, `:user/ann"`} {
		if !strings.Contains(*out.DecodedMessage, want) {
			t.Errorf("%s lacks %s", *out.DecodedMessage, want)
		}
	}
	_, err = client(accessKey, secretKey).DecodeAuthorizationMessage(g.ctx,
		&sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String(encoded[1:])})
	g.wantCode(err, "InvalidAuthorizationMessageException")
	// A call that only reads is refused without an encoded message.
	g.allow(statement("Allow", "ec2:CreateVpc", "*", ""))
	_, err = g.user.DescribeVpcs(g.ctx, &ec2.DescribeVpcsInput{})
	if g.wantCode(err, "UnauthorizedOperation"); strings.Contains(apiMessage(err), "Encoded") {
		t.Error(apiMessage(err))
	}
}

// EC2 does not know a new instance profile yet, and its role gives no credentials.
func TestIAMDelay(t *testing.T) {
	g := newGuarded(t, account.Settings{IAMDelay: account.Duration(300 * time.Millisecond)})
	name := aws.String("r")
	must(g.admin.CreateRole(g.ctx, &iamsdk.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},` +
			`"Action":"sts:AssumeRole"}]}`)}))(g.lab)
	must(g.admin.CreateInstanceProfile(g.ctx, &iamsdk.CreateInstanceProfileInput{InstanceProfileName: name}))(g.lab)
	must(g.admin.AddRoleToInstanceProfile(g.ctx,
		&iamsdk.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: name}))(g.lab)
	api := g.client(accessKey, secretKey)
	subnet := g.subnet(g.vpc("10.0.0.0/16"), "10.0.0.0/24")
	launch := func() error {
		_, err := api.RunInstances(g.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), MinCount: aws.Int32(1),
			MaxCount: aws.Int32(1), SubnetId: &subnet,
			IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: name}})
		return err
	}
	err := launch()
	g.wantCode(err, "InvalidParameterValue")
	if !strings.Contains(apiMessage(err), "Invalid IAM Instance Profile name") {
		t.Error(apiMessage(err))
	}
	if _, _, ok := g.store.InstanceCredentials("us-east-1", "i-1", "r"); ok {
		t.Error("the new role has credentials already")
	}
	g.eventually("the profile", func() bool { return launch() == nil })
	if _, _, ok := g.store.InstanceCredentials("us-east-1", "i-1", "r"); !ok {
		t.Error("the role has no credentials")
	}
}
