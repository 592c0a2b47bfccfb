// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"macaw.example/internal/authority"
	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/drain"
	"macaw.example/internal/drain/draintest"
	"macaw.example/internal/host"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/verify"
	"macaw.example/lab/labtest"
)

// quiet records the steps that have started.
type quiet struct {
	mu    sync.Mutex
	steps []string
	notes []string
	// ended is called at the end of a step, with the number of ended steps.
	ended func(n int)
	n     int
}

func (q *quiet) Start(phase, step string) func(error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.steps = append(q.steps, phase+": "+step)
	return func(error) {
		q.mu.Lock()
		q.n++
		n := q.n
		q.mu.Unlock()
		if q.ended != nil {
			q.ended(n)
		}
	}
}

func (q *quiet) Begin(phase, step string) func(error) { return q.Start(phase, step) }

func (q *quiet) Note(phase, text string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.notes = append(q.notes, phase+": "+text)
}

// world is a deployment's environment: the lab's AWS in this process, machines that are files and
// jobs, and a cloud that answers.
type world struct {
	t        *testing.T
	aws      *labtest.API
	home     Home
	mu       sync.Mutex
	nodes    map[string]*fakeNode // by instance ID
	images   []string             // of the cloud
	verified int
	// verifying, if it is not nil, is the verification.
	verifying func(context.Context, verify.Config) error
	cleaned   []string        // names of verifications whose remains were removed
	newNode   func(*fakeNode) // if not nil, is called for each
	nova      *draintest.Nova
	changes   atomic.Int64 // of machines and of the cloud on them, so far
	// places are the steps, and the calls of AWS that count, of the last operation that killed has run.
	places struct{ steps, calls int }
}

const file = "name: first\ntarget: eu-central-1\nmanagement: {allow: [192.0.2.0/24]}\nprovider: {addresses: 2}\n"

func newWorld(t *testing.T) *world {
	return &world{
		t: t, home: newHome(t), nodes: map[string]*fakeNode{},
		aws: labtest.NewAPI(t, labtest.APIOptions{Region: "eu-central-1", ElasticIPQuota: 3}),
	}
}

// process is a run of macaw, as AWS sees it.
type process struct {
	*world
	progress *quiet
	mu       sync.Mutex
	calls    int  // so far
	dead     bool // killed: it makes no more calls
	// called, if not nil, is called after each call has taken effect, and changed after one that counts: it changes
	// something itself, or is the first one after a change. A kill after any other leaves what one after the call
	// before it leaves.
	called, changed func(n int)
	places          int   // calls that count, so far
	seen            int64 // changes and ended steps, at the last of them
}

// process returns a run of macaw.
func (w *world) process(text string) (*Deployment, *quiet) {
	d, progress, _ := w.killable(text)
	return d, progress
}

func (w *world) killable(text string) (*Deployment, *quiet, *process) {
	w.t.Helper()
	c, err := cloud.Parse("cloud.yaml", []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	progress := &quiet{}
	p := &process{world: w, progress: progress}
	d := &Deployment{
		Cloud: c, Home: w.home, Progress: progress, Command: "test",
		AWS: func(context.Context) (aws.Config, error) {
			cfg := w.aws.Config()
			cfg.HTTPClient, cfg.APIOptions = p, awsapi.Options
			return cfg, nil
		},
		Dial: w.dial, OpenStack: w,
		Program: func() (host.Content, error) { return host.Content{Size: 10}, nil },
	}
	return d, progress, p
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

// Do makes a call of AWS. Like a request that has been sent, it takes effect even if the process is
// killed meanwhile.
func (p *process) Do(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	if dead {
		return nil, errKilled
	}
	reads, err := onlyReads(r)
	if err != nil {
		return nil, err
	}
	resp, err := labtest.Direct{Handler: p.aws}.Do(r)
	call, place := p.count(reads)
	if p.called != nil {
		p.called(call)
	}
	if place > 0 && p.changed != nil {
		p.changed(place)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err // the response is lost
	}
	return resp, err
}

// count counts a call that has taken effect. place is 0 if nothing has changed since the last one that counts.
func (p *process) count(reads bool) (call, place int) {
	p.progress.mu.Lock()
	ended := p.progress.n
	p.progress.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.world.changes.Load() + int64(ended)
	p.calls++
	if reads && now == p.seen {
		return p.calls, 0
	}
	p.seen = now
	p.places++
	return p.calls, p.places
}

// onlyReads reports whether a call of AWS changes nothing, by the name of its action: in a form, or in a header.
func onlyReads(r *http.Request) (bool, error) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if r.Body != nil && action == "" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return false, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return false, err
		}
		action = form.Get("Action")
	}
	return slices.ContainsFunc([]string{"Describe", "Get", "List", "Simulate"},
		func(verb string) bool { return strings.HasPrefix(action, verb) }), nil
}

