package gateway

import (
	"context"
	"net/netip"
	"os/exec"

	"github.com/vishvananda/netlink"

	"macaw/internal/neutron"
	"macaw/internal/translate"
)

// kernel is the agent's view of the machine it runs on.
type kernel interface {
	findNIC(mac translate.MAC) (string, error)
	clearNIC(name string) ([]netip.Prefix, error)
	attach(cfg translate.Config) (translation, error)
	watch(ctx context.Context) (<-chan struct{}, error)
}

// translation is an attached translation.
type translation interface {
	Entries() ([]translate.Entry, error)
	Sync([]translate.Entry) (translate.Changes, error)
	Events(ctx context.Context, each func(translate.Event)) error
	Check() error
	Close() error
}

// cloud is the agent's view of Neutron.
type cloud interface {
	ProviderAddresses(ctx context.Context) ([]neutron.Address, error)
}

// linux is the machine itself.
type linux struct{}

func (linux) findNIC(mac translate.MAC) (string, error)          { return translate.FindNIC(mac) }
func (linux) clearNIC(name string) ([]netip.Prefix, error)       { return translate.ClearNIC(name) }
func (linux) watch(ctx context.Context) (<-chan struct{}, error) { return translate.Watch(ctx) }

func (linux) attach(cfg translate.Config) (translation, error) {
	cfg.Whole = !kernelDatapath()
	t, err := translate.Attach(cfg)
	if err != nil {
		return nil, err // and not a translation that holds nil
	}
	return t, nil
}

// kernelDatapath tells whether Open vSwitch forwards in the kernel on this
// machine, where the module may not be loaded yet.
func kernelDatapath() bool {
	_ = exec.Command("modprobe", "openvswitch").Run() // the next line has the answer
	_, err := netlink.GenlFamilyGet("ovs_datapath")
	return err == nil
}

// connect logs in to the configured cloud.
func connect(ctx context.Context, cfg Config) (cloud, error) {
	auth, err := cfg.auth()
	if err != nil {
		return nil, err
	}
	client, err := neutron.Connect(ctx, auth)
	if err != nil {
		return nil, err
	}
	return neutron.Provider{Client: client, Network: cfg.Network, Distributed: cfg.Distributed}, nil
}
