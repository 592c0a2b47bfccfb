// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"macaw.example/lab/internal/iam/policy"
)

type evaluationXML struct {
	Action    string            `xml:"EvalActionName"`
	Resource  string            `xml:"EvalResourceName"`
	Decision  string            `xml:"EvalDecision"`
	Matched   members[struct{}] `xml:"MatchedStatements"`
	NoContext members[string]   `xml:"MissingContextValues"`
}

type simulationResult struct {
	EvaluationResults members[evaluationXML]
	truncated
}

// simulatePrincipalPolicy evaluates the policies of a user or role, and the organization's, for each action
// on each resource (IAM API Reference, SimulatePrincipalPolicy). The lab does not say which statements
// matched, nor which context values it would need, and takes no further policies.
func simulatePrincipalPolicy(t *tx, p *params) (any, error) {
	source, actions, resources := p.need("PolicySourceArn"), p.list("ActionNames"), p.list("ResourceArns")
	context, pg := p.contextEntries(), p.page()
	if len(actions) == 0 {
		p.wrong(invalid("1 validation error detected: Value at 'actionNames' failed to satisfy constraint: Member must not " +
			"be null"))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	who, ok := t.principal(source)
	if !ok {
		return nil, fail(http.StatusNotFound, "NoSuchEntity", "The entity with ARN %s cannot be found.", source)
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	if mixed(actions, resources) {
		return nil, fail(http.StatusBadRequest, "InvalidInput", "Invalid Input: The following actions require different "+
			"authorization information: %s.", strings.Join(actions, ", "))
	}
	as := *t
	as.who = who
	var keys []string
	all := map[string]evaluationXML{}
	for _, action := range actions {
		for _, resource := range resources {
			d := as.decide(policy.Request{Action: action, Resource: resource, Context: context})
			key := action + " " + resource
			keys = append(keys, key)
			all[key] = evaluationXML{Action: action, Resource: resource, Decision: simulated(d)}
		}
	}
	keys, more := pg.cut(keys)
	return simulationResult{membersOf(keys, func(key string) evaluationXML { return all[key] }), more}, nil
}

// mixed reports whether actions on roles and on instance profiles are simulated together, on such resources. IAM
// does not document that it refuses that; users have reported it.
func mixed(actions, resources []string) bool {
	named := slices.ContainsFunc(resources, func(r string) bool { return r != "*" })
	onProfile := func(action string) bool { return strings.Contains(action, "InstanceProfile") }
	onOther := func(action string) bool { return !onProfile(action) }
	return named && slices.ContainsFunc(actions, onProfile) && slices.ContainsFunc(actions, onOther)
}

// simulated is a decision in the words of the simulation.
func simulated(d policy.Decision) string {
	switch d {
	case policy.Allow:
		return "allowed"
	case policy.ImplicitDeny:
		return "implicitDeny"
	}
	return "explicitDeny"
}

// principal is the user or role with an ARN.
func (t *tx) principal(arn string) (Caller, bool) {
	name := lastPart(arn)
	u, r := t.Users[name], t.Roles[name]
	switch {
	case u != nil && t.userARN(u) == arn:
		return t.userCaller(u), true
	case r != nil && t.roleARN(r) == arn:
		return Caller{ARN: arn, ID: r.ID, Account: t.cfg.Account, role: name, tags: r.Tags, issued: t.now}, true
	}
	return Caller{}, false
}

// contextEntries reads the values of condition keys. The types are not checked.
func (p *params) contextEntries() policy.Context {
	c := policy.Context{}
	for i := 1; p.form.Has("ContextEntries.member." + strconv.Itoa(i) + ".ContextKeyName"); i++ {
		at := "ContextEntries.member." + strconv.Itoa(i)
		p.text(at + ".ContextKeyType")
		c.Set(p.text(at+".ContextKeyName"), p.list(at+".ContextKeyValues")...)
	}
	return c
}

// aboutSource is the principal whose policies are simulated.
func aboutSource(_ *tx, p *params) string { return p.form.Get("PolicySourceArn") }
