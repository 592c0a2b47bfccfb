// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/ovn"
	"macaw.example/internal/translate"
	"macaw.example/lab/labtest"
)

// gatewayNode is a gateway: its machine, its agent's process, and what it can reach at the moment.
type gatewayNode struct {
	world   *world
	name    string
	cfg     Config
	machine *fakeMachine
	process *process
	// starting is taken while another process is started.
	starting chan struct{}

	mu       sync.Mutex
	resumed  time.Time     // until then the process is stopped, as by SIGSTOP
	ovnDelay time.Duration // of OVN's word
	ovnStale time.Time     // until then OVN's word does not come, though the connection lives
	noOVN    time.Time     // until then, and likewise:
	noAPI    time.Time
	noWord   time.Time // of Neutron
	hangs    bool      // Neutron hangs, rather than refuse
	slow     time.Duration
	ovnLost  chan struct{} // closed when the connection to OVN is lost
	lose     int           // the answer to so many calls that write is lost
	killIn   int           // the process is killed at this call that it makes; 0: it is not
	killLate bool          // after the call's effect
}

// process is one run of an agent.
type process struct {
	*gatewayNode
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}
	knows  knowledge
}

// start starts the agent as Run does, with the lab as AWS and without a kernel.
func (n *gatewayNode) start() {
	p := &process{gatewayNode: n, ended: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	if sequenceLog != nil {
		log = slog.New(slog.NewTextHandler(sequenceLog, nil)).With("node", n.name)
	}
	api := ec2.NewFromConfig(n.world.api.Config(), func(o *ec2.Options) {
		o.HTTPClient = p
		o.APIOptions = append(o.APIOptions, awsapi.Options...)
	})
	m, h, word := newMetrics("", fakeNICs{}), newHeldFiles(n.cfg, log), newLastWord(n.cfg)
	registered := newMailbox[registrations]()
	still := func(a netip.Addr) bool { p.wait(p.ctx); return word.still(a) }
	a := &agent{
		cfg: n.cfg, log: log, time: defaultTiming, kernel: procMachine{n.machine, p}, connect: p.connect,
		notify: func(string) error { return nil },
		worker: newReconcileWorker(n.cfg, newRegistrar(api, n.cfg, m, h, still, registered.put), h, registered),
		tagger: newStatusTagger(log),
		saver:  newSaver(n.cfg.State, log), metrics: m, report: newReporter("", n.name, fakeNICs{}, log),
		watchOVN: p.watchOVN, bindings: newMailbox[placement](), word: word,
		watchOVS: func(ctx context.Context, _ func([]string)) error { <-ctx.Done(); return ctx.Err() },
		health: &health{
			provider: &providerWatch{find: p.findNothing}, word: word,
			ovn: newControllerWatch(func(context.Context) error { <-p.ctx.Done(); return errNoAnswer }),
		},
	}
	n.mu.Lock()
	n.process, n.killIn = p, 0
	n.mu.Unlock()
	go func() {
		defer close(p.ended)
		_ = a.run(p.ctx)
	}()
}

// findNothing keeps the watch of the provider NIC from doing anything.
func (p *process) findNothing(model.MAC) (string, error) {
	<-p.ctx.Done()
	return "", errNoAnswer
}

// kill ends the process. What it has sent takes effect all the same.
func (n *gatewayNode) kill() {
	n.mu.Lock()
	p := n.process
	n.mu.Unlock()
	if p != nil {
		p.cancel()
	}
}

// killAt kills the process at its next call but calls, before the call is sent or after its effect.
func (n *gatewayNode) killAt(calls int, late bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.killIn, n.killLate = calls+1, late
}

// stopFor stops the process for a time, wherever it is.
func (n *gatewayNode) stopFor(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.resumed = time.Now().Add(d)
}

func (n *gatewayNode) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// is tells whether a time has not come yet.
func (n *gatewayNode) is(t *time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Before(*t)
}

// wait waits while the process is stopped. It looks every second: it may be resumed sooner.
func (p *process) wait(ctx context.Context) {
	for {
		p.mu.Lock()
		left := min(time.Until(p.resumed), time.Second)
		p.mu.Unlock()
		if left <= 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-p.ctx.Done():
			return
		case <-time.After(left):
		}
	}
}

// counted counts a call, and kills the process if it is the one.
func (p *process) counted(late bool) (dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killIn > 0 && p.killLate == late {
		if p.killIn--; p.killIn == 0 {
			p.cancel()
		}
	}
	return p.ctx.Err() != nil
}

