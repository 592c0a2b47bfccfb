// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"macaw.example/examples"
	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/infra"
)

// Simulator is the subset of IAM that this package uses; *iam.Client implements it.
type Simulator interface {
	iam.SimulatePrincipalPolicyAPIClient
	iam.GetRoleAPIClient
}

// Identity is the subset of STS that this package uses; *sts.Client implements it.
type Identity interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (
		*sts.GetCallerIdentityOutput, error)
}

// Simulated is what IAM's simulation says of the rights in examples/operator-rights.json.
type Simulated struct {
	// Principal is the ARN of the user or role, empty if there was no simulation.
	Principal string
	// Denied are the actions that its policies deny on the very resources that up would make. Doubtful are
	// those that they do not allow on all resources: they may be allowed on the cloud's.
	Denied, Doubtful []string
}

// statement is one of the policy of the operator's rights.
type statement struct {
	Sid              string
	Action, Resource []string
}

// askRights asks IAM to simulate the caller's policies (IAM User Guide,
// access_policies_testing-policies). An account's root user has no policies.
func (a *asker) askRights(ctx context.Context) error {
	if a.Simulator == nil || a.Identity == nil {
		return errors.New("no clients of IAM and STS")
	}
	me, err := a.Identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return err
	}
	principal, err := a.principal(ctx, aws.ToString(me.Arn))
	if err != nil || principal == "" {
		return err
	}
	var wanted struct{ Statement []statement }
	if err := json.Unmarshal(examples.OperatorRights, &wanted); err != nil {
		return fmt.Errorf("reading the operator's rights: %w", err)
	}
	s := Simulated{Principal: principal}
	for _, w := range wanted.Statement {
		if w.Sid == "Optional" {
			continue
		}
		resources, exact := a.resources(w.Resource, principal)
		denied, err := a.simulate(ctx, principal, w.Action, resources)
		if err != nil {
			return err
		}
		for _, action := range w.Action {
			missing, ok := denied[action]
			switch {
			case !ok:
			case exact && len(missing) == 0:
				s.Denied = append(s.Denied, action)
			default:
				s.Doubtful = append(s.Doubtful, action)
			}
		}
	}
	slices.Sort(s.Denied)
	slices.Sort(s.Doubtful)
	a.set(func() { a.Simulated = s })
	return nil
}

// principal returns the ARN of the user or role whose policies a caller has; empty for the root user. The ARN
// of a role's session lacks the role's path (IAM User Guide, reference_identifiers).
func (a *asker) principal(ctx context.Context, caller string) (string, error) {
	parts := strings.SplitN(caller, ":", 6)
	if len(parts) < 6 {
		return "", fmt.Errorf("the caller's ARN is %q", caller)
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	switch kind {
	case "root":
		return "", nil
	case "user":
		return caller, nil
	case "assumed-role":
		name, _, _ := strings.Cut(rest, "/")
		role, err := a.Simulator.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		if err == nil && role.Role != nil {
			return aws.ToString(role.Role.Arn), nil
		}
		return "arn:" + parts[1] + ":iam::" + parts[4] + ":role/" + name, nil
	}
	return "", fmt.Errorf("%s is neither a user nor a role", caller)
}

// resources are what the patterns of a statement stand for in this cloud. exact is false for *: a policy may
// be limited to resources that the simulation cannot name.
func (a *asker) resources(patterns []string, principal string) (all []string, exact bool) {
	account := strings.Split(principal, ":")
	name := infra.GatewayName(a.Cloud.Name, a.Region)
	for _, p := range patterns {
		if p == "*" {
			return []string{"*"}, false
		}
		p = strings.Replace(p, "arn:*:iam::*:", "arn:"+account[1]+":iam::"+account[4]+":", 1)
		prefix := strings.TrimSuffix(strings.TrimSuffix(p, "*"), "macaw-")
		all = append(all, prefix+name)
	}
	return all, true
}

// simulate returns the actions that are allowed on none of the resources, each with the condition keys whose
// values are missing.
func (a *asker) simulate(ctx context.Context, principal string, actions, resources []string) (
	map[string][]string, error) {
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &principal, ActionNames: actions, ResourceArns: resources,
		ContextEntries: a.context()}
	results, err := awsapi.Collect(ctx, iam.NewSimulatePrincipalPolicyPaginator(a.Simulator, in),
		func(out *iam.SimulatePrincipalPolicyOutput) []types.EvaluationResult { return out.EvaluationResults })
	if err != nil {
		return nil, err
	}
	denied, allowed := map[string][]string{}, map[string]bool{}
	for _, r := range results {
		action := aws.ToString(r.EvalActionName)
		if r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed {
			allowed[action] = true
			continue
		}
		denied[action] = append(denied[action], r.MissingContextValues...)
	}
	for action := range allowed {
		delete(denied, action)
	}
	return denied, nil
}

// context has the condition values that up's calls have.
func (a *asker) context() (all []types.ContextEntry) {
	for _, v := range [][2]string{
		{"aws:RequestedRegion", a.Region}, {"ec2:Region", a.Region},
		{"aws:RequestTag/" + awsapi.TagCloud, a.Cloud.Name}, {"aws:ResourceTag/" + awsapi.TagCloud, a.Cloud.Name},
		{"ec2:ResourceTag/" + awsapi.TagCloud, a.Cloud.Name}, {"iam:PassedToService", "ec2." + awsapi.Domain(a.Region)},
	} {
		all = append(all, types.ContextEntry{ContextKeyName: aws.String(v[0]), ContextKeyType: types.ContextKeyTypeEnumString,
			ContextKeyValues: []string{v[1]}})
	}
	return all
}
