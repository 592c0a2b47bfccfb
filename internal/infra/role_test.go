package infra

import (
	"context"
	"strings"
	"testing"
)

const testRole = "macaw-first-gateway-lab-1"

// An instance that was made without the profile, or whose profile was made anew
// under the same name, gets it while it runs.
func TestRunningInstanceGetsTheProfile(t *testing.T) {
	f, w := newFake(), wanted(t, "")
	id := bringUp(t, f, w).Nodes[0].InstanceID
	for name, breakIt := range map[string]func(){
		"made without":  func() { f.instances[id].IamInstanceProfile = nil },
		"profile anew":  func() { delete(f.iam.profiles, testRole) },
		"all made anew": func() { delete(f.iam.profiles, testRole); delete(f.iam.roles, testRole) },
	} {
		breakIt()
		if again := bringUp(t, f, w).Nodes[0].InstanceID; again != id {
			t.Fatalf("%s: another instance", name)
		}
		if got, want := *f.instances[id].IamInstanceProfile.Id, *f.iam.profiles[testRole].InstanceProfileId; got != want {
			t.Errorf("%s: the instance has profile %s, not %s", name, got, want)
		}
	}
}

// A role of the same name that does not bear the cloud's tag is left alone.
func TestRoleOfSomebodyElse(t *testing.T) {
	f, w := newFake(), wanted(t, "")
	bringUp(t, f, w)
	f.iam.roles[testRole].Tags = nil
	if _, err := tryUp(context.Background(), f, w); errorCode(err) != "EntityAlreadyExists" || !strings.Contains(err.Error(), "creating iam role") {
		t.Errorf("error: %v", err)
	}
	if err := tryDown(context.Background(), f, "first"); err != nil {
		t.Fatal(err)
	}
	if f.iam.roles[testRole] == nil {
		t.Error("down removed it")
	}
}

// What the operator has put into the profile gives way to the role, and what the
// operator has given to the role goes with it.
func TestOperatorsChangesToTheRole(t *testing.T) {
	f, w := newFake(), wanted(t, "")
	bringUp(t, f, w)
	other := *f.iam.roles[testRole]
	other.RoleName = new(string)
	*other.RoleName = "other"
	f.iam.profiles[testRole].Roles[0] = other
	bringUp(t, f, w)
	if got := *f.iam.profiles[testRole].Roles[0].RoleName; got != testRole {
		t.Errorf("the profile has role %s", got)
	}
	f.iam.rights[testRole]["more"] = "{}"
	f.iam.attached[testRole] = []string{"arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"}
	if p := planOf(t, f, w); p != "" {
		t.Errorf("the plan is not empty:\n%s", p)
	}
	if err := tryDown(context.Background(), f, "first"); err != nil {
		t.Fatal(err)
	}
	if left := f.left(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Only gateways have rights.
func TestNoRoleWithoutGateway(t *testing.T) {
	f, w := newFake(), wanted(t, "")
	w.Cloud.Nodes[0].Roles = nil
	id := bringUp(t, f, w).Nodes[0].InstanceID
	if len(f.iam.roles)+len(f.iam.profiles) != 0 || f.instances[id].IamInstanceProfile != nil {
		t.Error("made a role for a node that is no gateway")
	}
}
