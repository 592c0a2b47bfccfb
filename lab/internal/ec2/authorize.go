// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"maps"
	"net/http"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/lab/internal/ec2query"
	"macaw.example/lab/internal/iam"
	"macaw.example/lab/internal/iam/policy"
)

// question is one permission that a call requires.
type question struct {
	action   string // ec2:..., iam:PassRole
	resource string // ARN, or *
	context  policy.Context
}

// authorized refuses calls that the caller's policies do not allow. It runs before any
// closer check of the parameters, as on EC2: a caller without the right to do something
// does not learn whether it could be done.
func authorized(by Identities) Middleware {
	return func(next Handler) Handler {
		return func(s *State, c *Call) (result, error) {
			_, known := actions[c.Action]
			_, restricted := s.cfg.Settings.Settings().Organization()
			if !known || c.Caller.Root && !restricted {
				return next(s, c)
			}
			for _, q := range s.view().questions(c, by) {
				r := policy.Request{Action: q.action, Resource: q.resource, Context: q.context}
				switch decision := by.Decide(c.Caller, r); decision {
				case policy.Allow:
				default:
					return nil, unauthorized(by, c.Caller, q, decision)
				}
			}
			return next(s, c)
		}
	}
}

// unauthorized refuses a call. EC2 adds the details, encoded, to the refusals of calls that change
// something (STS API Reference, DecodeAuthorizationMessage).
func unauthorized(by Identities, who iam.Caller, q question, d policy.Decision) *APIError {
	text := "You are not authorized to perform this operation. " + notAuthorized(who, q.action, q.resource, d)
	encoder, ok := by.(MessageEncoder)
	_, action, _ := strings.Cut(q.action, ":")
	if ok && !strings.HasPrefix(action, "Describe") && !strings.HasPrefix(action, "Get") {
		text += ". Encoded authorization failure message: " +
			encoder.EncodeMessage(who, policy.Request{Action: q.action, Resource: q.resource, Context: q.context}, d)
	}
	return failStatus(http.StatusForbidden, "UnauthorizedOperation", "%s", text)
}

// MessageEncoder is an optional interface of Identities: it encodes the details of a denial.
type MessageEncoder interface {
	EncodeMessage(who iam.Caller, r policy.Request, d policy.Decision) string
}

// notAuthorized words a denial with its reason (IAM User Guide,
// troubleshoot_access-denied). A call without a resource names none.
func notAuthorized(who iam.Caller, action, resource string, d policy.Decision) string {
	text := "User: " + who.ARN + " is not authorized to perform: " + action
	if resource != "*" {
		text += " on resource: " + resource
	}
	return text + " " + d.Reason(action)
}

// questions lists the permissions that a call requires (Service Authorization
// Reference, list_amazonec2).
func (t *tx) questions(c *Call, by Identities) []question {
	base := maps.Clone(c.Request)
	if base == nil {
		base = policy.Context{}
	}
	base.Set("ec2:Region", t.cfg.Region)
	var all []question
	ask := func(action string, o object) {
		q := question{action, o.arn, maps.Clone(base)}
		maps.Copy(q.context, o.context)
		all = append(all, q)
	}
	objects := t.objectsOf(c)
	if len(objects) == 0 {
		objects = []object{{arn: "*"}}
	}
	for _, o := range objects {
		ask("ec2:"+c.Action, o)
	}
	// Creating a resource with tags requires the right to tag it (EC2 User Guide,
	// supported-iam-actions-tagging).
	for _, spec := range ec2query.TagSpecifications(c.Form) {
		o := t.fresh(spec.ResourceType, c.Form)
		o.context.Set("ec2:CreateAction", c.Action)
		ask("ec2:CreateTags", o)
	}
	for _, name := range profileParameters {
		for _, profile := range ec2query.Values(c.Form, name) {
			// The action refuses a missing profile, or one without a role.
			if role, ok := by.ProfileRole(profile); ok {
				o := object{arn: role, context: policy.Context{}}
				o.context.Set("iam:PassedToService", "ec2."+awsapi.Domain(t.cfg.Region))
				ask("iam:PassRole", o)
			}
		}
	}
	return all
}

var profileParameters = []string{"IamInstanceProfile.Arn", "IamInstanceProfile.Name"}
