// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cilium/ebpf/rlimit"
	"github.com/vishvananda/netlink"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
)

// What a node's Open vSwitch must have: a bridge with datapath_type=netdev and
// other_config:hwaddr, and in it one port.
const (
	Bridge = "br-phy"
	// BridgeMAC is the bridge's, the same on each node: it leaves none. The management NIC's would
	// be there twice, and NICs are found by their MACs: by netplan, cloud-init and this program.
	BridgeMAC = "02:6d:63:67:00:01"
	Port      = "mcg1"
)

// hostEnd is the other end of Port.
const hostEnd = "mcg0"

// mtu is the largest of EC2 (EC2 User Guide, network_mtu). The NIC may not have its own yet: it
// comes by DHCP, after Ensure at boot. What is too large for the NIC is the sender's mistake.
const mtu = 9001

// nicLimit is how long the NIC may take to appear while the machine boots.
const nicLimit = 30 * time.Second

// Config is where tunnels end. The zero Config is of a node without, or whose kernel has
// Open vSwitch's datapath.
type Config struct {
	NIC     model.MAC    `json:"nic,omitzero"`     // the management NIC's MAC
	Address netip.Prefix `json:"address,omitzero"` // the management address, with the length of its subnet
}

// IsZero reports whether there is nothing to steer.
func (c Config) IsZero() bool { return !c.Address.IsValid() }

// Validate returns an error if the configuration is neither zero nor complete.
func (c Config) Validate() error {
	switch {
	case c.IsZero() && c.NIC == model.MAC{}:
		return nil
	case c.NIC == model.MAC{}:
		return errors.New("checking the configuration of tunnels: no MAC of the management NIC")
	case !c.Address.Addr().Is4() || c.Address.Bits() > 30:
		return fmt.Errorf("checking the configuration of tunnels: address %s is not IPv4 in a subnet", c.Address)
	}
	return nil
}

// router is the VPC's router in the subnet: VPC User Guide, subnet-sizing.
func (c Config) router() netip.Addr { return c.Address.Masked().Addr().Next() }

// Find returns the configuration of a machine that has the management address.
func Find(address netip.Addr) (Config, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return Config{}, fmt.Errorf("listing interfaces: %w", err)
	}
	for _, l := range links {
		if l.Attrs().Name == Bridge {
			continue
		}
		addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
		if err != nil {
			return Config{}, fmt.Errorf("listing addresses of %s: %w", l.Attrs().Name, err)
		}
		for _, a := range addrs {
			ones, _ := a.Mask.Size()
			if ip, ok := netip.AddrFromSlice(a.IP.To4()); ok && ip == address {
				c := Config{Address: netip.PrefixFrom(ip, ones)}
				copy(c.NIC[:], l.Attrs().HardwareAddr)
				return c, c.Validate()
			}
		}
	}
	return Config{}, fmt.Errorf("no interface has the management address %s", address)
}

// Ensure makes the veth pair and attaches the programs, or repairs and updates them: a
// program is replaced without losing a frame. It waits for the NIC. If Open vSwitch is running
// with the bridge, it does what [Route] does, too. With the zero Config it is [Remove].
func Ensure(ctx context.Context, c Config, run Runner) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.IsZero() {
		return Remove()
	}
	nic, err := awaitNIC(ctx, c.NIC)
	if err != nil {
		return err
	}
	ends, err := netdev.MakePair([2]string{hostEnd, Port}, mtu)
	if err != nil {
		return err
	}
	for _, name := range []string{hostEnd, Port} {
		for _, feature := range offloads {
			if err := netdev.SetFeature(name, feature, false); err != nil {
				return err
			}
		}
	}
	programs, err := load(c, nic.Attrs().Index, ends[0].Attrs().Index)
	if err != nil {
		return err
	}
	defer programs.Close()
	// The way out first: an answer may follow what comes in.
	if err := attach(ends[0], programs.FromBridge); err != nil {
		return err
	}
	if err := attach(nic, programs.FromWire); err != nil {
		return err
	}
	if !running(ctx, run) {
		return nil // Route follows its start
	}
	_, err = Route(ctx, c, run)
	return err
}

// running reports whether Open vSwitch is running and has the bridge, or will.
func running(ctx context.Context, run Runner) bool {
	if _, err := run(ctx, "ovs-appctl", "--timeout=5", "version"); err != nil {
		return false
	}
	_, err := run(ctx, "ovs-vsctl", "--timeout=5", "br-exists", Bridge)
	return err == nil
}

// offloads are what the pair must not have, so that the kernel completes the checksums of
// frames and cuts them to their size before the datapath in user space reads them. Without
// checksums there is no segmentation but of those that the kernel keeps as lists.
var offloads = []string{"tx-checksum-ip-generic", "tx-gso-list", "tx-generic-segmentation"}

func awaitNIC(ctx context.Context, mac model.MAC) (netlink.Link, error) {
	ctx, cancel := context.WithTimeout(ctx, nicLimit)
	defer cancel()
	for {
		name, err := netdev.FindNIC(mac)
		if err == nil {
			l, err := netlink.LinkByName(name)
			if err == nil {
				return l, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the management NIC: no interface has MAC %s", mac)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// load loads the programs for interfaces as they are now.
func load(c Config, nic, pair int) (*bpfPrograms, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raising the limit of locked memory: %w", err)
	}
	spec, err := loadBpf()
	if err != nil {
		return nil, fmt.Errorf("reading the programs of tunnels: %w", err)
	}
	bridge, err := model.ParseMAC(BridgeMAC)
	if err != nil {
		return nil, err
	}
	address := c.Address.Addr().As4()
	for name, value := range map[string]any{
		bpfVarNic: uint32(nic), bpfVarPair: uint32(pair), bpfVarAddress: binary.NativeEndian.Uint32(address[:]),
		bpfVarNicMac: bpfMac{B: c.NIC}, bpfVarBridgeMac: bpfMac{B: bridge},
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("setting %s of tunnels: %w", name, err)
		}
	}
	programs := new(bpfPrograms)
	if err := spec.LoadAndAssign(programs, nil); err != nil {
		return nil, fmt.Errorf("loading the programs of tunnels: %w", err)
	}
	return programs, nil
}

// Remove detaches the programs and removes the pair, in any state.
func Remove() error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("listing interfaces: %w", err)
	}
	var errs []error
	for _, l := range links {
		errs = append(errs, detach(l))
		if l.Attrs().Name == hostEnd {
			if err := ignoreGone(netlink.LinkDel(l)); err != nil {
				errs = append(errs, fmt.Errorf("removing pair %s: %w", hostEnd, err))
			}
		}
	}
	return errors.Join(errs...)
}
