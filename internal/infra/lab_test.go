// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/images"
	"macaw.example/internal/inventory"
	"macaw.example/lab/labtest"
)

// hurriedClock is the wall clock with short pauses: the lab changes states in milliseconds.
type hurriedClock struct{ awsapi.WallClock }

func (c hurriedClock) Sleep(ctx context.Context, d time.Duration) error {
	return c.WallClock.Sleep(ctx, d/100)
}

// labAccount is the account of a local AWS. Its Clients go through calls; root and iam do not, and
// act as somebody else.
type labAccount struct {
	Clients
	calls
	api  *labtest.API
	root *ec2.Client
	iam  *awsiam.Client
}

const (
	labRegion = "eu-central-1"
	labImage  = "ami-0123456789abcdef0"
	labKey    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUNTBnUUQbCZ6u14Te6i2g8VEGbQrfLUBGQq0HFdp7B macaw"
)

// newLab returns real clients of a local AWS with an Elastic IP quota that is just enough, so that
// a leak breaks the next run.
func newLab(t *testing.T, quota int, options ...func(*labtest.APIOptions)) *labAccount {
	t.Helper()
	o := labtest.APIOptions{Region: labRegion, ElasticIPQuota: quota}
	for _, change := range options {
		change(&o)
	}
	l := &labAccount{api: labtest.NewAPI(t, o)}
	l.root, l.iam = ec2.NewFromConfig(l.api.Config()), awsiam.NewFromConfig(l.api.Config())
	l.Clients = l.clients(l.api.Config())
	return l
}

// clients makes clients from a configuration, with calls in between.
func (l *labAccount) clients(cfg aws.Config) Clients {
	cfg.APIOptions = append(cfg.APIOptions, l.watch)
	return Clients{ec2.NewFromConfig(cfg), awsiam.NewFromConfig(cfg)}
}

// as is the lab's configuration with other credentials.
func (l *labAccount) as(id, secret, session string) aws.Config {
	cfg := l.api.Config()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, session)
	return cfg
}

func labWanted(t *testing.T, l *labAccount) Wanted {
	t.Helper()
	w := wanted(t, dualStack)
	w.PublicKey = labKey
	var err error
	if w.Image, err = images.Find(context.Background(), l.EC2, "no such packages", l.api.Image); err != nil {
		t.Fatal(err)
	}
	return w
}

func labUp(ctx context.Context, c Clients, w Wanted) (*Plan, Outputs, error) {
	s, err := inventory.See(ctx, c.EC2, c.IAM, w.Cloud.Name)
	if err != nil {
		return nil, Outputs{}, err
	}
	p, err := PlanUp(w, s)
	if err != nil {
		return nil, Outputs{}, err
	}
	out, err := apply(ctx, c, hurriedClock{}, p, nil)
	return p, out, err
}

func labDown(ctx context.Context, c Clients, cloud string) error {
	s, err := inventory.See(ctx, c.EC2, c.IAM, cloud)
	if err != nil {
		return err
	}
	_, err = apply(ctx, c, hurriedClock{}, PlanDown(s), nil)
	return err
}

// bringUp brings a cloud up, and fails the test on an error.
func bringUp(t *testing.T, l *labAccount, w Wanted) Outputs {
	t.Helper()
	_, out, err := labUp(ctx, l.Clients, w)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// takeDown removes a cloud, and checks that AWS has nothing afterwards except stays.
func takeDown(t *testing.T, l *labAccount, cloud string, stays ...string) {
	t.Helper()
	if err := labDown(ctx, l.Clients, cloud); err != nil {
		t.Fatal(err)
	}
	slices.Sort(stays)
	if left := l.everything(t); !slices.Equal(left, stays) {
		t.Errorf("left: %v, want %v", left, stays)
	}
}

func seen(t *testing.T, l *labAccount, cloud string) inventory.Seen {
	t.Helper()
	s, err := inventory.See(ctx, l.EC2, l.IAM, cloud)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// planOf returns the remaining plan as text.
func planOf(t *testing.T, l *labAccount, w Wanted) string {
	t.Helper()
	p, err := PlanUp(w, seen(t, l, w.Cloud.Name))
	if err != nil {
		t.Fatal(err)
	}
	return p.String()
}

func labLeft(t *testing.T, c Clients, cloud string) int {
	t.Helper()
	s, err := inventory.See(context.Background(), c.EC2, c.IAM, cloud)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, i := range s.Instances {
		if i.Live() {
			n++
		}
	}
	if s.Role != nil {
		n++
	}
	if s.Profile != nil {
		n++
	}
	return n + len(s.Reservations) + len(s.VPCs) + len(s.InternetGateways) + len(s.Subnets) + len(s.RouteTables) +
		len(s.SecurityGroups) + len(s.KeyPairs) + len(s.Interfaces) + len(s.Addresses)
}