// Do makes a call of AWS as the process's HTTP client.
func (p *process) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	p.checkKnown(form)
	p.wait(r.Context())
	if p.is(&p.noAPI) {
		return nil, errNoAnswer
	}
	if p.counted(false) {
		return nil, p.ctx.Err()
	}
	writes := !strings.HasPrefix(form.Get("Action"), "Describe")
	type answer struct {
		*http.Response
		error
	}
	answers := make(chan answer, 1)
	go func() {
		resp, err := labtest.Direct{Handler: p.world.api}.Do(r)
		if writes {
			p.world.watch.wrote(p.name, form, resp, err)
		}
		answers <- answer{resp, err}
	}()
	limit := time.NewTimer(awsapi.CallTimeout)
	defer limit.Stop()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	case <-limit.C:
		return nil, context.DeadlineExceeded
	case got := <-answers:
		p.wait(r.Context())
		if p.counted(true) {
			return nil, p.ctx.Err()
		}
		if writes && p.loses() {
			return nil, io.ErrUnexpectedEOF
		}
		return got.Response, got.error
	}
}

func (p *process) loses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose == 0 {
		return false
	}
	p.lose--
	p.world.note("%s: the answer is lost", p.name)
	return true
}

// watchOVN is the southbound database as the process sees it.
func (p *process) watchOVN(ctx context.Context, changed func(ovn.Southbound)) error {
	if p.is(&p.noOVN) {
		return errNoAnswer
	}
	lost := make(chan struct{})
	p.change(func() { p.ovnLost = lost })
	defer p.knows.lost()
	seen := -1
	for {
		p.world.mu.Lock()
		last, told := len(p.world.south)-1, p.world.told
		p.world.mu.Unlock()
		if last > seen {
			if seen >= 0 {
				p.sleepOVN(ctx)
			}
			p.wait(ctx)
			p.world.mu.Lock()
			now := p.world.south[last]
			p.world.mu.Unlock()
			if p.ctx.Err() == nil && !p.is(&p.noOVN) {
				p.knows.heard(now)
				changed(now)
			}
			seen = last
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-lost:
			return errNoAnswer
		case <-told:
		}
	}
}

func (p *process) sleepOVN(ctx context.Context) {
	p.mu.Lock()
	d := p.ovnDelay
	p.mu.Unlock()
	sleep(ctx, d)
	for p.is(&p.ovnStale) && ctx.Err() == nil {
		sleep(ctx, 200*ms)
	}
}

// loseOVN cuts the connection for a time.
func (n *gatewayNode) loseOVN(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.noOVN = time.Now().Add(d)
	if n.ovnLost != nil {
		close(n.ovnLost)
		n.ovnLost = nil
	}
}

// connect is Neutron as the process sees it.
func (p *process) connect(context.Context, Config) (neutronClient, error) { return p, nil }

// ProviderAddresses answers with what Neutron has when it is asked.
func (p *process) ProviderAddresses(ctx context.Context) ([]neutron.Address, error) {
	p.wait(ctx)
	if p.is(&p.noWord) {
		hangs := false
		p.change(func() { hangs = p.hangs })
		if hangs {
			<-ctx.Done()
		}
		return nil, errNoAnswer
	}
	all, asked := p.world.addresses(), time.Now()
	p.mu.Lock()
	slow := p.slow
	p.mu.Unlock()
	sleep(ctx, slow)
	p.wait(ctx)
	if ctx.Err() == nil {
		p.knows.answered(all, asked)
	}
	return all, ctx.Err()
}

func (p *process) SetStatusTags(context.Context, neutron.Address, netip.Addr, string) (bool, error) {
	return true, nil
}

// procMachine is the machine as a process sees it; one that has been killed changes it no more.
type procMachine struct {
	*fakeMachine
	p *process
}

func (m procMachine) findNIC(mac model.MAC) (string, error) { return "eth-" + mac.String(), nil }

func (m procMachine) attach(c translate.Config) (translation, error) {
	_, err := m.fakeMachine.attach(c)
	return m, err
}

func (m procMachine) Sync(entries []translate.Entry) (translate.Changes, error) {
	if m.p.ctx.Err() != nil {
		return translate.Changes{}, m.p.ctx.Err()
	}
	return m.fakeMachine.Sync(entries)
}
