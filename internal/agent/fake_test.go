// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/registrar"
	"macaw.example/internal/translate"
)

// fakeMachine is a kernel with NICs, and the translation on them.
type fakeMachine struct {
	mu       sync.Mutex
	nics     []model.MAC     // eth1 and so on
	wired    []translate.NIC // those that the translation is attached to
	addrs    []netip.Prefix  // on the NIC
	entries  []translate.Entry
	attached int
	stale    error
	changes  chan struct{}
	frames   chan translate.Event
	probed   []netip.Addr             // addresses
	owners   map[netip.Addr]model.MAC // that answer
	history  []netip.Addr             // every address that was ever translated
	sharers  []translate.Sharer
}

func newFakeMachine() *fakeMachine {
	return &fakeMachine{nics: []model.MAC{eni1}, changes: make(chan struct{}, 1),
		frames: make(chan translate.Event, 10)}
}

func (m *fakeMachine) findNIC(mac model.MAC) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.nics, mac); i >= 0 {
		return fmt.Sprintf("eth%d", i+1), nil
	}
	return "", errors.New("no interface has that MAC")
}

func (m *fakeMachine) unmanage(context.Context, []eni) error { return nil }

func (m *fakeMachine) clearNIC(string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var removed []string
	for _, a := range m.addrs {
		removed = append(removed, a.String())
	}
	m.addrs = nil
	return removed, nil
}

func (m *fakeMachine) attach(c translate.Config) (translation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attached++
	m.stale = nil
	m.wired = c.NICs
	return m, nil
}

func (m *fakeMachine) watch(context.Context) (<-chan struct{}, error) { return m.changes, nil }

func (m *fakeMachine) Entries() ([]translate.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.entries), nil
}

func (m *fakeMachine) Sync(entries []translate.Entry) (translate.Changes, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = slices.Clone(entries)
	for _, e := range entries {
		m.history = append(m.history, e.Addr)
	}
	return translate.Changes{}, nil
}

func (m *fakeMachine) Share(sharers []translate.Sharer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sharers = sharers
	return nil
}

func (m *fakeMachine) Events(ctx context.Context, each func(translate.Event)) error {
	for {
		select {
		case e := <-m.frames:
			each(e)
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *fakeMachine) Check() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stale
}

// ProbeARP has the owners of addresses answer, as frames of theirs.
func (m *fakeMachine) ProbeARP(addrs ...netip.Addr) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.probed = append(m.probed, addrs...)
	for _, a := range addrs {
		if mac, ok := m.owners[a]; ok {
			m.frames <- translate.Event{Reason: translate.OutUnregisteredARP, Addr: a, MAC: mac}
		}
	}
	return nil
}

func (m *fakeMachine) Close() error { return nil }

// plug gives the machine these NICs.
func (m *fakeMachine) plug(macs ...model.MAC) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nics = macs
}

// names are the NICs that the translation is attached to.
func (m *fakeMachine) names() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, n := range m.wired {
		names = append(names, n.Name)
	}
	return strings.Join(names, " ")
}

// fakeAWS registers on the first ENI what this node wants, as far as there is
// room, and gives each address a public one.
type fakeAWS struct {
	mu     sync.Mutex
	err    error
	room   int // addresses on an ENI
	enis   []registrar.ENI
	wanted []registrar.Want // the last
	passes int
	// registered is told of what a pass has registered, and takes is how long the pass goes on after that.
	registered func(registrations)
	takes      time.Duration
	held       []model.Held
	agreed     []model.Held
}

func (f *fakeAWS) Agree(seen []model.Held) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.agreed = append(f.agreed, seen...)
	return nil
}

func newFakeAWS() *fakeAWS { return &fakeAWS{room: 10, enis: []registrar.ENI{fakeENI(eni1)}} }

func fakeENI(mac model.MAC) registrar.ENI {
	return registrar.ENI{ID: "eni-" + mac.String(), MAC: mac.String(), Instance: "i-1", Primary: primary}
}

func (f *fakeAWS) Reconcile(_ context.Context, wanted []registrar.Want) (registrar.Result, error) {
	r, err := f.reconcile(wanted)
	if f.registered != nil && err == nil {
		f.registered(r.Registered)
	}
	f.mu.Lock()
	takes := f.takes
	f.mu.Unlock()
	time.Sleep(takes)
	return r, err
}

