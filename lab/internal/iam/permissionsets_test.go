// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"log/slog"
	"testing"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/identitycenter"
)

// Every permission set has a policy, and a role that only AWS changes.
func TestPermissionSets(t *testing.T) {
	settings, err := account.New(account.Settings{PermissionSets: account.PermissionSets}, "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Root: Key{ID: "AKIA", Secret: "secret"}, Settings: settings, Region: "us-east-1",
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range account.PermissionSets {
		if awsPolicies[awsPrefix+set] == nil {
			t.Errorf("there is no AWS managed policy %s", set)
		}
		var first identitycenter.Credentials
		for range 2 {
			if first, err = (permissionSets{s}).PermissionSetCredentials(set, "operator"); err != nil {
				t.Fatal(err)
			}
		}
		_, who, err := s.Authenticate(first.AccessKeyID, first.SessionToken)
		role := s.view(Caller{}).Roles[who.role]
		if err != nil || role == nil || role.Path != "/aws-reserved/sso.amazonaws.com/" ||
			who.ARN != "arn:aws:sts::123456789012:assumed-role/"+role.Name+"/operator" {
			t.Fatalf("%s: %v, %v, %v", set, who, role, err)
		}
		p := &params{form: map[string][]string{"RoleName": {role.Name}}}
		if err := protected(iamActions["DeleteRole"], p); err == nil {
			t.Errorf("%s can be deleted", role.Name)
		}
		if err := protected(iamActions["GetRole"], p); err != nil {
			t.Error(err)
		}
	}
	if n := len(s.view(Caller{}).Roles); n != len(account.PermissionSets) {
		t.Errorf("%d roles", n)
	}
}
