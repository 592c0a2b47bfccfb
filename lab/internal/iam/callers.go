// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"macaw.example/lab/internal/iam/policy"
)

// Reasons for refusing credentials. Each service words them differently.
var (
	ErrUnknownKey = errors.New("the access key is unknown, inactive, or not the session token's")
	ErrExpired    = errors.New("the session has expired")
)

// Caller is the identity that signed a request.
type Caller struct {
	ARN     string
	ID      string // such as AROA...:i-0123456789abcdef0
	Account string
	// Root may do everything, regardless of policies.
	Root bool

	user     string // name
	role     string // name
	tags     map[string]string
	issued   time.Time // of a session
	mfa      time.Time // when the user gave a code of an MFA device
	instance string    // of an instance's role: the instance's ARN
}

// Operator returns the caller with an account's root key.
func Operator(partition, account string) Caller {
	return Caller{ARN: "arn:" + partition + ":iam::" + account + ":root", ID: account, Account: account, Root: true}
}

// Authenticate returns the secret of an access key and its owner. token is the
// request's session token, or empty.
func (s *Store) Authenticate(accessKey, token string) (secret string, who Caller, err error) {
	if strings.HasPrefix(accessKey, prefixSession) {
		return s.authenticateSession(accessKey, token)
	}
	if token != "" {
		return "", Caller{}, ErrUnknownKey
	}
	if accessKey == s.cfg.Root.ID {
		return s.cfg.Root.Secret, Operator(s.cfg.partition(), s.cfg.Account), nil
	}
	t := s.view(Caller{})
	k := t.Keys[accessKey]
	if k == nil || k.Status != keyActive || t.Users[k.User] == nil {
		return "", Caller{}, ErrUnknownKey
	}
	return k.Secret, t.userCaller(t.Users[k.User]), nil
}

func (t *tx) userCaller(u *userRecord) Caller {
	return Caller{ARN: t.userARN(u), ID: u.ID, Account: t.cfg.Account, user: u.Name, tags: u.Tags}
}

// sessionToken reports whether the caller has credentials of GetSessionToken.
func (who Caller) sessionToken() bool { return !who.issued.IsZero() && who.role == "" }

// policies returns the documents that apply to a caller. All were validated when
// stored; one that cannot be parsed allows nothing.
func (t *tx) policies(who Caller) []policy.Document {
	var h holder
	switch {
	case t.Users[who.user] != nil:
		h = t.Users[who.user].holder
	case t.Roles[who.role] != nil:
		h = t.Roles[who.role].holder
	}
	var texts []string
	for _, text := range h.Inline {
		texts = append(texts, text)
	}
	for _, arn := range h.Attached {
		if p := t.policy(arn); p != nil {
			texts = append(texts, p.document())
		}
	}
	var all []policy.Document
	for _, text := range texts {
		if d, err := policy.Parse(text, policy.Identity); err == nil {
			all = append(all, d)
		}
	}
	return all
}

// Decide evaluates the caller's policies for a request. To the condition values in
// r.Context it adds those of the caller and the time.
func (s *Store) Decide(who Caller, r policy.Request) policy.Decision { return s.view(who).decide(r) }

// decide evaluates the service control policy of the account's organization, which applies to its
// root too, and then the caller's own policies (IAM User Guide,
// reference_policies_evaluation-logic).
func (t *tx) decide(r policy.Request) policy.Decision {
	r = t.about(t.who, r)
	organization, ok := t.cfg.Settings.Settings().Organization()
	if ok && policy.Evaluate([]policy.Document{organization}, r) == policy.ExplicitDeny {
		return policy.OrganizationDeny
	}
	if t.who.Root {
		return policy.Allow
	}
	return policy.Evaluate(t.policies(t.who), r)
}

// about adds the global condition keys (IAM User Guide,
// reference_policies_condition-keys).
func (t *tx) about(who Caller, r policy.Request) policy.Request {
	context := policy.Context{}
	for key, values := range r.Context {
		context[key] = values
	}
	context.Set("aws:PrincipalArn", t.principalARN(who))
	context.Set("aws:PrincipalAccount", who.Account)
	context.Set("aws:userid", who.ID)
	context.Set("aws:CurrentTime", t.now.UTC().Format(time.RFC3339))
	context.Set("aws:EpochTime", strconv.FormatInt(t.now.Unix(), 10))
	context.Set("aws:SecureTransport", "false")
	for key, value := range who.tags {
		context.Set("aws:PrincipalTag/"+key, value)
	}
	switch {
	case who.Root:
		context.Set("aws:PrincipalType", "Account")
	case who.user != "":
		context.Set("aws:PrincipalType", "User")
		context.Set("aws:username", who.user)
	case who.role != "":
		context.Set("aws:PrincipalType", "AssumedRole")
		context.Set("aws:TokenIssueTime", who.issued.UTC().Format(time.RFC3339))
	}
	// Requests with permanent keys have neither key (IAM User Guide, reference_policies_condition-keys,
	// aws:MultiFactorAuthPresent and aws:MultiFactorAuthAge).
	if _, given := context["aws:multifactorauthpresent"]; !given && (!who.issued.IsZero() || !who.mfa.IsZero()) {
		context.Set("aws:MultiFactorAuthPresent", strconv.FormatBool(!who.mfa.IsZero()))
	}
	if !who.mfa.IsZero() {
		context.Set("aws:MultiFactorAuthAge", strconv.Itoa(int(t.now.Sub(who.mfa).Seconds())))
	}
	if who.instance != "" {
		context.Set("ec2:SourceInstanceARN", who.instance)
		context.Set("ec2:RoleDelivery", "2.0")
	}
	r.Context = context
	return r
}

// principalARN returns the caller's ARN; for a session, that of its role.
func (t *tx) principalARN(who Caller) string {
	if role := t.Roles[who.role]; role != nil {
		return t.roleARN(role)
	}
	return who.ARN
}

// Profile finds an instance profile by name or ARN.
func (s *Store) Profile(nameOrARN string) (arn, id string, ok bool) {
	t := s.view(Caller{})
	p := t.profile(nameOrARN)
	if p == nil || t.late(p.Created) {
		return "", "", false
	}
	return t.profileARN(p), p.ID, true
}

// ProfileRole returns the ARN of the role in an instance profile; ok is false if there
// is no such profile or it has no role.
func (s *Store) ProfileRole(nameOrARN string) (arn string, ok bool) {
	t := s.view(Caller{})
	p := t.profile(nameOrARN)
	if p == nil || t.Roles[p.Role] == nil {
		return "", false
	}
	return t.roleARN(t.Roles[p.Role]), true
}

// late reports whether other services do not know yet what was created then.
func (t *tx) late(created time.Time) bool {
	return t.now.Sub(created) < time.Duration(t.cfg.Settings.Settings().IAMDelay)
}

func (t *tx) profile(nameOrARN string) *profileRecord {
	p := t.Profiles[lastPart(nameOrARN)]
	if p != nil && strings.HasPrefix(nameOrARN, "arn:") && t.profileARN(p) != nameOrARN {
		return nil
	}
	return p
}
