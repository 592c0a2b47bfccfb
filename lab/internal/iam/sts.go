// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"net/http"
	"regexp"
	"time"

	"macaw.example/lab/internal/iam/policy"
)

var stsActions = map[string]action{
	"GetCallerIdentity": {run: getCallerIdentity, free: true},
	// These two change which code of an MFA device was the last.
	"AssumeRole":      {run: assumeRole, free: true, changes: true},
	"GetSessionToken": {run: getSessionToken, free: true, changes: true},

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
	rootKey     = time.Hour
)

// validExternal has no length: RE2's repetitions end at 1,000.
var validExternal = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)

var validSession = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// assumeRole returns credentials of a role if its trust policy names the caller, or
// names the account and the caller's own policies allow the call (IAM User Guide,
// reference_policies_evaluation-logic). The role's session has no MFA, even if the call had (IAM User Guide,
// id_credentials_mfa_configure-api-require). The root may assume none; the text is reported by users.
func assumeRole(t *tx, p *params) (any, error) {
	arn, name := p.need("RoleArn"), p.need("RoleSessionName")
	seconds := p.number("DurationSeconds", int(defaultSession.Seconds()), int(minAssumed.Seconds()),
		int(maxSession.Seconds()))
	external, code := p.text("ExternalId"), p.mfa()
	if external != "" && !validExternal.MatchString(external) {
		p.wrong(invalid("1 validation error detected: Value '%s' at 'externalId' failed to satisfy constraint: Member must "+
			"satisfy regular expression pattern: [\\w+=,.@:\\/-]*, and have length between 2 and 1224", external))
	}
	if name != "" && !validSession.MatchString(name) {
		p.wrong(invalid("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\w+=,.@-]*", name))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	if t.who.Root {
		return nil, fail(http.StatusForbidden, "AccessDenied", "Roles may not be assumed by root accounts.")
	}
	if err := t.authenticate(code); err != nil {
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
	if lifetime > most && t.who.role != "" {
		return nil, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role " +
			"chaining") // reported by users
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
	context := policy.Context{}
	maps.Copy(context, p.context)
	context.Set("sts:RoleSessionName", p.form.Get("RoleSessionName"))
	if external := p.form.Get("ExternalId"); external != "" {
		context.Set("sts:ExternalId", external)
	}
	own := t.about(t.who, policy.Request{Action: "sts:AssumeRole", Resource: t.roleARN(r), Context: context})
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

// getSessionToken returns temporary credentials of a user or the root, whose last an hour at most (STS API
// Reference, GetSessionToken).
func getSessionToken(t *tx, p *params) (any, error) {
	usual, longest := usualKey, longestKey
	if t.who.Root {
		usual, longest = rootKey, rootKey
	}
	seconds := p.number("DurationSeconds", int(usual.Seconds()), int(shortestKey.Seconds()), int(longest.Seconds()))
	code := p.mfa()
	if err := p.done(); err != nil {
		return nil, err
	}
	if t.who.role != "" || !t.who.issued.IsZero() {
		return nil, fail(http.StatusForbidden, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	if err := t.authenticate(code); err != nil {
		return nil, err
	}
	s := session{Key: newID(prefixSession), Issued: t.now.UTC(), MFA: t.who.mfa.UTC(),
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
