// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/lab/internal/account"
	lab "macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/iam"
	"macaw.example/lab/internal/vpc"
)

// idle machines do nothing and finish at once.
type idle struct{}

func (idle) Launch(context.Context, lab.Instance) error            { return nil }
func (idle) Start(context.Context, lab.Instance) error             { return nil }
func (idle) Stop(context.Context, string) error                    { return nil }
func (idle) Reboot(context.Context, string) error                  { return nil }
func (idle) Terminate(context.Context, string) error               { return nil }
func (idle) ConsoleOutput(context.Context, string) ([]byte, error) { return nil, nil }
func (idle) CreateImage(context.Context, string, string) error     { return nil }
func (idle) DeleteImage(context.Context, string) error             { return nil }
func (idle) AttachNIC(context.Context, string, lab.NIC) error      { return nil }
func (idle) DetachNIC(context.Context, string, lab.NIC) error      { return nil }

// startLab serves the lab's API without machines or a fabric.
func startLab(t *testing.T) Config {
	t.Helper()
	return startLabWith(t, func(api http.Handler) http.Handler { return api })
}

// startLabWith serves the lab's API as a middleware leaves it.
func startLabWith(t *testing.T, wrap func(http.Handler) http.Handler) Config {
	t.Helper()
	const access, secret = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	log := slog.New(slog.DiscardHandler)
	settings, err := account.New(account.Settings{MissingTypes: map[string][]string{"us-east-1c": {"m8i.large"}}},
		"us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	identities, err := iam.Open(iam.Config{Root: iam.Key{ID: access, Secret: secret}, Log: log, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	fabric := vpc.New(vpc.Config{})
	service, err := lab.Wire(lab.Config{Machines: idle{}, Fabric: fabric, Profiles: identities, Log: log,
		Settings: settings,
		Images: []lab.Image{{
			ID: "ami-0debdeb0000000013", Name: "debian-13-amd64-20261101-1", Owner: "136693071363", Architecture: "x86_64",
			Created: time.Unix(1700000000, 0), Parameters: []string{debianParameter}}}},
		identities, func(r *http.Request) (string, bool) { return r.Header.Get("Test-Interface"), true })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.State.Close)
	service.State.Resume()
	server := httptest.NewServer(wrap(service.API))
	t.Cleanup(server.Close)
	creds := credentials.NewStaticCredentialsProvider(access, secret, "")
	return Config{
		EC2:  ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: creds, RetryMaxAttempts: 1}),
		Wire: Wire{Endpoint: server.URL, Region: "us-east-1", Credentials: creds},
		Run:  NewRun(), Patience: 2 * time.Second, hands: &virtual{fabric: fabric, metadata: service.Metadata},
	}
}

// TestLabConforms runs all checks against the lab's API and its fabric.
func TestLabConforms(t *testing.T) {
	cfg := startLab(t)
	report, err := Run(t.Context(), cfg, Checks())
	if err != nil {
		t.Error(err)
	}
	for _, r := range report.Results {
		switch r.Status {
		case Failed:
			t.Errorf("%s: want %s; saw %s", r.ID, r.Expected, r.Seen)
		case Broken, Skipped:
			t.Errorf("%s %s: %s", r.ID, r.Status, r.Problem)
		}
		for _, o := range r.Observations {
			t.Logf("%s: %s", r.ID, o)
		}
	}
	left, err := Leftovers(t.Context(), cfg, "")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	vpcs, err := cfg.EC2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if err != nil || len(vpcs.Vpcs) > 0 {
		t.Errorf("%d VPCs are left, %v", len(vpcs.Vpcs), err)
	}
}

// TestBridgeDoesNotConform shows that data-plane checks can fail: on a network without
// AWS's rules, the right ones do.
func TestBridgeDoesNotConform(t *testing.T) {
	cfg := startLab(t)
	cfg.hands.(*virtual).bridge = true
	want := map[string]Status{"machines": Passed, "frame": Passed, "mtu-inside": Passed,
		"arp": Failed, "arp-hidden": Failed, "source-mac": Failed, "source-address": Failed,
		"no-flooding": Failed, "security-group": Failed}
	var ids []string
	for id := range want {
		ids = append(ids, id)
	}
	checks, _ := Select(ids)
	report, err := Run(t.Context(), cfg, checks)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if status, judged := want[r.ID]; judged && r.Status != status {
			t.Errorf("%s %s, want %s: %s%s", r.ID, r.Status, status, r.Problem, r.Seen)
		}
	}
}

