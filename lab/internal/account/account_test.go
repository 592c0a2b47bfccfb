// SPDX-License-Identifier: Apache-2.0

package account

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each setting is set from text, shown as the same text, kept over a restart, and turned off.
func TestSettingsKeep(t *testing.T) {
	values := map[string]string{
		"vcpu-quota": "5", "spot-vcpu-quota": "8", "no-spot-capacity": "us-east-1b=t3.nano", "free-plan": "on",
		"missing-types": "us-east-1a=m5.metal,t3.nano;us-east-1b=m5.metal",
		"no-capacity":   "us-east-1a=*", "enforce-imdsv2": "on", "ebs-encryption": EncryptForbidden,
		"block-public-access": BlockBidirectional, "block-public-access-exclusions": "vpc-1,vpc-2",
		"allowed-images":         "amazon,136693071363",
		"service-control-policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`,
		"permission-sets":        "AdministratorAccess,IAMFullAccess",
		"region-disabled":        "on", "iam-delay": "20s",
	}
	file := filepath.Join(t.TempDir(), "account.json")
	a, err := Open(file, "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	a.OnChange(func() { changes++ })
	for _, s := range All {
		if values[s.Name] == "" {
			t.Fatalf("the test has no value for %s", s.Name)
		}
		if err := a.Change(func(of *Settings) error { return s.Set(of, values[s.Name]) }); err != nil {
			t.Fatal(err)
		}
	}
	if changes != len(All) {
		t.Errorf("told of %d changes, want %d", changes, len(All))
	}
	again, err := Open(file, "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range All {
		if got := s.Get(again.Settings()); got != values[s.Name] {
			t.Errorf("%s is %q after a restart, want %q", s.Name, got, values[s.Name])
		}
		if err := again.Change(func(of *Settings) error { return s.Set(of, "") }); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(Settings{}, again.Settings()); diff != "" {
		t.Errorf("all are off, -want +got:\n%s", diff)
	}
}

func TestSettingsRefused(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"vcpu-quota", "many", `vcpu-quota: "many": want a number, at least 1`},
		{"free-plan", "yes", `free-plan: "yes": want on or off`},
		{"no-capacity", "t3.nano", `no-capacity: "t3.nano": want ZONE=TYPE,TYPE`},
		{"ebs-encryption", "on", `ebs-encryption "on": want one of`},
		{"block-public-access", "all", `block-public-access "all": want one of`},
		{"service-control-policy", "{", "service-control-policy: This policy contains invalid Json"},
		{"no-capacity", "eu-central-1a=t3.nano", `no-capacity: the lab's region has no zone "eu-central-1a": its zones are ` +
			"us-east-1a, us-east-1b, us-east-1c"},
		{"missing-types", "us-east-1d=t3.nano", `missing-types: the lab's region has no zone "us-east-1d": its zones are`},
		{"no-capacity", "us-east-1a=t2.huge", `no-capacity: there is no instance type "t2.huge": family t2 has t2.2xlarge, ` +
			"t2.large, t2.medium, t2.micro, t2.nano, t2.small, t2.xlarge, or * for all"},
		{"missing-types", "us-east-1a=*", `missing-types: there is no instance type "*": the families are `},
		{"missing-types", "us-east-1a=t3.nano,", `missing-types: there is no instance type "": the families are `},
		{"vcpu-quota", "-1", `vcpu-quota: "-1": want a number, at least 1`},
		{"block-public-access-exclusions", "mine", `block-public-access-exclusions "mine": want the ID of a VPC`},
		{"allowed-images", "debian", `allowed-images "debian": want an account's ID of 12 digits, or one of ["amazon" `},
		{"permission-sets", "Admin", `permission-sets "Admin": want some of ["AdministratorAccess" `},
		{"iam-delay", "soon", `iam-delay: time: invalid duration "soon"`},
		{"iam-delay", "1h", "iam-delay 1h0m0s: want between 0s and 5m0s"},
	} {
		s, ok := Find(tt.name)
		if !ok {
			t.Fatalf("there is no setting %s", tt.name)
		}
		a, err := New(Settings{}, "us-east-1")
		if err != nil {
			t.Fatal(err)
		}
		err = a.Change(func(of *Settings) error { return s.Set(of, tt.value) })
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s=%s: %v, want %s", tt.name, tt.value, err, tt.want)
		}
		if diff := cmp.Diff(Settings{}, a.Settings()); diff != "" {
			t.Errorf("%s changed: %s", tt.name, diff)
		}
	}
}
