// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"macaw.example/examples"
	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
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
	// Denied are the actions that its policies deny on the very resources that up would make. Later are those
	// that only a repair and down call. Doubtful are those that they do not allow on all resources: they may be
	// allowed on the cloud's.
	Denied, Later, Doubtful []string
	// Untold is why some of them could not be simulated, nil if all were.
	Untold error
}

// statement is one of the policy of the operator's rights.
type statement struct {
	Sid              string
	Action, Resource []string
}

// askRights asks IAM to simulate the caller's policies (IAM User Guide,
// access_policies_testing-policies). An account's root user has no policies.
func (a *asker) askRights(ctx context.Context) error {
	if a.Identity == nil {
		return errors.New("no client of STS")
	}
	me, err := a.Identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return err
	}
	a.set(func() { a.Caller = &Caller{Account: aws.ToString(me.Account), ARN: aws.ToString(me.Arn)} })
	if a.Simulator == nil {
		return errors.New("no client of IAM")
	}
	principal, err := a.principal(ctx, aws.ToString(me.Arn))
	if err != nil || principal == "" {
		return err
	}
	var wanted struct{ Statement []statement }
	if err := json.Unmarshal(examples.OperatorRights, &wanted); err != nil {
		return fmt.Errorf("reading the operator's rights: %w", err)
	}
	var all []*simulation
	var reads []func(context.Context) error
	for _, w := range wanted.Statement {
		if w.Sid == "Optional" || onRoles(w.Action) && !a.hasGateway() {
			continue
		}
		resources, exact := a.resources(w.Resource, principal)
		for _, c := range alike(w.Action, resources) {
			c.exact = exact
			all = append(all, &c)
			reads = append(reads, func(ctx context.Context) error {
				c.denied, c.untold = a.simulateAny(ctx, principal, c)
				if awsapi.Code(c.untold) == "AccessDenied" || ctx.Err() != nil {
					return c.untold // for all of them
				}
				return nil
			})
		}
	}
	if err := awsapi.Reads(ctx, reads...); err != nil {
		return err
	}
	s := Simulated{Principal: principal}
	for _, c := range all {
		s.Untold = cmp.Or(s.Untold, c.untold)
		for action, missing := range c.denied {
			switch {
			case !c.exact || len(missing) > 0:
				s.Doubtful = append(s.Doubtful, action)
			case later(action):
				s.Later = append(s.Later, action)
			default:
				s.Denied = append(s.Denied, action)
			}
		}
	}
	slices.Sort(s.Denied)
	slices.Sort(s.Later)
	slices.Sort(s.Doubtful)
	a.set(func() { a.Simulated = s })
	return nil
}

// onRoles reports whether actions are for the role of a gateway, which is of IAM.
func onRoles(actions []string) bool {
	return slices.ContainsFunc(actions, func(a string) bool { return a == "iam:CreateRole" || a == "iam:PassRole" })
}

// hasGateway reports whether the cloud has a node with such a role: a bakery has none.
func (a *asker) hasGateway() bool {
	return len(a.Cloud.With(model.Gateway)) > 0
}

// later reports whether up calls an action only to change or remove what an earlier run has made.
func later(action string) bool {
	_, name, _ := strings.Cut(action, ":")
	return slices.ContainsFunc([]string{"Delete", "Detach", "Remove", "Update"},
		func(verb string) bool { return strings.HasPrefix(name, verb) })
}

// simulation is one call: actions on resources.
type simulation struct {
	actions, resources []string
	exact              bool // the resources are the cloud's own
	// denied has the actions that it denies, with missing condition values, and untold why it could not be made.
	denied map[string][]string
	untold error
}

// alike splits actions by the type of their resources: IAM refuses to simulate, in one call, actions that
// "require different authorization information" (reported by users). An action on an instance profile has that
// in its name (Service Authorization Reference, list_awsidentityandaccessmanagementiam).
func alike(actions, resources []string) []simulation {
	const profile = "instance-profile/"
	profiles, others := simulation{}, simulation{}
	for _, r := range resources {
		if strings.Contains(r, ":"+profile) {
			profiles.resources = append(profiles.resources, r)
		} else {
			others.resources = append(others.resources, r)
		}
	}
	for _, a := range actions {
		if len(profiles.resources) > 0 && strings.Contains(a, "InstanceProfile") {
			profiles.actions = append(profiles.actions, a)
		} else {
			others.actions = append(others.actions, a)
		}
	}
	return slices.DeleteFunc([]simulation{others, profiles}, func(s simulation) bool { return len(s.actions) == 0 })
}

// simulateAny simulates each action by itself if IAM does not take them together.
func (a *asker) simulateAny(ctx context.Context, principal string, s simulation) (map[string][]string, error) {
	denied, err := a.simulate(ctx, principal, s)
	if awsapi.Code(err) != "InvalidInput" || len(s.actions) == 1 {
		return denied, err
	}
	denied, err = map[string][]string{}, nil
	for _, action := range s.actions {
		one, refused := a.simulate(ctx, principal, simulation{actions: []string{action}, resources: s.resources})
		maps.Copy(denied, one)
		if refused != nil {
			err = cmp.Or(err, fmt.Errorf("simulating %s: %w", action, refused))
		}
	}
	return denied, err
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
	name := inventory.GatewayHolder.RoleName(a.Cloud.Name, a.Region)
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
func (a *asker) simulate(ctx context.Context, principal string, s simulation) (map[string][]string, error) {
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &principal, ActionNames: s.actions,
		ResourceArns: s.resources, ContextEntries: a.context()}
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
