// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/cloud"
	"macaw.example/internal/images"
	"macaw.example/lab"
)

func wanted(t *testing.T, extra string) Wanted {
	t.Helper()
	c, err := cloud.Parse("x.yaml", []byte("name: first\ntarget: lab\n"+extra))
	if err != nil {
		t.Fatal(err)
	}
	return Wanted{Cloud: c, PublicKey: labKey, Image: images.Image{ID: labImage, RootDevice: "/dev/xvda"},
		UserData: func(cloud.Node) []byte { return []byte("#cloud-config\n") }}
}

func TestUpAndDown(t *testing.T) {
	l := newLab(t, 3)
	w := labWanted(t, l)
	var before string
	for range 2 {
		out := bringUp(t, l, w)
		if len(out.Nodes) != 1 {
			t.Fatalf("%d nodes", len(out.Nodes))
		}
		n := out.Nodes[0]
		if n.InstanceID == "" || n.ManagementPublic == "" || n.ProviderENI.ID == "" || n.ProviderENI.MAC == "" {
			t.Errorf("incomplete: %+v", n)
		}
		if n.ManagementAddress != "10.0.0.4" || n.ProviderENI.Primary != "10.0.1.4" {
			t.Errorf("addresses: %+v", n)
		}
		if len(n.Addresses) != 2 || n.Addresses[0].Private != "10.0.1.64" || n.Addresses[0].Public == "" ||
			n.Addresses[1].Private != "10.0.1.65" || n.Addresses[1].Public == "" {
			t.Errorf("provider addresses: %+v", n.Addresses)
		}
		if n.InstanceID == before {
			t.Error("the cloud made anew has the terminated instance")
		}
		before = n.InstanceID
		i, err := (&applier{api: l.EC2}).instance(ctx, n.InstanceID)
		if err != nil {
			t.Fatal(err)
		}
		if m := i.MetadataOptions; m.HttpTokens != types.HttpTokensStateRequired || *m.HttpPutResponseHopLimit != 1 {
			t.Errorf("metadata options: %+v", m)
		}
		if _, ok := l.api.RoleCredentials(n.InstanceID, aws.ToString(i.IamInstanceProfile.Arn)); !ok {
			t.Error("the instance has no credentials")
		}
		if p, _, err := labUp(ctx, l.Clients, w); err != nil || p.String() != "" {
			t.Errorf("a second up: %v\n%s", err, p)
		}
		takeDown(t, l, "first")
		takeDown(t, l, "first")
	}
}

func TestDownLeavesOtherClouds(t *testing.T) {
	l := newLab(t, 10)
	bringUp(t, l, wanted(t, ""))
	before := l.everything(t)
	other := wanted(t, "")
	other.Cloud.Name = "second"
	bringUp(t, l, other)
	for _, a := range PlanDown(seen(t, l, "second")).Actions {
		if slices.Contains(before, a.ID) {
			t.Errorf("down of the second cloud would touch the first: %s", a)
		}
	}
	takeDown(t, l, "second", before...)
}

// After a kill at any call, with its response lost, the next run completes the cloud without
// duplicates.
func TestKilledAnywhere(t *testing.T) {
	killedAnywhere(t, func(t *testing.T) (*labAccount, Wanted) {
		l := newLab(t, 3)
		return l, labWanted(t, l)
	})
}

// killedAnywhere makes and removes the cloud "first" in a lab of its own for each change after which both may be
// killed.
func killedAnywhere(t *testing.T, open func(*testing.T) (*labAccount, Wanted)) {
	l, w := open(t)
	up := l.changed(func() { bringUp(t, l, w) })
	resources := len(l.everything(t))
	down := l.changed(func() { takeDown(t, l, "first") })
	for n := 1; n <= max(up, down); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			l, w := open(t)
			l.upAndDownKilled(t, w, n, resources)
		})
	}
}

// upAndDownKilled brings a cloud of so many resources up and down, each killed at its nth change and run again.
func (l *labAccount) upAndDownKilled(t *testing.T, w Wanted, n, resources int) {
	t.Helper()
	l.killed(t, n, func(ctx context.Context) error { _, _, err := labUp(ctx, l.Clients, w); return err })
	bringUp(t, l, w)
	if got := l.everything(t); len(got) != resources {
		t.Errorf("%d resources, want %d: %v", len(got), resources, got)
	}
	if p := planOf(t, l, w); p != "" {
		t.Errorf("the plan is not empty:\n%s", p)
	}
	l.killed(t, n, func(ctx context.Context) error { return labDown(ctx, l.Clients, "first") })
	takeDown(t, l, "first")
}

