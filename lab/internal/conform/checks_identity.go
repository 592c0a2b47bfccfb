// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// document is a policy with what IAM may change: white space, lists of one element, and the order of elements.
const document = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Many", "Effect": "Allow", "Action": ["ec2:DescribeVpcs", "ec2:DescribeSubnets"], "Resource": ["*"]},
    {"Sid": "One", "Effect": "Deny", "Action": ["ec2:DeleteVpc"], "Resource": "*"}
  ]
}`

// same reports whether two documents have the same meaning: a list of one element is that element, and the order
// of lists does not matter.
func same(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(meaning(x), meaning(y))
}

func meaning(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = meaning(v[name])
		}
	case []any:
		var texts []string
		for _, e := range v {
			text, _ := json.Marshal(meaning(e)) // of what was JSON
			texts = append(texts, string(text))
		}
		if len(v) == 1 {
			return meaning(v[0])
		}
		slices.Sort(texts)
		return texts
	}
	return v
}

// form says what became of a document's text.
func form(sent, seen string) string {
	var compact strings.Builder
	for _, field := range strings.Fields(sent) {
		compact.WriteString(field)
	}
	switch {
	case seen == sent:
		return "as it was"
	case strings.Join(strings.Fields(seen), "") == compact.String():
		return "with other white space"
	case strings.Contains(seen, `["ec2:DeleteVpc"]`):
		return "with another order"
	}
	return "normalised: " + seen
}

var identityChecks = []Check{
	{
		ID: "iam-role", Title: "A role's life", Confidence: Documented,
		Source: "IAM API Reference, CreateRole, GetRole, DeleteRole and PutRolePolicy; IAM User Guide, " +
			"reference_iam-quotas: names are unique whatever their case",
		Rule: "A role has its path in its ARN; its name again, in another case too, is EntityAlreadyExists (409); with a " +
			"policy it is not deleted: DeleteConflict (409); one that is not there is NoSuchEntity (404); a bad document is " +
			"MalformedPolicyDocument (400)",
		run: func(b *bench) {
			name, arn := b.role()
			b.holds(strings.HasSuffix(arn, ":role"+identityPath+b.cfg.Run+"/"+name), "an ARN with path and name", "%s", arn)
			for _, again := range []string{name, strings.ToUpper(name)} {
				err := b.tryIAM(nil, "CreateRole", b.withIdentity("RoleName", again, "AssumeRolePolicyDocument", b.trust())...)
				b.wantStatus(err, 409, "the role "+again+" again", "EntityAlreadyExists")
			}
			err := b.tryIAM(nil, "PutRolePolicy", "RoleName", name, "PolicyName", "p", "PolicyDocument",
				`{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}`)
			b.wantStatus(err, 400, "a policy with another effect", "MalformedPolicyDocument")
			b.iam(nil, "PutRolePolicy", "RoleName", name, "PolicyName", "p", "PolicyDocument", document)
			err = b.tryIAM(nil, "DeleteRole", "RoleName", name)
			b.wantStatus(err, 409, "deleting a role with a policy", "DeleteConflict")
			b.iam(nil, "DeleteRolePolicy", "RoleName", name, "PolicyName", "p")
			b.eventually("the role is deleted", func() (string, bool) {
				err := b.tryIAM(nil, "DeleteRole", "RoleName", name)
				return answer(err), err == nil || code(err) == "NoSuchEntity"
			})
			b.wantStatus(b.tryIAM(nil, "DeleteRole", "RoleName", name), 404, "deleting it again", "NoSuchEntity")
		},
	},
	{
		ID: "iam-document", Title: "Documents come back", Confidence: Inferred, Needs: []string{"iam-role"},
		Source: "IAM API Reference, GetRolePolicy and GetRole: URL-encoded by RFC 3986, which is documented; HashiCorp's " +
			"awspolicyequivalence: in which form is not",
		Rule: "The documents of a role come back URL-encoded, a space as %20, and with the same meaning. Whether text, " +
			"order and lists of one element stay is observed",
		run: func(b *bench) {
			name, _ := b.role()
			b.iam(nil, "PutRolePolicy", "RoleName", name, "PolicyName", "p", "PolicyDocument", document)
			var policy struct {
				Document string `xml:"GetRolePolicyResult>PolicyDocument"`
			}
			b.eventually("the policy is known", func() (string, bool) {
				err := b.tryIAM(&policy, "GetRolePolicy", "RoleName", name, "PolicyName", "p")
				return answer(err), err == nil
			})
			var role struct {
				Document string `xml:"GetRoleResult>Role>AssumeRolePolicyDocument"`
			}
			b.iam(&role, "GetRole", "RoleName", name)
			for _, d := range []struct{ what, sent, seen string }{
				{"the inline policy", document, policy.Document}, {"the trust policy", b.trust(), role.Document},
			} {
				b.holds(!strings.ContainsAny(d.seen, `{}" +`), d.what+" is encoded by RFC 3986", "%.200s", d.seen)
				text, err := url.PathUnescape(d.seen)
				b.holds(err == nil, d.what+" can be decoded", "%.200s", d.seen)
				b.holds(same(d.sent, text), d.what+" has the meaning of "+d.sent, "%s", text)
				b.observe("%s is %s", d.what, form(d.sent, text))
			}
		},
	},
	{
		ID: "iam-simulate", Title: "Policies are simulated", Confidence: Documented, Needs: []string{"iam-role"},
		Source: "IAM API Reference, SimulatePrincipalPolicy; IAM User Guide, reference_policies_evaluation-logic",
		Rule: "What a policy allows is allowed, what it denies explicitDeny, and the rest implicitDeny; a role that does " +
			"not exist is NoSuchEntity",
		run: func(b *bench) {
			name, arn := b.role()
			b.iam(nil, "PutRolePolicy", "RoleName", name, "PolicyName", "p", "PolicyDocument", document)
			want := map[string]string{"ec2:DescribeVpcs": "allowed", "ec2:DeleteVpc": "explicitDeny",
				"ec2:DeleteSubnet": "implicitDeny"}
			b.eventually("DescribeVpcs is allowed, DeleteVpc denied, and DeleteSubnet implicitly", func() (string, bool) {
				type result struct{ EvalActionName, EvalDecision string }
				var out struct {
					Results []result `xml:"SimulatePrincipalPolicyResult>EvaluationResults>member"`
				}
				b.iam(&out, "SimulatePrincipalPolicy", "PolicySourceArn", arn, "ActionNames.member.1", "ec2:DescribeVpcs",
					"ActionNames.member.2", "ec2:DeleteVpc", "ActionNames.member.3", "ec2:DeleteSubnet")
				seen := map[string]string{}
				for _, r := range out.Results {
					seen[r.EvalActionName] = r.EvalDecision
				}
				return strings.Trim(strings.Join(pairs(seen), ", "), " "), reflect.DeepEqual(seen, want)
			})
			err := b.tryIAM(nil, "SimulatePrincipalPolicy", "PolicySourceArn", arn+"-none", "ActionNames.member.1",
				"ec2:DescribeVpcs")
			b.wantStatus(err, 404, "simulating a role that does not exist", "NoSuchEntity")
		},
	},
	{
		ID: "iam-simulate-mixed", Title: "Roles and instance profiles are simulated apart", Confidence: Inferred,
		Source: "IAM API Reference, SimulatePrincipalPolicy: InvalidInput, but not this cause; users' reports of actions " +
			"that require different authorization information",
		Rule: "Actions on roles and on instance profiles, in one call with a resource, are InvalidInput with status 400; " +
			"each kind by itself is simulated",
		Needs: []string{"iam-simulate"},
		run: func(b *bench) {
			_, arn := b.role()
			try := func(actions ...string) error {
				in := []string{"PolicySourceArn", arn, "ResourceArns.member.1", arn}
				for i, a := range actions {
					in = append(in, "ActionNames.member."+string(rune('1'+i)), a)
				}
				return b.tryIAM(nil, "SimulatePrincipalPolicy", in...)
			}
			b.wantStatus(try("iam:GetRole", "iam:GetInstanceProfile"), 400, "GetRole and GetInstanceProfile", "InvalidInput")
			grants(0, try("iam:GetRole", "iam:DeleteRole"))(b, "GetRole and DeleteRole are simulated")
		},
	},
	{
		ID: "instance-profile-delay", Title: "When EC2 knows an instance profile", Confidence: Unknown,
		Source: "IAM User Guide, troubleshoot_general: changes are not visible immediately",
		Rule:   "How long after AddRoleToInstanceProfile RunInstances knows a profile, and what it says until then",
		Needs:  []string{"iam-role", "run-refused"},
		run: func(b *bench) {
			role, _ := b.role()
			profile := b.identityName()
			b.iam(nil, "CreateInstanceProfile", b.withIdentity("InstanceProfileName", profile)...)
			b.iam(nil, "AddRoleToInstanceProfile", "InstanceProfileName", profile, "RoleName", role)
			begun, p, until := time.Now(), b.place(28), ""
			for {
				_, err := b.RunInstances(b.ctx, &ec2.RunInstancesInput{DryRun: aws.Bool(true), ImageId: aws.String(b.image()),
					InstanceType: machineType, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &p.subnet,
					IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: &profile}})
				switch {
				case code(err) == "DryRunOperation":
					b.observe("after %.1f s%s", time.Since(begun).Seconds(), until)
					return
				case time.Since(begun) > b.cfg.Patience:
					b.observe("not after %s: %s", b.cfg.Patience, answer(err))
					return
				}
				until = "; until then " + strings.ReplaceAll(answer(err), profile, "…")
				b.pause(soon)
			}
		},
	},
}

func pairs(of map[string]string) []string {
	var all []string
	for name, value := range of {
		all = append(all, name+" "+value)
	}
	slices.Sort(all)
	return all
}
