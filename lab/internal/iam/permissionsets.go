// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"macaw.example/lab/internal/identitycenter"
)

// The roles of permission sets (IAM Identity Center User Guide, permissionsetsconcept; IAM User Guide,
// reference_identifiers): one for each set, protected, with the AWS managed policy of the set's name.
const (
	ssoPrefix = "AWSReservedSSO_"
	ssoPath   = "/aws-reserved/sso.amazonaws.com/"
)

// ssoLife is the session duration of a permission set (IAM Identity Center User Guide, howtosessionduration).
const ssoLife = time.Hour

// Portal returns the account's IAM Identity Center.
func (s *Store) Portal() *identitycenter.Center { return s.portal }

// permissionSets is the account as the Identity Center uses it.
type permissionSets struct{ *Store }

func (s permissionSets) ID() string { return s.cfg.Account }

func (s permissionSets) Password() string { return s.cfg.Root.Secret }

func (s permissionSets) PermissionSets() []string { return s.cfg.Settings.Settings().PermissionSets }

func (s permissionSets) PermissionSetCredentials(set, session string) (identitycenter.Credentials, error) {
	var c Credentials
	err := s.update(Caller{}, func(t *tx) (err error) {
		c, err = t.permissionSetCredentials(set, session)
		return err
	})
	return identitycenter.Credentials{AccessKeyID: c.ID, SecretAccessKey: c.Secret, SessionToken: c.Token,
		Expiration: c.Expires.UnixMilli()}, err
}

func (t *tx) permissionSetCredentials(set, name string) (Credentials, error) {
	r := t.permissionSetRole(set)
	t.Roles[r.Name] = r
	return t.credentials(session{Key: newID(prefixSession), Role: r.ID, Name: name, Issued: t.now.UTC(),
		Ends: t.now.Add(ssoLife).UTC()})
}

// permissionSetRole is the role of a permission set, made if it is not there.
func (t *tx) permissionSetRole(set string) *roleRecord {
	name := ssoPrefix + set + "_" + hex.EncodeToString(t.derive("permission set", []byte(set)))[:16]
	if r := t.Roles[name]; r != nil {
		return r
	}
	path := ssoPath
	if t.cfg.Region != "us-east-1" {
		path += t.cfg.Region + "/"
	}
	return &roleRecord{entity: entity{Name: name, Path: path, ID: newID(prefixRole), Created: t.now},
		holder: holder{Attached: []string{awsPrefix + set}}, MaxSession: maxSession,
		Trust: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":%q},`+
			`"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Condition":{"StringEquals":{"SAML:aud":`+
			`"https://signin.aws.amazon.com/saml"}}}]}`, t.cfg.arn("saml-provider", "/", "AWSSSO_lab_DO_NOT_DELETE"))}
}

// protected refuses changes to the roles of permission sets (IAM API Reference, DeleteRole,
// UnmodifiableEntity).
func protected(a action, p *params) error {
	if name := p.form.Get("RoleName"); a.changes && strings.HasPrefix(name, ssoPrefix) {
		return fail(http.StatusBadRequest, "UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - "+
			"this role is only modifiable by AWS", name)
	}
	return nil
}
