// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/preflight"
	"macaw.example/lab/labtest"
)

// with changes the settings of the world's account.
func (w *world) with(s labtest.AccountSettings) {
	w.t.Helper()
	if err := w.aws.SetAccount(s); err != nil {
		w.t.Fatal(err)
	}
}

// zones returns the zones of the account's subnets.
func (w *world) zones() []string {
	w.t.Helper()
	out, err := ec2.NewFromConfig(w.aws.Config()).DescribeSubnets(w.t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	var zones []string
	for _, s := range out.Subnets {
		zones = append(zones, *s.AvailabilityZone)
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// Zones without capacity are left one after the other, and the cloud is whole in the first that has
// some: its Elastic IPs stay, with a quota that leaves no other.
func TestUpLeavesZonesWithoutCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.with(labtest.AccountSettings{
			NoCapacity: map[string][]string{"eu-central-1a": {"*"}, "eu-central-1b": {"t3.xlarge"}},
		})
		d, progress := w.process(file)
		c := farAway(d)
		res, err := d.Up(t.Context(), UpOptions{})
		if err != nil {
			t.Fatal(err, hint.All(err))
		}
		w.check(t, res)
		// Each of the three plans asks the account; the search for the next zone asks only where the type is offered.
		if n, m := c.counts["GetEbsEncryptionByDefault"], c.counts["DescribeInstanceTypeOfferings"]; n != 3 || m != 5 {
			t.Errorf("asked %d times for the account's settings, %d times for zones", n, m)
		}
		if zones := w.zones(); !slices.Equal(zones, []string{"eu-central-1c"}) {
			t.Errorf("the subnets are in %v", zones)
		}
		for _, want := range []string{
			"infra: eu-central-1a has no capacity for t3.xlarge at the moment: moving the cloud's network to eu-central-1b " +
				"(InsufficientInstanceCapacity)",
			"infra: eu-central-1b has no capacity for t3.xlarge at the moment: moving the cloud's network to eu-central-1c " +
				"(InsufficientInstanceCapacity)",
		} {
			if !slices.Contains(progress.notes, want) {
				t.Errorf("notes %q lack %q", progress.notes, want)
			}
		}
		w.down(t)
	})
}

// An error that leaves something made says so, and what can be done; nothing is left after down.
func TestUpEndsWithWhatToDo(t *testing.T) {
	everywhere := map[string][]string{"eu-central-1a": {"*"}, "eu-central-1b": {"*"}, "eu-central-1c": {"*"}}
	for _, tt := range []struct {
		name, file string
		settings   labtest.AccountSettings
		want       string
		hints      []string
	}{
		{"no capacity anywhere", file, labtest.AccountSettings{NoCapacity: everywhere}, "InsufficientInstanceCapacity",
			[]string{"no other zone of eu-central-1 is left to try", "use another type, or try again later",
				"macaw down cloud.yaml removes it"}},
		{"no capacity in the file's zone", file + "availabilityZone: eu-central-1b\n",
			labtest.AccountSettings{NoCapacity: everywhere}, "InsufficientInstanceCapacity",
			[]string{"without availabilityZone in the file, macaw up tries the other zones",
				"macaw down cloud.yaml removes it"}},
		{"a key that may not be used", file, labtest.AccountSettings{Encryption: "forbidden-key"},
			"terminated at launch: Client.InternalError: Client error on launch",
			[]string{"EBS encrypts volumes with a key that you may not use", "macaw down cloud.yaml removes it"}},
		{"a policy of the organization", file, labtest.AccountSettings{ServiceControlPolicy: `{"Version":"2012-10-17",` +
			`"Statement":[{"Effect":"Deny","Action":"ec2:CreateNetworkInterface","Resource":"*"}]}`},
			"with an explicit deny in a service control policy",
			[]string{"a policy of your organization forbids it", "macaw down cloud.yaml removes it"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.with(tt.settings)
				d, _ := w.process(tt.file)
				_, err := d.Up(t.Context(), UpOptions{})
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("up: %v, want %s", err, tt.want)
				}
				if strings.Contains(err.Error(), "Encoded authorization") {
					t.Errorf("the error has the encoded details: %v", err)
				}
				hints := strings.Join(hint.All(err), "\n")
				for _, want := range tt.hints {
					if !strings.Contains(hints, want) {
						t.Errorf("hints:\n%s\nlack %s", hints, want)
					}
				}
				w.with(labtest.AccountSettings{})
				w.down(t)
			})
		})
	}
}

