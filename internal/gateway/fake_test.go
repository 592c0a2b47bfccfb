package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"

	"macaw/internal/neutron"
	"macaw/internal/translate"
)

// fakeMachine is a kernel with one NIC, and the translation on it.
type fakeMachine struct {
	mu       sync.Mutex
	noNIC    bool
	addrs    []netip.Prefix // on the NIC
	entries  []translate.Entry
	attached int
	stale    error
	changes  chan struct{}
	frames   chan translate.Event
	history  []netip.Addr // every address that was ever translated
}

func newFakeMachine() *fakeMachine {
	return &fakeMachine{changes: make(chan struct{}, 1), frames: make(chan translate.Event, 10)}
}

func (m *fakeMachine) findNIC(translate.MAC) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.noNIC {
		return "", errors.New("no interface has that MAC")
	}
	return "eth1", nil
}

func (m *fakeMachine) clearNIC(string) ([]netip.Prefix, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	removed := m.addrs
	m.addrs = nil
	return removed, nil
}

func (m *fakeMachine) attach(translate.Config) (translation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attached++
	m.stale = nil
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

func (m *fakeMachine) Close() error { return nil }

// fakeNeutron answers with what it was given.
type fakeNeutron struct {
	mu        sync.Mutex
	addresses []neutron.Address
	err       error
	asked     int
	logins    int
}

func (n *fakeNeutron) connect(context.Context, Config) (cloud, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logins++
	return n, nil
}

func (n *fakeNeutron) ProviderAddresses(context.Context) ([]neutron.Address, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	return n.addresses, n.err
}

func (n *fakeNeutron) set(err error, addresses ...neutron.Address) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses, n.err = addresses, err
}

func (n *fakeNeutron) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

var (
	addr10, addr11, addr12 = netip.MustParseAddr("10.20.1.10"), netip.MustParseAddr("10.20.1.11"), netip.MustParseAddr("10.20.1.12")
	foreign                = netip.MustParseAddr("10.20.1.200")
	mac1, mac2             = translate.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}, translate.MAC{0xfa, 0x16, 0x3e, 0, 0, 2}
)

func router(a netip.Addr, mac translate.MAC) neutron.Address {
	return neutron.Address{Addr: a, MAC: net.HardwareAddr(mac[:]), Kind: neutron.KindRouter, Active: true}
}
