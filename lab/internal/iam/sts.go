// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"net/http"
	"regexp"
	"time"

	"macaw.example/lab/internal/iam/policy"
)

var stsActions = map[string]action{
	"GetCallerIdentity": {run: getCallerIdentity, free: true},
	"AssumeRole":        {run: assumeRole, free: true},
	"GetSessionToken":   {run: getSessionToken, free: true},

	"DecodeAuthorizationMessage": {run: decodeMessage},
}

type identityResult struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

// getCallerIdentity needs no right; not even an explicit denial prevents it (STS API
// Reference, GetCallerIdentity).
func getCallerIdentity(t *tx, p *params) (any, error) {
	if err := p.done(); err != nil {
		return nil, err
	}
	return identityResult{t.who.ARN, t.who.ID, t.who.Account}, nil
}

type credentialsXML struct {
	AccessKeyID string `xml:"AccessKeyId"`
	Secret      string `xml:"SecretAccessKey"`
	Token       string `xml:"SessionToken"`
	Expiration  string
}

func (c Credentials) xml() credentialsXML {
	return credentialsXML{c.ID, c.Secret, c.Token, timestamp(c.Expires)}
}

type assumedXML struct {
	ARN string `xml:"Arn"`
	ID  string `xml:"AssumedRoleId"`
}

type assumeRoleResult struct {
	Credentials     credentialsXML
	AssumedRoleUser assumedXML
}

const (
	minAssumed  = 15 * time.Minute
	maxChained  = time.Hour
	shortestKey = 15 * time.Minute
	longestKey  = 36 * time.Hour
	usualKey    = 12 * time.Hour
)

var validSession = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// assumeRole returns credentials of a role if its trust policy names the caller, or
// names the account and the caller's own policies allow the call (IAM User Guide,
// reference_policies_evaluation-logic).
func assumeRole(t *tx, p *params) (any, error) {
	arn, name := p.need("RoleArn"), p.need("RoleSessionName")
	seconds := p.number("DurationSeconds", int(defaultSession.Seconds()), int(minAssumed.Seconds()),
		int(maxSession.Seconds()))
	if name != "" && !validSession.MatchString(name) {
		p.wrong(invalid("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\w+=,.@-]*", name))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	r := t.Roles[lastPart(arn)]
	if r == nil || t.roleARN(r) != arn || t.late(r.Created) || !t.mayAssume(r, p) {
		return nil, fail(http.StatusForbidden, "AccessDenied",
			"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", t.who.ARN, arn)
	}
	lifetime := time.Duration(seconds) * time.Second
	most := r.MaxSession
	if t.who.role != "" {
		most = maxChained // IAM User Guide, id_roles, "Role chaining"
	}
	if lifetime > most {
		return nil, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	c, err := t.credentials(session{Key: newID(prefixSession), Role: r.ID, Name: name, Issued: t.now.UTC(),
		Ends: t.now.Add(lifetime).UTC()})
	if err != nil {
		return nil, err
	}
	return assumeRoleResult{c.xml(),
		assumedXML{t.cfg.sessionARN(r.Name, name), r.ID + ":" + name}}, nil
}

func (t *tx) mayAssume(r *roleRecord, p *params) bool {
	trust, err := policy.Parse(r.Trust, policy.Trust)
	if err != nil {
		return false
	}
	own := t.about(t.who, policy.Request{Action: "sts:AssumeRole", Resource: t.roleARN(r), Context: p.context})
	byRole := own
	byRole.Principals = []string{"AWS:" + t.who.ARN, "AWS:" + t.principalARN(t.who)}
	byAccount := own
	byAccount.Principals = append(byRole.Principals, "AWS:"+Operator(t.cfg.partition(), t.cfg.Account).ARN)

	itself := t.decide(own)
	switch direct := policy.Evaluate([]policy.Document{trust}, byRole); {
	case direct == policy.ExplicitDeny, itself == policy.ExplicitDeny, itself == policy.OrganizationDeny:
		return false
	case direct == policy.Allow:
		return true
	}
	return itself == policy.Allow && policy.Evaluate([]policy.Document{trust}, byAccount) == policy.Allow
}

type sessionTokenResult struct{ Credentials credentialsXML }

// getSessionToken returns temporary credentials of a user or the root.
func getSessionToken(t *tx, p *params) (any, error) {
	seconds := p.number("DurationSeconds", int(usualKey.Seconds()), int(shortestKey.Seconds()), int(longestKey.Seconds()))
	if err := p.done(); err != nil {
		return nil, err
	}
	if t.who.role != "" || !t.who.issued.IsZero() {
		return nil, fail(http.StatusForbidden, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	s := session{Key: newID(prefixSession), Issued: t.now.UTC(),
		Ends: t.now.Add(time.Duration(seconds) * time.Second).UTC()}
	if u := t.Users[t.who.user]; u != nil {
		s.User = u.ID
	}
	c, err := t.credentials(s)
	if err != nil {
		return nil, err
	}
	return sessionTokenResult{c.xml()}, nil
}
