// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"errors"
	"fmt"
	"net/netip"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
)

// State is a check's result.
type State string

// The states of a check. Unknown is what AWS does not tell before it happens, or did not tell this
// caller.
const (
	Passed  State = "passed"
	Failed  State = "failed"
	Unknown State = "unknown"
)

// The checks, by name.
const (
	checkZone         = "availability zone"
	checkImage        = "image"
	checkType         = "instance type"
	checkAddresses    = "addresses"
	checkDisk         = "disk"
	checkElasticIPs   = "elastic ips"
	checkVCPUs        = "vcpus"
	checkSpotVCPUs    = "spot vcpus"
	checkFreePlan     = "free plan"
	checkRights       = "rights"
	checkEncryption   = "disk encryption"
	checkPublicAccess = "public access"
	checkMetadata     = "instance metadata"
)

// Check is one condition that the account has to meet.
type Check struct {
	Name  string `json:"check"`
	State State  `json:"state"`
	// Text describes what was found, Hint what can be done about it.
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	// Field is the place in the cloud file that the check is about, or empty.
	Field string `json:"field,omitempty"`
}

// String formats the check as a line.
func (c Check) String() string {
	return fmt.Sprintf("%s %s: %s", map[State]string{Passed: "✓", Failed: "✗", Unknown: "?"}[c.State], c.Name, c.Text)
}

// Input is what the checks look at.
type Input struct {
	Account Account
	Wanted  infra.Wanted // its zone is that of [Zone]
	Seen    inventory.Seen
	// Plan is what up would do.
	Plan *infra.Plan
	// Public means that the cloud is reached over the Internet: the account is of AWS, and of no emulator.
	Public bool
	// Operator is this machine's public address; the zero value if it is unknown.
	Operator netip.Addr
}

// Run makes all checks, in a fixed order. It makes no calls: the same input gives the same checks.
func Run(in Input) []Check {
	r := &run{Input: in, c: in.Wanted.Cloud}
	r.zone()
	r.image()
	r.nodes()
	r.elasticIPs()
	r.vcpus()
	r.freePlan()
	r.rights()
	r.encryption()
	r.publicAccess()
	r.metadata()
	r.allow()
	return r.checks
}

// RunTypes makes only the checks of zones and instance types, for an account that cannot be asked anything else.
func RunTypes(in Input) []Check {
	r := &run{Input: in, c: in.Wanted.Cloud}
	r.zone()
	r.nodes()
	return r.checks
}

// Error returns an error of the checks that failed, with their places in the cloud file, or nil.
func Error(c *cloud.Cloud, checks []Check) error {
	var errs []error
	for _, check := range checks {
		if check.State == Failed {
			field := check.Field
			if field == "" {
				field = "target"
			}
			errs = append(errs, c.Reject(field, check.Hint, "%s", check.Text))
		}
	}
	return errors.Join(errs...)
}

// run collects the checks of an input.
type run struct {
	Input
	c      *cloud.Cloud
	checks []Check
}

func (r *run) add(name string, s State, field, hint, format string, args ...any) {
	r.checks = append(r.checks, Check{Name: name, State: s, Text: fmt.Sprintf(format, args...), Hint: hint, Field: field})
}

func (r *run) pass(name, format string, args ...any) { r.add(name, Passed, "", "", format, args...) }

// unread adds a check whose facts could not be read, and reports whether it did.
func (r *run) unread(name, hint string) bool {
	err := r.Account.Unknown[name]
	if err != nil {
		r.add(name, Unknown, "", hint, "AWS did not tell: %v", err)
	}
	return err != nil
}

// launches reports whether an instance will be made.
func (r *run) launches() bool {
	for _, n := range r.c.Nodes {
		if r.Plan.Launches(n.Name) {
			return true
		}
	}
	return false
}
