// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"macaw.example/examples"
	awsapi "macaw.example/internal/aws"
	"macaw.example/lab/labtest"
)

// be makes the site's clients those of a user with a policy.
func (s *site) be(policy string) {
	s.t.Helper()
	ctx, root := context.Background(), iam.NewFromConfig(s.api.Config())
	name := aws.String("operator")
	if _, err := root.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Path: aws.String("/people/")}); err != nil {
		s.t.Fatal(err)
	}
	made, err := root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: name, PolicyDocument: &policy})
	if err == nil {
		_, err = root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: made.Policy.Arn})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		s.t.Fatal(err)
	}
	s.use(aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey})
}

func (s *site) use(c aws.Credentials) {
	cfg := s.api.Config()
	cfg.APIOptions = awsapi.Options
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
	s.EC2, s.IAM = ec2.NewFromConfig(cfg), iam.NewFromConfig(cfg)
	s.ask = Clients{EC2: s.EC2, Quotas: servicequotas.NewFromConfig(cfg), Keys: kms.NewFromConfig(cfg),
		Simulator: iam.NewFromConfig(cfg), Identity: sts.NewFromConfig(cfg)}
}

// What the simulation shows is told by name, before anything is made.
func TestLabSimulatedRights(t *testing.T) {
	rights := string(examples.OperatorRights)
	without := func(action string) string { return strings.Replace(rights, `"`+action+`",`, "", 1) }
	at := strings.Index(rights, "PassGatewayRoles")
	before, pass := rights[:at], rights[at:]
	bakery := before[:strings.LastIndex(before, `"iam:AddRole`)] + `"iam:GetInstanceProfile","iam:GetRole",` +
		`"iam:SimulatePrincipalPolicy"],"Resource":["*"]}]}`
	const me = "arn:aws:iam::123456789012:user/people/operator"
	for _, tt := range []struct{ name, policy, want string }{
		{"all", rights, "✓ rights: calls in dry run are permitted, and by IAM's simulation " + me + " may make all others"},
		{"no CreateRole, no TagRole", strings.Replace(without("iam:CreateRole"), `"iam:TagRole",`, "", 1),
			"✗ rights: the policies of " + me + " do not allow iam:CreateRole, iam:TagRole"},
		{"no PassRole", strings.Replace(rights, "iam:PassRole", "iam:GetRole", 1),
			"✗ rights: the policies of " + me + " do not allow iam:PassRole"},
		{"another cloud's role only", before + strings.Replace(pass, "role/macaw/*", "role/macaw/macaw-other*", 1),
			"✗ rights: the policies of " + me + " do not allow iam:PassRole"},
		{"no DetachRolePolicy", without("iam:DetachRolePolicy"),
			"? rights: the policies of " + me + " do not allow iam:DetachRolePolicy: repairs and macaw down need it"},
		{"a bakery that may only look at IAM", bakery,
			"✓ rights: calls in dry run are permitted, and by IAM's simulation " + me + " may make all others"},
		{"no CreateRoute", without("ec2:CreateRoute"),
			"? rights: the policies of " + me + " do not allow on all resources: ec2:CreateRoute; they may on the cloud's"},
		{"no simulation", without("iam:SimulatePrincipalPolicy"),
			"✓ rights: calls in dry run are permitted; IAM's and those that need the cloud's network cannot be tried (with " +
				"iam:SimulatePrincipalPolicy they could)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.policy == rights && tt.name != "all" {
				t.Fatal("the policy is unchanged")
			}
			s := newSite(t, labtest.APIOptions{ElasticIPQuota: 6})
			s.be(tt.policy)
			s.bakery = strings.HasPrefix(tt.name, "a bakery")
			c, _, checks := s.look(file)
			failed := strings.HasPrefix(tt.want, "✗")
			if err := Error(c, checks); failed != (err != nil) {
				t.Errorf("%v", err)
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

// The session of a role has the policies of the role, whose ARN has a path.
func TestLabSimulatedRole(t *testing.T) {
	ctx, s := context.Background(), newSite(t, labtest.APIOptions{ElasticIPQuota: 6})
	root := iam.NewFromConfig(s.api.Config())
	name := aws.String("deployer")
	role, err := root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, Path: aws.String("/teams/"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
			`"Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(examples.OperatorRights), `"iam:SimulatePrincipalPolicy",`,
		`"iam:SimulatePrincipalPolicy", "iam:GetRole",`, 1)
	if _, err := root.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: name,
		PolicyDocument: &more}); err != nil {
		t.Fatal(err)
	}
	s.be(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`)
	session, err := s.ask.Identity.(*sts.Client).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn,
		RoleSessionName: aws.String("ci")})
	if err != nil {
		t.Fatal(err)
	}
	s.use(aws.Credentials{AccessKeyID: *session.Credentials.AccessKeyId,
		SecretAccessKey: *session.Credentials.SecretAccessKey, SessionToken: *session.Credentials.SessionToken})
	_, _, checks := s.look(file)
	checks = slices.DeleteFunc(checks, func(c Check) bool { return c.Name != checkRights })
	if len(checks) != 1 ||
		!strings.Contains(checks[0].Text, "arn:aws:iam::123456789012:role/teams/deployer may make all") {
		t.Errorf("%v", checks)
	}
}

// simulator answers every simulation alike.
type simulator struct {
	iam.GetRoleAPIClient
	answer func(action string) (types.EvaluationResult, error)
	calls  int
}

func (s *simulator) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput,
	_ ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	s.calls++
	out := &iam.SimulatePrincipalPolicyOutput{}
	for _, action := range in.ActionNames {
		r, err := s.answer(action)
		if err == nil && len(in.ActionNames) > 1 {
			err = &smithy.GenericAPIError{Code: "InvalidInput", Message: "require different authorization information"}
		}
		if err != nil {
			return nil, err
		}
		r.EvalActionName = &action
		out.EvaluationResults = append(out.EvaluationResults, r)
	}
	return out, nil
}

// IAM may take no two actions together, name condition keys without values, and fail for one action.
func TestSimulationByAction(t *testing.T) {
	s := newSite(t, labtest.APIOptions{ElasticIPQuota: 6})
	s.be(string(examples.OperatorRights))
	s.ask.Simulator = &simulator{answer: func(action string) (r types.EvaluationResult, err error) {
		r.EvalDecision = types.PolicyEvaluationDecisionTypeAllowed
		switch action {
		case "iam:CreateRole":
			r.EvalDecision = types.PolicyEvaluationDecisionTypeImplicitDeny
		case "iam:TagRole":
			r.EvalDecision, r.MissingContextValues = types.PolicyEvaluationDecisionTypeImplicitDeny, []string{"aws:SourceVpc"}
		case "ec2:CreateVpc":
			err = &smithy.GenericAPIError{Code: "ServiceFailure", Message: "try again"}
		}
		return r, err
	}}
	_, _, checks := s.look(file)
	var got []string
	for _, c := range checks {
		if c.Name == checkRights {
			got = append(got, c.String())
		}
	}
	const me = "the policies of arn:aws:iam::123456789012:user/people/operator do not allow "
	want := []string{
		"✗ rights: " + me + "iam:CreateRole",
		"? rights: " + me + "on all resources: iam:TagRole; they may on the cloud's",
		"? rights: IAM did not simulate all of your rights: simulating ec2:CreateVpc: api error ServiceFailure: try again",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
