package infra

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	lab "macaw/internal/lab/ec2"
)

// noMachines runs instances that do nothing.
type noMachines struct{}

func (noMachines) Launch(context.Context, lab.Instance) error { return nil }
func (noMachines) Start(context.Context, lab.Instance) error  { return nil }
func (noMachines) Stop(context.Context, string) error         { return nil }
func (noMachines) Reboot(context.Context, string) error       { return nil }
func (noMachines) Terminate(context.Context, string) error    { return nil }
func (noMachines) ConsoleOutput(context.Context, string) ([]byte, error) {
	return nil, nil
}
func (noMachines) CreateImage(context.Context, string, string) error { return nil }
func (noMachines) DeleteImage(context.Context, string) error         { return nil }

// hurriedClock is the wall clock with short pauses: the lab changes states in
// milliseconds.
type hurriedClock struct{ wallClock }

func (c hurriedClock) sleep(ctx context.Context, d time.Duration) error {
	return c.wallClock.sleep(ctx, d/100)
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

// newLab returns the real client of a local AWS with an Elastic IP quota that
// is just enough: what leaks breaks the next run.
func newLab(t *testing.T, quota int) (EC2, *wire) {
	t.Helper()
	state, err := lab.Open(lab.Config{
		Region: "eu-central-1", Machines: noMachines{}, AddressQuota: quota, Log: slog.New(slog.DiscardHandler),
		Images: []lab.Image{{ID: "ami-0123456789abcdef0", Name: "debian-13-amd64-20260829-1", Owner: debianOwner, Architecture: "x86_64", Created: time.Now()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(state.Close)
	server := httptest.NewServer(lab.NewServer(state, lab.Credentials{"AKIAEXAMPLE": "secret"}))
	t.Cleanup(server.Close)
	w := &wire{}
	return ec2.New(ec2.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(server.URL), HTTPClient: &http.Client{Transport: w},
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
	}), w
}

func labWanted(t *testing.T, api EC2) Wanted {
	t.Helper()
	w := wanted(t, "provider: {addresses: 2}\n")
	w.PublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUNTBnUUQbCZ6u14Te6i2g8VEGbQrfLUBGQq0HFdp7B macaw"
	var err error
	if w.Image, err = FindImage(context.Background(), api, "no such packages", ""); err != nil {
		t.Fatal(err)
	}
	return w
}

func labUp(ctx context.Context, api EC2, w Wanted) (*Plan, Outputs, error) {
	s, err := See(ctx, api, w.Cloud.Name)
	if err != nil {
		return nil, Outputs{}, err
	}
	p, err := PlanUp(w, s)
	if err != nil {
		return nil, Outputs{}, err
	}
	out, err := apply(ctx, api, hurriedClock{}, p, nil)
	return p, out, err
}

func labDown(ctx context.Context, api EC2, cloud string) error {
	s, err := See(ctx, api, cloud)
	if err != nil {
		return err
	}
	_, err = apply(ctx, api, hurriedClock{}, PlanDown(s), nil)
	return err
}

func labLeft(t *testing.T, api EC2, cloud string) int {
	t.Helper()
	s, err := See(context.Background(), api, cloud)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, i := range s.Instances {
		if i.live() {
			n++
		}
	}
	return n + len(s.VPCs) + len(s.InternetGateways) + len(s.Subnets) + len(s.RouteTables) + len(s.SecurityGroups) +
		len(s.KeyPairs) + len(s.Interfaces) + len(s.Addresses)
}

func TestLabUpAndDown(t *testing.T) {
	api, _ := newLab(t, 3)
	ctx, w := context.Background(), labWanted(t, api)
	var before string
	for range 2 {
		_, out, err := labUp(ctx, api, w)
		if err != nil {
			t.Fatal(err)
		}
		n := out.Nodes[0]
		if n.InstanceID == "" || n.InstanceID == before || n.ManagementPublic == "" || n.ProviderENI.MAC == "" ||
			len(n.Addresses) != 2 || n.Addresses[1].Public == "" {
			t.Errorf("outputs: %+v", n)
		}
		before = n.InstanceID
		if p, _, err := labUp(ctx, api, w); err != nil || p.String() != "" {
			t.Errorf("a second up: %v\n%s", err, p)
		}
		if err := labDown(ctx, api, "first"); err != nil {
			t.Fatal(err)
		}
		if n := labLeft(t, api, "first"); n != 0 {
			t.Errorf("%d resources left", n)
		}
		if err := labDown(ctx, api, "first"); err != nil {
			t.Errorf("a second down: %v", err)
		}
	}
}

func TestLabKilledAnywhere(t *testing.T) {
	api, w := newLab(t, 3)
	want := labWanted(t, api)
	begin := w.n
	if _, _, err := labUp(context.Background(), api, want); err != nil {
		t.Fatal(err)
	}
	up, resources := w.n-begin, labLeft(t, api, "first")
	begin = w.n
	if err := labDown(context.Background(), api, "first"); err != nil {
		t.Fatal(err)
	}
	down := w.n - begin

	for n := 1; n <= max(up, down); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			api, w := newLab(t, 3)
			want := labWanted(t, api)
			killed := func(f func(context.Context) error) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				w.mu.Lock()
				w.at, w.kill = w.n+n, cancel
				w.mu.Unlock()
				_ = f(ctx)
				w.mu.Lock()
				w.at = 0
				w.mu.Unlock()
			}
			killed(func(ctx context.Context) error { _, _, err := labUp(ctx, api, want); return err })
			if _, _, err := labUp(context.Background(), api, want); err != nil {
				t.Fatalf("up after up killed: %v", err)
			}
			if got := labLeft(t, api, "first"); got != resources {
				t.Errorf("%d resources, want %d", got, resources)
			}
			killed(func(ctx context.Context) error { return labDown(ctx, api, "first") })
			if err := labDown(context.Background(), api, "first"); err != nil {
				t.Fatalf("down after down killed: %v", err)
			}
			if got := labLeft(t, api, "first"); got != 0 {
				t.Errorf("%d resources left", got)
			}
		})
	}
}