// The same for a change: another policy and range, and an instance that was made without the
// gateways' instance profile.
func TestChangeKilledAnywhere(t *testing.T) {
	after := wanted(t, "provider: {addresses: 5, first: 10.0.1.62, elasticIPs: none}\n")
	begin := func(t *testing.T) *labAccount {
		l := newLab(t, 3)
		bringUp(t, l, wanted(t, "provider: {addresses: 2}\n"))
		l.takeProfile(t)
		l.deleteProfile(t)
		return l
	}
	l := begin(t)
	all := l.changed(func() { bringUp(t, l, after) })
	resources := len(l.everything(t))
	for n := 1; n <= all; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			l := begin(t)
			l.killed(t, n, func(ctx context.Context) error { _, _, err := labUp(ctx, l.Clients, after); return err })
			bringUp(t, l, after)
			if got := l.everything(t); len(got) != resources {
				t.Errorf("%d resources, want %d: %v", len(got), resources, got)
			}
			if p := planOf(t, l, after); p != "" {
				t.Errorf("the plan is not empty:\n%s", p)
			}
		})
	}
}

// A resource just made may not be visible for some time, and AWS may be overloaded.
func TestUpWithPassingErrors(t *testing.T) {
	for _, code := range []string{
		"RequestLimitExceeded", "InvalidVpcID.NotFound", "InvalidNetworkInterfaceID.NotFound", "Throttling", "NoSuchEntity",
	} {
		l := newLab(t, 5)
		l.hook(refusing(2, func(op string) error {
			if strings.HasPrefix(op, "Describe") || strings.HasPrefix(op, "Get") {
				return nil
			}
			return apiError(code)
		}), nil)
		bringUp(t, l, wanted(t, ""))
	}
}

// Calls come too early for the effects of earlier ones: EC2 does not see what IAM has made, an
// instance is changing its state, a block is in use.
func TestUpTooEarly(t *testing.T) {
	profile := &smithy.GenericAPIError{Code: "InvalidParameterValue",
		Message: "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"}
	early := map[string]error{
		"RunInstances": profile, "AssociateIamInstanceProfile": profile, "ReplaceIamInstanceProfileAssociation": profile,
		"AssociateAddress": apiError("InvalidInstanceID"), "StartInstances": apiError("IncorrectInstanceState"),
		"DisassociateVpcCidrBlock": apiError("InvalidCidrBlock.InUse"),
	}
	l := newLab(t, 3)
	asked := map[string]bool{}
	refuse := refusing(2, func(op string) error { asked[op] = true; return early[op] })
	l.hook(refuse, nil)
	id := bringUp(t, l, wanted(t, dualStack)).Nodes[0].InstanceID
	d := &driftLab{T: t, labAccount: l, api: l.root, want: wanted(t, dualStack)}
	d.look()
	d.stop()
	l.takeProfile(t)
	bringUp(t, l, d.want)
	l.deleteProfile(t)
	if again := bringUp(t, l, wanted(t, ipv4Only)).Nodes[0].InstanceID; again != id {
		t.Error("another instance")
	}
	for op := range early {
		if !asked[op] {
			t.Errorf("%s was not called", op)
		}
	}
}

// Describe calls may return an earlier state for some time.
func TestUpWhileAWSLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3)
		bringUp(t, l, wanted(t, ipv4Only))
		time.Sleep(time.Minute)
		seconds := func(n int) lab.FaultDuration { return lab.FaultDuration(time.Duration(n) * time.Second) }
		if err := l.api.SetFault(ctx, lab.Fault{Name: lab.Lag, Min: seconds(1), Max: seconds(3)}); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{dualStack, ipv4Only} {
			s := seen(t, l, "first")
			p, err := PlanUp(wanted(t, file), s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := apply(ctx, l.Clients, wallClock{}, p, nil); err != nil {
				t.Errorf("to %s: %v", file, err)
			}
			time.Sleep(time.Minute)
		}
		if p := planOf(t, l, wanted(t, ipv4Only)); p != "" {
			t.Errorf("the plan is not empty:\n%s", p)
		}
		if _, err := apply(ctx, l.Clients, wallClock{}, PlanDown(seen(t, l, "first")), nil); err != nil {
			t.Error(err)
		}
	})
}

