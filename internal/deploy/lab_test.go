// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/lab"
	"macaw.example/lab/labtest"
)

// fakeLab is a host's lab, with the lab's AWS in this process.
type fakeLab struct {
	aws     *labtest.API
	open    error // of Open, until Revive
	revive  error
	revived int
	downs   int
	up      []lab.Options
}

func (f *fakeLab) Up(_ context.Context, o lab.Options, _ lab.Progress) error {
	f.up, f.open = append(f.up, o), nil
	return nil
}

func (f *fakeLab) Open(context.Context) (openLab, error) {
	if f.open != nil {
		return nil, f.open
	}
	return f, nil
}

func (f *fakeLab) Revive(context.Context, lab.Options, lab.Progress) error {
	f.revived++
	if f.revive == nil {
		f.open = nil
	}
	return f.revive
}

func (f *fakeLab) Down(context.Context) error { f.downs++; return nil }

func (f *fakeLab) Config() aws.Config {
	cfg := f.aws.Config()
	cfg.APIOptions = awsapi.Options
	return cfg
}

func (f *fakeLab) Tasks(context.Context) ([]lab.Task, error) { return nil, nil }

func (f *fakeLab) client() *ec2.Client { return ec2.NewFromConfig(f.aws.Config()) }

// deployment is a run of macaw on the host of this lab.
func (f *fakeLab) deployment(t *testing.T, home Home, text string) (*Deployment, *quiet) {
	t.Helper()
	c, err := cloud.Parse("cloud.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	progress := &quiet{}
	return &Deployment{Cloud: c, Home: home, Progress: progress, Command: "test", host: f}, progress
}

const labFile = "name: first\ntarget: lab\n"

// newFakeLab returns a lab with a VPC of another cloud.
func newFakeLab(t *testing.T) *fakeLab {
	t.Helper()
	f := &fakeLab{aws: labtest.NewAPI(t, labtest.APIOptions{})}
	_, err := f.client().CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A lab whose daemon does not answer is not empty: down starts the daemon again, or fails.
func TestDownWithoutTheLabsDaemon(t *testing.T) {
	for name, tt := range map[string]struct {
		open, revive error
		revived      int
		want         error
	}{
		"up":           {},
		"no daemon":    {open: lab.ErrNoDaemon, revived: 1},
		"cannot start": {open: lab.ErrNoDaemon, revive: errors.New("no memory"), revived: 1, want: errors.New("no memory")},
		"hung":         {open: errors.New("no answer"), want: errors.New("no answer")},
		"no lab":       {open: lab.ErrDown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeLab(t)
				f.open, f.revive = tt.open, tt.revive
				d, _ := f.deployment(t, newHome(t), labFile)
				res, err := d.Down(t.Context())
				if (err == nil) != (tt.want == nil) || err != nil && !strings.Contains(err.Error(), tt.want.Error()) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if err != nil && len(hint.All(err)) == 0 && tt.revive == nil {
					t.Errorf("%v has no hint", err)
				}
				if f.downs > 0 || res.LabDown || f.revived != tt.revived {
					t.Errorf("the lab was removed %d times and its daemon started %d times; %+v", f.downs, f.revived, res)
				}
			})
		})
	}
}

// The lab goes with its last cloud.
func TestDownOfTheLastCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeLab{aws: labtest.NewAPI(t, labtest.APIOptions{})}
		d, _ := f.deployment(t, newHome(t), labFile)
		res, err := d.Down(t.Context())
		if err != nil || !res.LabDown || f.downs != 1 {
			t.Errorf("%+v, %v; removed %d times", res, err, f.downs)
		}
	})
}

// A command that only looks does not call a lab down whose daemon is gone, and starts nothing.
func TestPlanWithoutTheLabsDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLab(t)
		f.open = lab.ErrNoDaemon
		d, _ := f.deployment(t, newHome(t), labFile)
		res, err := d.Plan(t.Context())
		if !errors.Is(err, lab.ErrNoDaemon) || len(hint.All(err)) == 0 || res.LabUp || f.revived > 0 {
			t.Errorf("%+v, %v, hints %q", res, err, hint.All(err))
		}
	})
}

// Clouds share the lab's account: up only raises its quota, and the default of a file that does not set it is for a new
// lab. A plan counts what up would raise.
func TestQuotaOfTheLab(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, want := range map[string]lab.Options{
			labFile:                                {NewElasticIPQuota: 20},
			labFile + "lab: {elasticIPQuota: 9}\n": {NewElasticIPQuota: 9, MinElasticIPQuota: 9},
		} {
			f := newFakeLab(t)
			d, _ := f.deployment(t, newHome(t), text)
			if err := d.connect(t.Context(), bringUp); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]lab.Options{want}, f.up); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", text, diff)
			}
		}
		f := &fakeLab{aws: labtest.NewAPI(t, labtest.APIOptions{ElasticIPQuota: 1})}
		d, _ := f.deployment(t, newHome(t), labFile+"lab: {elasticIPQuota: 9}\n")
		if res, err := d.Plan(t.Context()); err != nil || res.ElasticIPs() != 5 {
			t.Errorf("a plan with a quota to raise: %v", err)
		}
		d, _ = f.deployment(t, newHome(t), labFile)
		_, err := d.Plan(t.Context())
		if err == nil || !strings.Contains(err.Error(), "lab.elasticIPQuota: the cloud needs 5 more Elastic IPs") ||
			!strings.Contains(err.Error(), "macaw lab up --elastic-ip-quota 5") {
			t.Errorf("a plan without: %v", err)
		}
	})
}

// The types of a lab that is down are known, and their errors are those of a lab that is up.
func TestTypesOfALabThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for kind, want := range map[string]string{
			"banana.large": "AWS has no instance type banana.large here",
			"c7g.large":    "c7g.large is of architecture arm64, and Macaw's images are for x86_64",
			"t3.large":     "",
		} {
			text := labFile + "nodes: [{name: cloud-1, type: " + kind + "}]\n"
			var errs []string
			for _, open := range []error{lab.ErrDown, nil} {
				f := newFakeLab(t)
				f.open = open
				d, _ := f.deployment(t, newHome(t), text)
				res, err := d.Plan(t.Context())
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%s, lab %v: %v", kind, open, err)
				}
				if err == nil && res.LabUp != (open != nil) {
					t.Errorf("%s, lab %v: %+v", kind, open, res)
				}
				errs = append(errs, fmt.Sprint(err))
			}
			if errs[0] != errs[1] {
				t.Errorf("down: %s\nup: %s", errs[0], errs[1])
			}
		}
	})
}