// slow makes passes go on for a time after AWS has acknowledged what they do.
func (f *fakeAWS) slow(takes time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takes = takes
}

func (f *fakeAWS) reconcile(wanted []registrar.Want) (registrar.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passes++
	f.wanted = wanted
	if f.err != nil {
		return registrar.Result{}, f.err
	}
	r := registrar.Result{Registered: map[netip.Addr]registrar.Registration{}, ENIs: slices.Clone(f.enis), Held: f.held}
	for _, w := range wanted {
		n := len(r.Registered) / f.room
		switch {
		case !w.Here:
		case w.Addr == foreign:
			r.Findings = append(r.Findings, model.Finding{Addr: w.Addr, Code: registrar.OutOfRange})
		case n >= len(f.enis):
			r.Findings = append(r.Findings, model.Finding{Addr: w.Addr, Code: registrar.ENIFull})
		default:
			r.ENIs[n].Addresses = append(slices.Clone(r.ENIs[n].Addresses), w.Addr)
			r.Registered[w.Addr] = registrar.Registration{ENI: f.enis[n].ID, MAC: f.enis[n].MAC, Public: public}
		}
	}
	if len(r.Findings) > 0 {
		r.Next = time.Now().Add(30 * time.Second)
	}
	return r, nil
}

func (f *fakeAWS) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.passes
}

// here counts the addresses that were to be registered on this node in the last pass.
func (f *fakeAWS) here() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.wanted {
		if w.Here {
			n++
		}
	}
	return n
}

// fail makes passes fail, or succeed again.
func (f *fakeAWS) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeAWS) set(err error, room int, enis ...registrar.ENI) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.room, f.enis = err, room, enis
}

// fakeNeutron answers with what it was given.
type fakeNeutron struct {
	mu        sync.Mutex
	addresses []neutron.Address
	err       error
	queried   int
	logins    int
	slow      time.Duration // it takes to answer
	tagged    []string      // the status tags of floating IPs
}

func (n *fakeNeutron) connect(context.Context, Config) (neutronClient, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logins++
	return n, nil
}

func (n *fakeNeutron) ProviderAddresses(context.Context) ([]neutron.Address, error) {
	n.mu.Lock()
	slow := n.slow
	n.mu.Unlock()
	time.Sleep(slow)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queried++
	return n.addresses, n.err
}

func (n *fakeNeutron) SetStatusTags(
	_ context.Context, a neutron.Address, public netip.Addr, problem string,
) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tagged = append(n.tagged, fmt.Sprintf("%s %s %s", a.Addr, public, problem))
	return true, nil
}

func (n *fakeNeutron) set(err error, addresses ...neutron.Address) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses, n.err = addresses, err
}

func (n *fakeNeutron) queries() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.queried
}

var (
	addr10          = netip.MustParseAddr("10.20.1.10")
	addr11          = netip.MustParseAddr("10.20.1.11")
	addr12          = netip.MustParseAddr("10.20.1.12")
	foreign         = netip.MustParseAddr("10.20.1.200")
	primary, public = netip.MustParseAddr("10.20.1.4"), netip.MustParseAddr("198.51.100.7")
	eni1, eni2      = model.MAC{0x0a, 0, 0, 0, 0, 1}, model.MAC{0x0a, 0, 0, 0, 0, 2}
	mac1, mac2      = model.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}, model.MAC{0xfa, 0x16, 0x3e, 0, 0, 2}
)

func router(a netip.Addr, mac model.MAC) neutron.Address {
	return neutron.Address{Addr: a, MAC: net.HardwareAddr(mac[:]), Kind: neutron.KindRouter, Active: true}
}

func floating(a netip.Addr, mac model.MAC) neutron.Address {
	return neutron.Address{Addr: a, MAC: net.HardwareAddr(mac[:]), Kind: neutron.KindFloating, ID: "f-" + a.String(),
		Active: true}
}

// entry is a translated address on the first ENI.
func entry(a netip.Addr, mac model.MAC) translate.Entry {
	return translate.Entry{Addr: a, MAC: mac, ENI: eni1}
}