func TestUpStopsAtAnError(t *testing.T) {
	l := newLab(t, 5)
	var others []*string
	for range 3 {
		others = append(others, got(l.root.AllocateAddress(ctx, &ec2.AllocateAddressInput{})).AllocationId)
	}
	_, _, err := labUp(ctx, l.Clients, wanted(t, ""))
	if errorCode(err) != "AddressLimitExceeded" || !strings.Contains(err.Error(), "creating elastic ip for ") {
		t.Fatalf("error: %v", err)
	}
	for _, id := range others {
		got(l.root.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: id}))
	}
	bringUp(t, l, wanted(t, ""))
}

// An ENI or an instance removed by hand is made anew, although AWS remembers the token of the
// first.
func TestMadeAnewAfterRemovalByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := newLab(t, 5), wanted(t, "")
		terminate := func(id string) {
			got(l.root.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))
			time.Sleep(time.Minute)
		}
		first := bringUp(t, l, w).Nodes[0]
		terminate(first.InstanceID)
		got(l.root.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{
			NetworkInterfaceId: &first.ProviderENI.ID,
		}))
		second := bringUp(t, l, w).Nodes[0]
		if second.InstanceID == first.InstanceID || second.ProviderENI.ID == first.ProviderENI.ID {
			t.Errorf("not made anew: %+v", second)
		}
		// AWS no longer shows the terminated instances, but remembers their tokens.
		known := map[string]bool{first.InstanceID: true, second.InstanceID: true}
		last := second.InstanceID
		for range 2 {
			terminate(last)
			time.Sleep(2 * time.Hour)
			got(l.root.CreateTags(ctx, &ec2.CreateTagsInput{ // the lab forgets them with the next change
				Resources: []string{second.ProviderENI.ID}, Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("y")}},
			}))
			if n := len(seen(t, l, "first").Instances); n != 0 {
				t.Errorf("AWS still shows %d instances", n)
			}
			if last = bringUp(t, l, w).Nodes[0].InstanceID; known[last] {
				t.Errorf("instance %s again", last)
			}
			known[last] = true
		}
	})
}

func TestProgress(t *testing.T) {
	l, w := newLab(t, 5), wanted(t, "")
	p, err := PlanUp(w, seen(t, l, "first"))
	if err != nil {
		t.Fatal(err)
	}
	finished, running, most := map[string]bool{}, 0, 0
	if _, err := apply(ctx, l.Clients, hurriedClock{}, p, func(e Event) {
		switch e.State {
		case Started:
			for _, n := range e.Action.Needs {
				if !finished[n] {
					t.Errorf("%s started before %s was finished", e.Action.ID, n)
				}
			}
			running++
			most = max(most, running)
		case Finished:
			finished[e.Action.ID] = true
			running--
		case Failed:
			t.Errorf("%s failed: %v", e.Action, e.Err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(finished) != len(p.Actions) || most < 2 {
		t.Errorf("%d of %d finished, at most %d at once", len(finished), len(p.Actions), most)
	}
}

func TestDrift(t *testing.T) {
	l, w := newLab(t, 5), wanted(t, "")
	bringUp(t, l, w)
	w.Cloud.Nodes[0].Type, w.Cloud.Nodes[0].Image, w.PublicKey = "m5.xlarge", "ami-2", "ssh-ed25519 BBBB x"
	want := `! key pair: its public key is not this machine's, and instances get theirs only at launch
! instance cloud-1: its image is ` + labImage + `, the file says ami-2
    hint: macaw down, then macaw up makes a new one; its data is lost
! instance cloud-1: its type is t3.xlarge, the file says m5.xlarge; macaw up --restart changes it
    hint: a restart stops the instance, changes it and starts it again: the cloud is down meanwhile, and keeps its addresses
`
	if diff := cmp.Diff(want, planOf(t, l, w)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	bringUp(t, l, w) // reported, without an error
}