// TestRunEnded cancels a run midway: its resources are removed nevertheless.
func TestRunEnded(t *testing.T) {
	cfg := startLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Done = func(Result) { cancel() }
	report, err := Run(ctx, cfg, Checks())
	if err == nil || report.Count(Skipped) == 0 {
		t.Errorf("a run that was ended: %v, %d skipped", err, report.Count(Skipped))
	}
	if left, err := Leftovers(t.Context(), cfg, ""); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCatalog checks the catalog's own rules.
func TestCatalog(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Checks() {
		switch {
		case seen[c.ID]:
			t.Errorf("%s is there twice", c.ID)
		case c.Title == "" || c.Rule == "" || c.Source == "" || c.Confidence == "" || c.run == nil:
			t.Errorf("%s is incomplete", c.ID)
		}
		seen[c.ID] = true
	}
	needs := map[string][]string{}
	for _, c := range Checks() {
		needs[c.ID] = c.Needs
	}
	var depth func(id string, path []string)
	depth = func(id string, path []string) {
		if slices.Contains(path, id) {
			t.Fatalf("%s needs itself: %v", id, path)
		}
		for _, need := range needs[id] {
			if !seen[need] {
				t.Fatalf("%s needs %s, which there is not", id, need)
			}
			depth(need, append(slices.Clone(path), id))
		}
	}
	for id := range needs {
		depth(id, nil)
	}
	chosen, unknown := Select([]string{"move-elastic", "moon"})
	if len(unknown) != 1 || unknown[0] != "moon" {
		t.Errorf("unknown: %v", unknown)
	}
	for _, id := range []string{"move-elastic", "move", "assign", "elastic-secondary", "elastic-primary"} {
		found := false
		for _, c := range chosen {
			found = found || c.ID == id
		}
		if !found {
			t.Errorf("move-elastic is chosen without %s", id)
		}
	}
}

// TestVerdicts runs checks with each of the outcomes.
func TestVerdicts(t *testing.T) {
	cfg := startLab(t)
	results := map[string]Result{}
	cfg.Done = func(r Result) { results[r.ID] = r }
	_, err := Run(t.Context(), cfg, []Check{
		{ID: "good", Confidence: Documented, run: func(b *bench) { b.want("one", 1, 1) }},
		{ID: "bad", Confidence: Documented, run: func(b *bench) { b.want("one", 2, 1) }},
		{ID: "late", Confidence: Documented,
			run: func(b *bench) { b.eventually("never", func() (string, bool) { return "nothing", false }) }},
		{ID: "open", Confidence: Unknown, run: func(b *bench) { b.observe("the moon is %s", "full") }},
		{ID: "broken", Confidence: Documented, run: func(b *bench) {
			must(b.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{MaxResults: aws.Int32(1)}))(b)
		}},
		{ID: "granted", Confidence: Documented, run: func(b *bench) {
			grants(b.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{MaxResults: aws.Int32(1)}))(b, "a page of one")
		}},
		{ID: "not-refused", Confidence: Documented, run: func(b *bench) {
			_, err := b.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{})
			b.refused(err, "a look")
		}},
		{ID: "faulty", Confidence: Documented, run: func(b *bench) {
			var none []int
			_ = none[len(b.check)]
		}},
		{ID: "after-bad", Confidence: Documented, Needs: []string{"bad"}, run: func(*bench) {}},
		{ID: "after-good", Confidence: Documented, Needs: []string{"good", "open"}, run: func(*bench) {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]Status{"good": Passed, "bad": Failed, "late": Failed, "open": Observed,
		"broken": Broken, "faulty": Broken,
		"granted": Failed, "not-refused": Failed, "after-bad": Skipped, "after-good": Passed} {
		if got := results[id].Status; got != want {
			t.Errorf("%s %s, want %s", id, got, want)
		}
	}
	if r := results["bad"]; r.Expected != "one: 1" || r.Seen != "2" {
		t.Errorf("bad: expected %q, saw %q", r.Expected, r.Seen)
	}
}
