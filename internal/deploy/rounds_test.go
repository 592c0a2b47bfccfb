// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"macaw.example/examples"
	awsapi "macaw.example/internal/aws"
)

// far is how long a call takes in a region that is far away.
const far = 1200 * time.Millisecond

// distant makes calls of a region that is far away, and remembers when each began.
type distant struct {
	aws.HTTPClient
	mu     sync.Mutex
	began  time.Time
	calls  []string
	counts map[string]int
	under  int // way, at the moment
	most   int
}

func (c *distant) Do(r *http.Request) (*http.Response, error) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if r.Body != nil && action == "" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		action = form.Get("Action")
	}
	c.count(action, +1)
	defer c.count("", -1)
	if err := awsapi.Sleep(r.Context(), far); err != nil {
		return nil, err
	}
	return c.HTTPClient.Do(r)
}

func (c *distant) count(action string, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.under += by
	c.most = max(c.most, c.under)
	if action != "" {
		c.calls = append(c.calls, fmt.Sprintf("%g %s", float64(time.Since(c.began))/float64(far), action))
		c.counts[action]++
	}
}

// farAway puts a deployment's AWS far away.
func farAway(d *Deployment) *distant {
	c, config := &distant{began: time.Now(), counts: map[string]int{}}, d.AWS
	d.AWS = func(ctx context.Context) (aws.Config, error) {
		cfg, err := config(ctx)
		c.HTTPClient, cfg.HTTPClient = cfg.HTTPClient, c
		return cfg, err
	}
	return c
}

// operator makes deployments those of a user with the documented rights, whom preflight asks about.
func (w *world) operator(t *testing.T) func(*Deployment) {
	t.Helper()
	root, name, policy := iam.NewFromConfig(w.aws.Config()), aws.String("operator"), string(examples.OperatorRights)
	_, err := root.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name})
	var made *iam.CreatePolicyOutput
	if err == nil {
		made, err = root.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: name, PolicyDocument: &policy})
	}
	if err == nil {
		_, err = root.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: name, PolicyArn: made.Policy.Arn})
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := root.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	return func(d *Deployment) {
		config := d.AWS
		d.AWS = func(ctx context.Context) (aws.Config, error) {
			cfg, err := config(ctx)
			cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId,
					SecretAccessKey: *key.AccessKey.SecretAccessKey}, nil
			})
			return cfg, err
		}
	}
}

// A command makes its calls side by side where one does not need the answer of another: it takes a few round trips,
// however many nodes there are. A lock takes one at the beginning and one at the end, and what a cloud has takes
// three: the lists, their details, the policy of a role.
func TestRoundTrips(t *testing.T) {
	errNo := errors.New("no")
	plan := func(ctx context.Context, d *Deployment) error {
		_, err := d.Plan(ctx)
		return err
	}
	preflight := func(ctx context.Context, d *Deployment) error {
		_, err := d.Preflight(ctx)
		return err
	}
	for cloud, texts := range map[string]struct{ text, retyped string }{
		"one node":      {file, file + "nodes: [{name: cloud-1, type: m5.xlarge}]\n"},
		"several nodes": {several, strings.Replace(several, "[compute],", "[compute], type: m5.xlarge,", 1)},
	} {
		t.Run(cloud, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSeveralWorld(t)
				operator := w.operator(t)
				var dead string
				for _, command := range []struct {
					name   string
					rounds int // at most
					text   string
					run    func(context.Context, *Deployment) error
					err    error
				}{
					{name: "plan of a cloud that is not there", rounds: 3, run: plan},
					{name: "preflight", rounds: 3, run: preflight},
					{name: "up", rounds: 17, run: up},
					{name: "plan with nothing to do", rounds: 3, run: plan},
					{name: "plan of another type", rounds: 4, run: plan, text: texts.retyped},
					{name: "preflight of a cloud that is up", rounds: 3, run: preflight},
					{name: "up with nothing to do", rounds: 6, run: up},
					{name: "status", rounds: 1, run: func(ctx context.Context, d *Deployment) error {
						st, err := d.Status(ctx)
						for _, n := range st.Nodes {
							if n.Agent == nil {
								return errors.Join(err, fmt.Errorf("node %s: %s", n.Name, n.Error))
							}
							dead = n.Name
						}
						return err
					}},
					{name: "verify", rounds: 1, run: func(ctx context.Context, d *Deployment) error {
						_, err := d.Verify(ctx, false)
						return err
					}},
					{name: "ssh", rounds: 1, run: func(ctx context.Context, d *Deployment) error {
						_, err := d.Login(ctx, "")
						return err
					}},
					{name: "node evacuate, before it asks", rounds: 2, run: func(ctx context.Context, d *Deployment) error {
						return d.MayEvacuate(ctx, dead, true)
					}},
					{name: "down that is not approved", rounds: 5, err: errNo, run: func(ctx context.Context, d *Deployment) error {
						d.Approve = func(context.Context, Removing) error { return errNo }
						return down(ctx, d)
					}},
					{name: "down", rounds: 17, run: down},
					{name: "down with nothing to do", rounds: 4, run: down},
				} {
					d, _ := w.process(cmp.Or(command.text, texts.text))
					operator(d)
					c := farAway(d)
					err := command.run(t.Context(), d)
					if !errors.Is(err, command.err) {
						t.Fatalf("%s: %v", command.name, err)
					}
					rounds := float64(time.Since(c.began)) / float64(far)
					t.Logf("%-34s %5.2f round trips, %3d calls, at most %2d at once", command.name, rounds, len(c.calls), c.most)
					if rounds > float64(command.rounds) {
						t.Errorf("%s takes %g round trips, want at most %d; calls, by the round trip that they begin in:\n%s",
							command.name, rounds, command.rounds, strings.Join(c.calls, "\n"))
					}
					if c.most > 2*awsapi.ReadsAtOnce {
						t.Errorf("%s makes %d calls at once", command.name, c.most)
					}
					for _, action := range []string{"GetCallerIdentity", "DescribeInstanceTypes"} {
						if n := c.counts[action]; n > 1 && command.text == "" {
							t.Errorf("%s calls %s %d times", command.name, action, n)
						}
					}
				}
			})
		})
	}
}
