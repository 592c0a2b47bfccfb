// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/hint"
	"macaw.example/internal/host"
)

const autoFile = "name: first\ntarget: eu-central-1\nmanagement: {allow: [auto, 192.0.2.0/24]}\n" +
	"provider: {addresses: 2}\n"

// admitted returns the sources of SSH that the cloud's management group allows.
func (w *world) admitted() (sources []string) {
	w.t.Helper()
	out, err := ec2.NewFromConfig(w.aws.Config()).DescribeSecurityGroups(context.Background(),
		&ec2.DescribeSecurityGroupsInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range out.SecurityGroups {
		for _, p := range g.IpPermissions {
			if p.FromPort == nil || *p.FromPort != 22 {
				continue
			}
			for _, r := range p.IpRanges {
				sources = append(sources, *r.CidrIp)
			}
		}
	}
	slices.Sort(sources)
	return sources
}

// "auto" is this machine's address of the moment: shown, in the plan, and the former one is removed.
func TestAllowAuto(t *testing.T) {
	address := "198.51.100.7"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, address) }))
	t.Cleanup(s.Close)
	w := newWorld(t)
	plan := func() string {
		t.Helper()
		d, progress := w.process(autoFile)
		d.CheckIP = s.URL
		res, err := d.Plan(t.Context())
		if err != nil {
			t.Fatal(err, hint.All(err))
		}
		want := "infra: management.allow: auto is " + address + "/32, by " + s.URL
		if !slices.Contains(progress.notes, want) {
			t.Errorf("notes %q lack %q", progress.notes, want)
		}
		return res.String()
	}
	up := func(want ...string) {
		t.Helper()
		d, progress := w.process(autoFile)
		d.CheckIP = s.URL
		if _, err := d.Up(t.Context(), UpOptions{}); err != nil {
			t.Fatal(err, hint.All(err))
		}
		if got := w.admitted(); !slices.Equal(got, want) {
			t.Errorf("the group admits %q, want %q", got, want)
		}
		if !slices.ContainsFunc(progress.notes, func(n string) bool { return strings.Contains(n, "auto is "+address) }) {
			t.Errorf("notes %q", progress.notes)
		}
	}
	if text := plan(); !strings.Contains(text, "198.51.100.7/32") {
		t.Errorf("the plan has no 198.51.100.7/32:\n%s", text)
	}
	up("192.0.2.0/24", "198.51.100.7/32")
	if text := plan(); text != "" {
		t.Errorf("the same address: %s", text)
	}
	address = "198.18.7.9"
	text := plan()
	for _, want := range []string{`management allows [\d,]+ from 198.18.7.9/32\n`,
		`management no longer allows [\d,]+ from 198.51.100.7/32\n`} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("the plan lacks %q:\n%s", want, text)
		}
	}
	up("192.0.2.0/24", "198.18.7.9/32")
	w.down(t)

	// Without an answer nothing is made, and nothing is assumed.
	s.Close()
	d, _ := w.process(autoFile)
	d.CheckIP = s.URL
	_, err := d.Up(t.Context(), UpOptions{})
	if err == nil || !strings.Contains(err.Error(), "finding this machine's public IPv4 address from "+s.URL) {
		t.Errorf("without an answer: %v", err)
	}
	if left := w.admitted(); len(left) != 0 {
		t.Errorf("without an answer the group admits %q", left)
	}
	d, _ = w.process(autoFile)
	t.Setenv(checkIPVariable, "http://checkip.example.org")
	if _, err = d.Plan(t.Context()); err == nil ||
		!strings.Contains(err.Error(), `MACAW_CHECKIP_URL: "http://checkip.example.org" is no https URL`) {
		t.Errorf("without TLS: %v", err)
	}
}

// A wait for SSH is shown every 30 seconds, with what it often is.
func TestWaitingForSSHIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d, progress := w.process(file)
		d.Dial = func(ctx context.Context, _ host.Config) (Node, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		d.Limits.Start = 70 * time.Second
		if _, err := d.Up(t.Context(), UpOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		var shown []string
		for _, note := range progress.notes {
			if strings.Contains(note, "still waiting for SSH to cloud-1 at ") {
				shown = append(shown, note)
			}
		}
		if len(shown) != 2 || !strings.HasSuffix(shown[0], ", for 30s of at most 1m10s; management.allow must include the "+
			"public address of this machine") {
			t.Errorf("%q", progress.notes)
		}
	})
}