// A node's disk cannot leave its zone: the cloud is not moved.
func TestUpStaysWithItsDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		node := mustUp(t, w).Nodes[0].InstanceID
		api := ec2.NewFromConfig(w.aws.Config())
		if _, err := api.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{node}}); err != nil {
			t.Fatal(err)
		}
		if err := ec2.NewInstanceStoppedWaiter(api).Wait(t.Context(),
			&ec2.DescribeInstancesInput{InstanceIds: []string{node}}, time.Minute); err != nil {
			t.Fatal(err)
		}
		w.with(labtest.AccountSettings{NoCapacity: map[string][]string{"eu-central-1a": {"*"}}})
		d, _ := w.process(file)
		_, err := d.Up(t.Context(), UpOptions{})
		if err == nil || !strings.Contains(strings.Join(hint.All(err), "\n"), "the node's disk is in this zone") {
			t.Errorf("%v: %q", err, hint.All(err))
		}
		out, err := api.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{node}})
		if err != nil || out.Reservations[0].Instances[0].State.Name != types.InstanceStateNameStopped {
			t.Errorf("the instance is %v, %v", out, err)
		}
	})
}

// A new role that EC2 does not know for some time delays the cloud, and no more.
func TestUpWaitsForIAM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.with(labtest.AccountSettings{IAMDelay: labtest.Duration(20 * time.Second)})
		w.check(t, mustUp(t, w))
		w.down(t)
	})
}

// A region that the account has not opted in to is told from wrong credentials.
func TestRegionNotOptedIn(t *testing.T) {
	w := newWorld(t)
	w.with(labtest.AccountSettings{RegionDisabled: true})
	for name, run := range map[string]func(*Deployment) error{
		"up":        func(d *Deployment) error { _, err := d.Up(t.Context(), UpOptions{}); return err },
		"plan":      func(d *Deployment) error { _, err := d.Plan(t.Context()); return err },
		"preflight": func(d *Deployment) error { _, err := d.Preflight(t.Context()); return err },
	} {
		d, _ := w.process(file)
		err := run(d)
		if e := (cloud.Errors)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(),
			"cloud.yaml:2:9: target: the account has not opted in to region eu-central-1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A plan and an up that would fail make nothing; preflight lists why.
func TestPreflight(t *testing.T) {
	w := newWorld(t)
	w.with(labtest.AccountSettings{VCPUQuota: 2})
	d, _ := w.process(file)
	res, err := d.Preflight(t.Context())
	checks := res.Checks
	failed := slices.IndexFunc(checks, func(c preflight.Check) bool { return c.State == preflight.Failed })
	if err != nil || failed < 0 || checks[failed].Field != "nodes[0].type" {
		t.Fatalf("%v, %v", checks, err)
	}
	if _, err := d.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), checks[failed].Text) {
		t.Errorf("plan: %v", err)
	}
	d, _ = w.process(file)
	if _, err := d.Up(t.Context(), UpOptions{}); err == nil || !strings.Contains(err.Error(), checks[failed].Text) {
		t.Errorf("up: %v", err)
	}
	if zones := w.zones(); len(zones) > 0 {
		t.Errorf("there are subnets in %v", zones)
	}
}

// An account whose Elastic IPs are all in use, as by the default cloud, makes an image all the same,
// and the image's volume is as small as its content allows.
func TestBakeWithoutElasticIPs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		api := ec2.NewFromConfig(w.aws.Config())
		var held []string
		for { // up to the quota
			out, err := api.AllocateAddress(t.Context(), &ec2.AllocateAddressInput{})
			if err != nil {
				break
			}
			held = append(held, *out.AllocationId)
		}
		d, _ := w.process(file)
		res, err := d.Bake(t.Context(), false)
		if err != nil {
			t.Fatal(err, hint.All(err))
		}
		out, err := api.DescribeImages(t.Context(), &ec2.DescribeImagesInput{ImageIds: []string{res.Image}})
		if err != nil {
			t.Fatal(err)
		}
		if size := *out.Images[0].BlockDeviceMappings[0].Ebs.VolumeSize; size != bakeryDisk {
			t.Errorf("the image has %d GiB, want %d", size, bakeryDisk)
		}
		for _, id := range held {
			if _, err := api.ReleaseAddress(t.Context(), &ec2.ReleaseAddressInput{AllocationId: &id}); err != nil {
				t.Error(err)
			}
		}
		w.checkGone(t)
	})
}