func (w *world) dial(ctx context.Context, cfg host.Config) (Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.nodes[cfg.Identity]
	if n == nil {
		n = &fakeNode{files: map[string]string{}, changes: &w.changes}
		n.change()
		n.address, n.through = cfg.Address, cfg.Dial != nil
		if w.newNode != nil {
			w.newNode(n)
		}
		w.nodes[cfg.Identity] = n
	}
	return n, nil
}

func (w *world) EnsureImage(ctx context.Context, auth neutron.Auth, name string, _ []verify.Part) error {
	if auth.User != "admin" {
		return fmt.Errorf("user %q may not", auth.User)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.changes.Add(1)
	if !slices.Contains(w.images, name) {
		w.images = append(w.images, name)
	}
	return nil
}

func (w *world) Verify(ctx context.Context, cfg verify.Config, step verify.Step) (verify.Result, error) {
	if cfg.GuestsReady != nil {
		if err := cfg.GuestsReady(ctx); err != nil {
			return verify.Result{}, err
		}
	}
	step("guest answers")(ctx.Err())
	if w.verifying != nil {
		if err := w.verifying(ctx, cfg); err != nil {
			return verify.Result{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verified++
	w.changes.Add(1)
	res := verify.Result{
		Guest: "guest", FloatingIP: netip.MustParseAddr("10.0.1.64"), Key: []byte("key"), Kept: cfg.Keep,
	}
	return res, ctx.Err()
}

func (w *world) Clean(ctx context.Context, cfg verify.Config, _ verify.Step) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cleaned = append(w.cleaned, cfg.Name)
	w.changes.Add(1)
	return len(w.cleaned) == 1, ctx.Err()
}

func (w *world) Nova(ctx context.Context, auth neutron.Auth) (drain.Nova, error) {
	if auth.User != "admin" {
		return nil, fmt.Errorf("user %q may not", auth.User)
	}
	if w.nova == nil {
		return draintest.New(), ctx.Err()
	}
	return w.nova, ctx.Err()
}

// fakeNode is a machine whose jobs report what macaw-node would.
type fakeNode struct {
	mu      sync.Mutex // for files and applied: other nodes' secrets come from the controller while it is made
	files   map[string]string
	running []string // jobs under way
	ran     []string // programs and their arguments, for each time that there was something to do
	applied string   // the spec of the last apply
	off     bool     // the translation is switched off
	broken  bool     // the translation's status cannot be read
	// status and overview are what macaw-node prints, if they are not empty.
	status, overview string

	address string // at which it was reached first
	through bool   // through another node

	late func(context.Context) error // the work of a job once the cloud serves
	// put, if not nil, is called before a file is written, and afterwards.
	put func(file string, written bool)

	changes *atomic.Int64 // if not nil, counts what changes
}

func (n *fakeNode) change() {
	if n.changes != nil {
		n.changes.Add(1)
	}
}

func (n *fakeNode) Output(ctx context.Context, command string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case strings.HasPrefix(command, "rm -fv "):
		file := strings.TrimPrefix(command, "rm -fv ")
		if _, ok := n.files[file]; !ok {
			return "", nil
		}
		delete(n.files, file)
		n.change()
		return "removed '" + file + "'", nil
	case command == "uname -sm":
		return "Linux x86_64\n", nil
	case command == "cat "+nodeapi.CloudsYAML:
		if n.applied == "" {
			return "", errors.New("no such file")
		}
		return "clouds:\n  first:\n    auth: {auth_url: http://node/v3, username: admin, password: secret}\n", nil
	case command == chainOf(nodeapi.Issuer):
		c, err := authority.DecodeBundle([]byte(n.files[nodeapi.Issuer]))
		if err != nil {
			return "", nil
		}
		return string(authority.EncodeChain(c.Chain)), nil
	case command == "cat "+nodeapi.Authority:
		// The issuer's chain ends with it.
		chain, err := authority.DecodeChain([]byte(n.files[nodeapi.Issuer]))
		if err != nil {
			return "", err
		}
		return string(authority.EncodeChain(chain[1:])), nil
	case strings.HasPrefix(command, nodeapi.Program+" secrets --roles "):
		if n.files[nodeapi.Program] == "" {
			return "", errors.New("there is no such program")
		}
		return "secrets of " + strings.TrimPrefix(command, nodeapi.Program+" secrets --roles "), nil
	case strings.HasPrefix(command, forget("")):
		n.change()
		n.ran = append(n.ran, command)
		return "", nil
	case strings.HasPrefix(command, "cat "+verifiedPath):
		return n.files[verifiedPath], nil
	case strings.HasPrefix(command, onOtherNode("overview")) && n.applied == "":
		return "", &host.ExitError{Status: exitNotSetUp}
	case strings.HasPrefix(command, onOtherNode("overview")):
		n.ran = append(n.ran, "overview")
		return cmp.Or(n.overview, "{}"), nil
	case command == onOtherNode(commandStatus) && n.applied != "":
		return `{"machine": {"stopped": [], "certificates": []}}`, nil
	case command == onOtherNode(commandStatus), command == onGateway(commandStatus) && n.applied == "":
		return "", &host.ExitError{Status: exitNotSetUp}
	case command == onGateway(commandStatus) && n.broken:
		return "", &host.ExitError{Status: 1, Stderr: "error: no translation\nhint: look\nerror: second\n"}
	case command == onGateway(commandStatus) && n.off:
		return `{"mode": "off", "report": {"findings": []}}`, nil
	case command == onGateway(commandStatus) && n.status != "":
		return n.status, nil
	case command == onGateway(commandStatus):
		return `{"mode": "translate", "report": {"findings": []}}`, nil
	}
	return "", fmt.Errorf("this node does not know the command %q", command)
}

func (n *fakeNode) Run(ctx context.Context, command string, stdin io.Reader, _ io.Writer) error {
	if strings.HasSuffix(command, "systemctl try-reload-or-restart haproxy.service") ||
		strings.Contains(command, "/usr/sbin/haproxy -c") {
		return ctx.Err()
	}
	n.ran = append(n.ran, command)
	n.change()
	return ctx.Err()
}

func (n *fakeNode) Put(ctx context.Context, file string, content []byte, _ fs.FileMode) (bool, error) {
	tell := n.put
	if tell == nil {
		tell = func(string, bool) {}
	}
	tell(file, false)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	n.mu.Lock()
	changed := n.files[file] != string(content)
	n.files[file] = string(content)
	n.mu.Unlock()
	if changed {
		n.change()
	}
	tell(file, true)
	return changed, ctx.Err()
}

func (n *fakeNode) PutContent(ctx context.Context, file string, c host.Content, mode fs.FileMode) (bool, error) {
	return n.Put(ctx, file, fmt.Append(nil, c.Sum), mode)
}

func (n *fakeNode) Active(_ context.Context, j host.Job) (bool, error) {
	return slices.Contains(n.running, j.Name), nil
}

func (n *fakeNode) Start(ctx context.Context, j host.Job) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if slices.Contains(n.running, j.Name) {
		return false, nil
	}
	n.running = append(n.running, j.Name)
	n.change()
	return true, nil
}

// Follow does the job's work, which goes on when the process is killed.
func (n *fakeNode) Follow(ctx context.Context, j host.Job, line func([]byte)) error {
	tell := func(l nodeapi.Line) {
		b, _ := json.Marshal(l)
		line(b)
	}
	tell(nodeapi.Line{Step: j.Command[1], State: nodeapi.Started})
	end := nodeapi.Skipped
	n.mu.Lock()
	spec, applied := n.files[nodeapi.SpecPath], n.applied
	n.applied = spec
	n.mu.Unlock()
	n.change()
	if j.Command[1] != "apply" || spec != applied {
		tell(nodeapi.Line{Note: j.Command[1] + ": half of it"})
		end = nodeapi.Done
		n.ran = append(n.ran, strings.Join(j.Command, " "))
	}
	tell(nodeapi.Line{Step: j.Command[1], State: end})
	if n.late != nil {
		tell(nodeapi.Line{Step: nodeapi.StepServing, State: nodeapi.Done})
		tell(nodeapi.Line{Step: nodeapi.StepGuests, State: nodeapi.Done})
		if err := n.late(ctx); err != nil {
			tell(nodeapi.Line{Result: nodeapi.ResultFailed, Error: err.Error()})
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	n.running = slices.DeleteFunc(n.running, func(name string) bool { return name == j.Name })
	n.change()
	tell(nodeapi.Line{Result: nodeapi.ResultOK})
	return nil
}

func (*fakeNode) Alive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func (*fakeNode) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("this node connects to nothing")
}

func (*fakeNode) Close() error { return nil }
