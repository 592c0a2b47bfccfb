// SPDX-License-Identifier: Apache-2.0

package computes

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"net/http"

	"macaw.example/internal/drain"
	"macaw.example/internal/drain/draintest"
	"macaw.example/internal/spot"
	"macaw.example/lab"
	"macaw.example/lab/labtest"
)

// world is a cloud with compute nodes in a lab's AWS: a Spot Instance cmp-1, and cmp-2.
type world struct {
	t    *testing.T
	api  *labtest.API
	ec2  *ec2.Client
	id   map[string]string // instances
	nova *draintest.Nova
	log  *buffer

	followed map[string]time.Time // on disk
	dead     map[string]bool      // nodes whose unit does not answer
	stop     func()
}

// buffer is a log that may be read at any time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, api: labtest.NewAPI(t, labtest.APIOptions{}), id: map[string]string{}, log: &buffer{},
		nova: draintest.New("cmp-1", "cmp-2"), dead: map[string]bool{}}
	w.ec2 = ec2.NewFromConfig(w.api.Config())
	if _, err := w.ec2.CreateDefaultVpc(t.Context(), &ec2.CreateDefaultVpcInput{}); err != nil {
		t.Fatal(err)
	}
	w.launch("cmp-1", true)
	w.launch("cmp-2", false)
	time.Sleep(time.Minute)
	return w
}

func (w *world) launch(node string, isSpot bool) {
	w.t.Helper()
	in := &ec2.RunInstancesInput{ImageId: &w.api.Image, InstanceType: types.InstanceTypeM5Large, MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1), TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance,
			Tags: []types.Tag{{Key: aws.String("macaw:cloud"), Value: aws.String("first")},
				{Key: aws.String("macaw:part"), Value: aws.String("instance/" + node)}}}}}
	if isSpot {
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot}
	}
	out, err := w.ec2.RunInstances(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	w.id[node] = *out.Instances[0].InstanceId
}

// handlers answers requests to addresses of Spot Instances.
type handlers map[string]http.Handler

func (h handlers) RoundTrip(r *http.Request) (*http.Response, error) {
	if h[r.URL.Host] == nil {
		return nil, fmt.Errorf("connection refused")
	}
	return labtest.Direct{Handler: h[r.URL.Host]}.Do(r)
}

// start starts the keeper; stop kills it.
func (w *world) start(evacuates bool) {
	address := netip.MustParseAddrPort("10.0.2.11:9478")
	metadata := imds.New(imds.Options{Endpoint: "http://lab",
		HTTPClient: labtest.Direct{Handler: w.api.Metadata(w.id["cmp-1"])}})
	unit := spot.Handler(metadata, slog.New(slog.DiscardHandler))
	k := &keeper{
		spot:    []string{"cmp-1"},
		notices: asker(map[string]netip.AddrPort{"cmp-1": address}, handlers{address.String(): unit}),
		nova:    func(context.Context) (drain.Nova, error) { return w.nova, nil },
		keep:    func(f map[string]time.Time) error { w.followed = maps.Clone(f); return nil },
		log:     slog.New(slog.NewTextHandler(w.log, nil)),
	}
	k.seen.followed = maps.Clone(w.followed)
	if evacuates {
		k.instances = finder(w.ec2, "first")
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = k.run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-ended
	}
	w.t.Cleanup(w.stop)
}

func (w *world) fault(name string) {
	w.t.Helper()
	if err := w.api.SetFault(w.t.Context(), lab.Fault{Name: name, Target: w.id["cmp-1"]}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) state(node string) string {
	w.t.Helper()
	all, err := finder(w.ec2, "first")(w.t.Context(), []string{node})
	if err != nil || len(all[node]) != 1 {
		w.t.Fatal(all, err)
	}
	return all[node][0].state
}

// where returns the hosts of guests.
func (w *world) where(names ...string) string {
	var all []string
	for _, name := range names {
		s := w.nova.Servers["id-"+name]
		all = append(all, s.Host+" "+s.Status)
	}
	return strings.Join(all, ", ")
}

func (w *world) said(want ...string) {
	w.t.Helper()
	for _, text := range want {
		if !strings.Contains(w.log.String(), text) {
			w.t.Errorf("the log has no %q:\n%s", text, w.log.String())
		}
	}
}

// A Spot Instance is interrupted: its guests are elsewhere, or shut down, when it ends. What was left on it is made
// again if the cloud file wants that.
func TestInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nova.Add("web", "cmp-1", "ACTIVE")
		w.nova.Add("pinned", "cmp-1", "ACTIVE")
		for _, how := range []drain.How{drain.Live, drain.Cold} {
			w.nova.Refuses[draintest.Key("pinned", how)] = &drain.RefusedError{Message: "no", Status: 400}
		}
		w.start(true)
		time.Sleep(time.Minute)
		if len(w.nova.Calls) > 0 {
			t.Errorf("it acts without a notice: %q", w.nova.Calls)
		}
		w.fault(lab.SpotInterruption)
		time.Sleep(100 * time.Second)
		if got := w.where("web", "pinned"); got != "cmp-2 ACTIVE, cmp-1 SHUTOFF" || w.state("cmp-1") != "running" {
			t.Errorf("before the end: %s", got)
		}
		s := w.nova.Computes["cmp-1"]
		if s.Enabled || !strings.HasPrefix(s.Reason, "AWS Spot interruption notice: terminate at 2000-01-01T") {
			t.Errorf("service: %+v", s)
		}
		time.Sleep(20 * time.Second)
		w.nova.Die("cmp-1")
		time.Sleep(2 * time.Minute)
		if got := w.where("web", "pinned"); got != "cmp-2 ACTIVE, cmp-2 SHUTOFF" || w.state("cmp-1") != "terminated" {
			t.Errorf("afterwards: %s", got)
		}
		if n := len(w.nova.Servers["id-web"].Moves); n != 1 {
			t.Errorf("web was on %d other nodes", n)
		}
		w.said("AWS takes a Spot Instance away; moving its guests", "guest has left", "guest=web", "guest stays",
			"it is shut down: cold migration failed: no", "a compute node has died", "instance "+w.id["cmp-1"]+" is terminated")
		time.Sleep(time.Hour)
		if n := strings.Count(w.log.String(), "a compute node has died"); n != 1 {
			t.Errorf("it says so %d times:\n%s", n, w.log)
		}
	})
}

