package infra

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	awsapi "macaw.example/internal/aws"
	"macaw.example/lab/labtest"
)

// hurriedClock is the wall clock with short pauses: the lab changes states in
// milliseconds.
type hurriedClock struct{ awsapi.WallClock }

func (c hurriedClock) Sleep(ctx context.Context, d time.Duration) error {
	return c.WallClock.Sleep(ctx, d/100)
}

// wire counts requests and loses the answer to one of them.
type wire struct {
	mu   sync.Mutex
	n    int
	at   int // 0 for none
	kill func()
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	// The request goes through even if others of the same process are killed.
	resp, err := http.DefaultTransport.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n++; w.n == w.at {
		w.kill()
		if err == nil {
			resp.Body.Close()
		}
		return nil, context.Canceled
	}
	return resp, err
}

// labAccount is the account of a local AWS.
type labAccount struct {
	Clients
	*wire
	api    *labtest.API
	server string
}

const (
	labRegion = "eu-central-1"
	labKey    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUNTBnUUQbCZ6u14Te6i2g8VEGbQrfLUBGQq0HFdp7B macaw"
)

// newLab returns the real clients of a local AWS with an Elastic IP quota that
// is just enough: what leaks breaks the next run.
func newLab(t *testing.T, quota int, options ...func(*labtest.APIOptions)) *labAccount {
	t.Helper()
	o := labtest.APIOptions{Region: labRegion, ElasticIPQuota: quota}
	for _, change := range options {
		change(&o)
	}
	api := labtest.NewAPI(t, o)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	l := &labAccount{wire: &wire{}, api: api, server: server.URL}
	l.EC2, l.IAM = l.ec2(l.key()), awsiam.New(awsiam.Options{
		Region: labRegion, BaseEndpoint: &l.server, HTTPClient: &http.Client{Transport: l.wire}, Credentials: l.key(),
	})
	return l
}

// key is the account's own.
func (l *labAccount) key() aws.CredentialsProvider { return l.api.Config().Credentials }

func (l *labAccount) ec2(key aws.CredentialsProvider) *ec2.Client {
	return ec2.New(ec2.Options{
		Region: labRegion, BaseEndpoint: aws.String(l.server), HTTPClient: &http.Client{Transport: l.wire}, Credentials: key,
	})
}

func labWanted(t *testing.T, l *labAccount) Wanted {
	t.Helper()
	w := wanted(t, dualStack)
	w.PublicKey = labKey
	var err error
	if w.Image, err = FindImage(context.Background(), l.EC2, "no such packages", ""); err != nil {
		t.Fatal(err)
	}
	return w
}

func labUp(ctx context.Context, c Clients, w Wanted) (*Plan, Outputs, error) {
	s, err := See(ctx, c, w.Cloud.Name)
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
	s, err := See(ctx, c, cloud)
	if err != nil {
		return err
	}
	_, err = apply(ctx, c, hurriedClock{}, PlanDown(s), nil)
	return err
}

func labLeft(t *testing.T, c Clients, cloud string) int {
	t.Helper()
	s, err := See(context.Background(), c, cloud)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, i := range s.Instances {
		if i.live() {
			n++
		}
	}
	if s.Role != nil {
		n++
	}
	if s.Profile != nil {
		n++
	}
	return n + len(s.Reservations) + len(s.VPCs) + len(s.InternetGateways) + len(s.Subnets) + len(s.RouteTables) + len(s.SecurityGroups) +
		len(s.KeyPairs) + len(s.Interfaces) + len(s.Addresses)
}

func TestLabUpAndDown(t *testing.T) {
	l := newLab(t, 3)
	ctx, w := context.Background(), labWanted(t, l)
	var before string
	for range 2 {
		_, out, err := labUp(ctx, l.Clients, w)
		if err != nil {
			t.Fatal(err)
		}
		n := out.Nodes[0]
		if n.InstanceID == "" || n.InstanceID == before || n.ManagementPublic == "" || n.ProviderENI.MAC == "" ||
			len(n.Addresses) != 2 || n.Addresses[1].Public == "" {
			t.Errorf("outputs: %+v", n)
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
		if err := labDown(ctx, l.Clients, "first"); err != nil {
			t.Fatal(err)
		}
		if n := labLeft(t, l.Clients, "first"); n != 0 {
			t.Errorf("%d resources left", n)
		}
		if err := labDown(ctx, l.Clients, "first"); err != nil {
			t.Errorf("a second down: %v", err)
		}
	}
}

func TestLabKilledAnywhere(t *testing.T) {
	l := newLab(t, 3)
	want := labWanted(t, l)
	begin := l.n
	if _, _, err := labUp(context.Background(), l.Clients, want); err != nil {
		t.Fatal(err)
	}
	up, resources := l.n-begin, labLeft(t, l.Clients, "first")
	begin = l.n
	if err := labDown(context.Background(), l.Clients, "first"); err != nil {
		t.Fatal(err)
	}
	down := l.n - begin

	for n := 1; n <= max(up, down); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3)
			want := labWanted(t, l)
			killed := func(f func(context.Context) error) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				l.mu.Lock()
				l.at, l.kill = l.n+n, cancel
				l.mu.Unlock()
				_ = f(ctx)
				l.mu.Lock()
				l.at = 0
				l.mu.Unlock()
			}
			killed(func(ctx context.Context) error { _, _, err := labUp(ctx, l.Clients, want); return err })
			if _, _, err := labUp(context.Background(), l.Clients, want); err != nil {
				t.Fatalf("up after up killed: %v", err)
			}
			if got := labLeft(t, l.Clients, "first"); got != resources {
				t.Errorf("%d resources, want %d", got, resources)
			}
			killed(func(ctx context.Context) error { return labDown(ctx, l.Clients, "first") })
			if err := labDown(context.Background(), l.Clients, "first"); err != nil {
				t.Fatalf("down after down killed: %v", err)
			}
			if got := labLeft(t, l.Clients, "first"); got != 0 {
				t.Errorf("%d resources left", got)
			}
		})
	}
}
