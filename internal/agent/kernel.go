// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"net/netip"
	"os/exec"
	"time"

	"github.com/vishvananda/netlink"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
	"macaw.example/internal/neutron"
	"macaw.example/internal/translate"
)

// kernel is what the agent needs of the machine it runs on.
type kernel interface {
	findNIC(mac model.MAC) (string, error)
	clearNIC(name string) (removed []string, err error)
	attach(cfg translate.Config) (translation, error)
	watch(ctx context.Context) (<-chan struct{}, error)
	unmanage(ctx context.Context, enis []eni) error
}

// translation is an attached translation.
type translation interface {
	Entries() ([]translate.Entry, error)
	Sync([]translate.Entry) (translate.Changes, error)
	Share([]translate.Sharer) error
	Events(ctx context.Context, each func(translate.Event)) error
	ProbeARP(addrs ...netip.Addr) error
	Check() error
	Close() error
}

// neutronClient has the queries and updates of Neutron that the agent needs.
type neutronClient interface {
	ProviderAddresses(ctx context.Context) ([]neutron.Address, error)
	SetStatusTags(ctx context.Context, a neutron.Address, public netip.Addr, problem string) (changed bool, err error)
}

// commandTimeout bounds a command that the agent runs while it attaches.
const commandTimeout = 10 * time.Second

// unmanageTimeout bounds one attempt of unmanage. netplan is a Python program: the disk of an instance
// that was made from a snapshot is slow at first, since each block comes from S3 when it is read (EBS User
// Guide, "Initialize Amazon EBS volumes").
const unmanageTimeout = 2 * time.Minute

// linux is the machine itself.
type linux struct{ log *slog.Logger }

func (linux) findNIC(mac model.MAC) (string, error)              { return netdev.FindNIC(mac) }
func (linux) clearNIC(name string) ([]string, error)             { return translate.ClearNIC(name) }
func (linux) watch(ctx context.Context) (<-chan struct{}, error) { return translate.Watch(ctx) }

func (linux) attach(cfg translate.Config) (translation, error) {
	cfg.DisableGRO = !kernelDatapath()
	t, err := translate.Attach(cfg)
	if err != nil {
		return nil, err // and not a translation that holds nil
	}
	return t, nil
}

// kernelDatapath tells whether Open vSwitch forwards in the kernel on this
// machine, where the module may not be loaded yet.
func kernelDatapath() bool {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	_ = exec.CommandContext(ctx, "modprobe", "openvswitch").Run() // the next line shows whether it is there
	_, err := netlink.GenlFamilyGet("ovs_datapath")
	return err == nil
}

// unmanage keeps the machine's network managers off the ENIs that were attached to a running
// machine.
func (l linux) unmanage(ctx context.Context, enis []eni) error {
	if len(enis) == 0 {
		return nil
	}
	var macs []model.MAC
	for _, e := range enis {
		macs = append(macs, e.MAC)
	}
	ctx, cancel := context.WithTimeout(ctx, unmanageTimeout)
	defer cancel()
	warn := func(text string) { l.log.Warn("netplan's configuration", "problem", text) }
	_, err := newInstaller(warn).unmanage(ctx, moreNetworkFile, moreNetworkStamp, macs...)
	return err
}

// connect logs in to the configured cloud.
func connect(ctx context.Context, cfg Config) (neutronClient, error) {
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