// Killed at any time, the keeper goes on.
func TestInterruptionKilled(t *testing.T) {
	for at := 1 * time.Second; at < 60*time.Second; at += 7 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.nova.Takes = 15 * time.Second
			for i := range 3 {
				w.nova.Add(fmt.Sprintf("web-%d", i), "cmp-1", "ACTIVE")
			}
			w.start(false)
			w.fault(lab.SpotInterruption)
			time.Sleep(at)
			w.stop()
			w.start(false)
			time.Sleep(2*time.Minute - at)
			if got := w.where("web-0", "web-1", "web-2"); got != "cmp-2 ACTIVE, cmp-2 ACTIVE, cmp-2 ACTIVE" {
				t.Errorf("killed after %s: %s", at, got)
			}
		})
	}
}

// A recommendation is followed once: the operator may enable the node again. The interruption afterwards counts.
func TestRebalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nova.Add("web", "cmp-1", "ACTIVE")
		w.nova.Add("saved", "cmp-1", "SUSPENDED")
		w.nova.Computes["cmp-2"].Enabled = false
		w.start(false)
		w.fault(lab.SpotRebalance)
		time.Sleep(5 * time.Minute)
		if s := w.nova.Computes["cmp-1"]; !s.Enabled || w.where("web") != "cmp-1 ACTIVE" {
			t.Errorf("nowhere to go: %+v", s)
		}
		w.said("no other compute node is up and takes guests")
		w.nova.Computes["cmp-2"].Enabled = true
		time.Sleep(2 * time.Minute)
		s := w.nova.Computes["cmp-1"]
		if s.Enabled || !strings.HasPrefix(s.Reason, "AWS Spot rebalance recommendation") {
			t.Errorf("service: %+v", s)
		}
		if got := w.where("web", "saved"); got != "cmp-2 ACTIVE, cmp-1 SUSPENDED" {
			t.Errorf("followed: %s", got)
		}
		w.said("AWS may soon take a Spot Instance away", "it is suspended", "macaw node enable FILE cmp-1")
		if err := drain.Undo(t.Context(), w.nova, "cmp-1", drain.Options{}); err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.start(false)
		time.Sleep(time.Hour)
		if !w.nova.Computes["cmp-1"].Enabled {
			t.Error("the operator's decision is reversed")
		}
		w.nova.Add("db", "cmp-1", "ACTIVE")
		w.fault(lab.SpotInterruption)
		time.Sleep(2 * time.Minute)
		if got := w.where("db"); got != "cmp-2 ACTIVE" {
			t.Errorf("interrupted: %s", got)
		}
	})
}

// An interruption does not wait for what a recommendation has begun.
func TestInterruptionPreempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nova.Takes = 50 * time.Second
		for i := range 6 {
			w.nova.Add(fmt.Sprintf("web-%d", i), "cmp-1", "ACTIVE")
		}
		w.start(false)
		w.fault(lab.SpotRebalance)
		time.Sleep(5 * time.Second)
		w.fault(lab.SpotInterruption)
		time.Sleep(2 * time.Minute)
		got := w.where("web-0", "web-1", "web-2", "web-3", "web-4", "web-5")
		calls := strings.Join(w.nova.Calls, ", ")
		if strings.Count(got, "cmp-2") != 4 || strings.Count(calls, ": shutdown") != 2 {
			t.Errorf("%s; %s", got, calls)
		}
	})
}

// Only a node whose instance has ended is evacuated, and only if the cloud file says so.
func TestEvacuation(t *testing.T) {
	for name, tt := range map[string]struct {
		off, stop, hang bool
		after           time.Duration
		want            string
	}{
		"terminated":   {after: 2 * time.Minute, want: "cmp-1 ACTIVE"},
		"not wanted":   {off: true, after: time.Hour, want: "cmp-2 ACTIVE"},
		"hangs":        {hang: true, after: time.Hour, want: "cmp-2 ACTIVE"},
		"just stopped": {stop: true, after: 4 * time.Minute, want: "cmp-2 ACTIVE"},
		"stopped":      {stop: true, after: 7 * time.Minute, want: "cmp-1 ACTIVE"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.nova.Add("web", "cmp-2", "ACTIVE")
				w.start(!tt.off)
				var err error
				ids := []string{w.id["cmp-2"]}
				switch {
				case tt.hang:
				case tt.stop:
					_, err = w.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: ids})
				default:
					_, err = w.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: ids})
				}
				if err != nil {
					t.Fatal(err)
				}
				w.nova.Die("cmp-2")
				time.Sleep(tt.after)
				if got := w.where("web"); got != tt.want {
					t.Errorf("%s\n%s", got, w.log)
				}
				if s := w.nova.Computes["cmp-2"]; tt.want == "cmp-1 ACTIVE" && (s.Enabled || !s.ForcedDown ||
					!strings.HasPrefix(s.Reason, "evacuated: EC2 says that instance ")) {
					t.Errorf("service: %+v", s)
				}
			})
		})
	}
}
