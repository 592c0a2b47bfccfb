// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/image"
	"macaw.example/lab/internal/machine"
	"macaw.example/lab/internal/vpc"
)

// shutdownGrace is how long a machine may take to power off before its power is cut.
const shutdownGrace = 90 * time.Second

// consoleSize is how much of a console EC2 shows, in bytes (EC2 API Reference,
// GetConsoleOutput).
const consoleSize = 64 << 10

// machines runs EC2's instances as machines whose NICs are connected to the fabric.
type machines struct {
	manager *machine.Manager
	images  image.Store
	wires   *vpc.Switch
	// authority signs for the lab's AWS.
	authority *authority
	log       *slog.Logger
	// poweredOff is called when a machine has ended, for whatever cause.
	poweredOff func(instanceID string)
	ctx        context.Context
	plugging   sync.Mutex // held while devices are made
	// tasks is the work in progress on machines.
	tasks tasks
}

// Launch makes and boots a machine.
func (m *machines) Launch(ctx context.Context, i ec2.Instance) error {
	return m.tasks.do(i.ID, "booting it", func(func(string)) error { return m.launch(ctx, i) })
}

func (m *machines) launch(ctx context.Context, i ec2.Instance) error {
	img, err := m.images.Get(i.ImageID)
	if err != nil {
		return err
	}
	spec := machine.Spec{ID: i.ID, Layers: img.Layers, Hostname: i.Hostname, KVM: i.KVM}
	for _, n := range i.NICs {
		spec.NICs = append(spec.NICs, machine.NIC{ENI: n.ENI, Device: n.Device, MAC: n.MAC})
	}
	if err := m.manager.Create(spec); err != nil {
		return err
	}
	if !m.manager.Running(i.ID) {
		if err := m.authority.trust(spec.Layers, m.manager.Upper(i.ID)); err != nil {
			return fmt.Errorf("installing the certificate authority in machine %s: %w", i.ID, err)
		}
	}
	if err := m.plug(spec); err != nil {
		return err
	}
	if err := m.manager.Start(ctx, i.ID); err != nil {
		return err
	}
	go m.watch(i.ID)
	return nil
}

// Start boots a stopped machine; its disk is unchanged.
func (m *machines) Start(ctx context.Context, i ec2.Instance) error { return m.Launch(ctx, i) }

// plug gives a machine its devices and connects them to the fabric.
func (m *machines) plug(spec machine.Spec) error {
	m.plugging.Lock()
	defer m.plugging.Unlock()
	for _, n := range spec.NICs {
		port := vpc.ENIPort(n.ENI)
		if m.wires.Attached(port) {
			continue
		}
		tap, err := vpc.OpenTAP(vpc.DeviceConfig{
			Namespace: machine.Namespace(spec.ID), Name: n.Device, MAC: n.MAC, MTU: jumbo,
		})
		if err != nil {
			return fmt.Errorf("attaching %s to machine %s: %w", n.Device, spec.ID, err)
		}
		if err := m.wires.Attach(port, tap); err != nil {
			return errors.Join(err, tap.Close())
		}
	}
	return nil
}

// unplug disconnects a machine's devices.
func (m *machines) unplug(id string) error {
	spec, err := m.manager.Spec(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, n := range spec.NICs {
		err = errors.Join(err, m.wires.Detach(vpc.ENIPort(n.ENI)))
	}
	return err
}

// AttachNIC attaches a network interface to a running machine.
func (m *machines) AttachNIC(_ context.Context, id string, n ec2.NIC) error {
	spec, err := m.manager.Spec(id)
	if err != nil {
		return err
	}
	nic := machine.NIC{ENI: n.ENI, Device: n.Device, MAC: n.MAC}
	if !slices.Contains(spec.NICs, nic) {
		spec.NICs = append(spec.NICs, nic)
		if err := m.manager.SetNICs(id, spec.NICs); err != nil {
			return err
		}
	}
	return m.plug(spec)
}

// DetachNIC detaches a network interface from a running machine.
func (m *machines) DetachNIC(_ context.Context, id string, n ec2.NIC) error {
	spec, err := m.manager.Spec(id)
	if err != nil {
		return err
	}
	if err := m.wires.Detach(vpc.ENIPort(n.ENI)); err != nil {
		return err
	}
	if err := vpc.RemoveDevice(machine.Namespace(id), n.Device); err != nil {
		return err
	}
	return m.manager.SetNICs(id, slices.DeleteFunc(spec.NICs, func(other machine.NIC) bool { return other.ENI == n.ENI }))
}

// adopt connects the machines that kept running without a daemon, and reports those that
// ended meanwhile. Machines that EC2 was launching or terminating when the previous daemon
// was killed are left to Launch and Terminate.
func (m *machines) adopt(moving func(instanceID string) bool) error {
	specs, err := m.manager.Specs()
	if err != nil {
		return err
	}
	for _, s := range specs {
		if moving(s.ID) {
			continue
		}
		if !m.manager.Running(s.ID) {
			m.poweredOff(s.ID)
			continue
		}
		if err := m.plug(s); err != nil {
			return err
		}
		go m.watch(s.ID)
	}
	return nil
}

// watch reports the end of a machine.
func (m *machines) watch(id string) {
	if m.manager.Wait(m.ctx, id) == nil {
		m.poweredOff(id)
	}
}

// Stop shuts a machine down.
func (m *machines) Stop(ctx context.Context, id string) error {
	return m.tasks.do(id, "stopping it", func(func(string)) error { return m.manager.Stop(ctx, id, shutdownGrace) })
}

// Reboot restarts a machine's operating system.
func (m *machines) Reboot(_ context.Context, id string) error { return m.manager.Reboot(id) }

// Terminate removes a machine with all its resources.
func (m *machines) Terminate(ctx context.Context, id string) error {
	return m.tasks.do(id, "disconnecting its network interfaces", func(step func(string)) error {
		if err := m.unplug(id); err != nil {
			m.log.Warn("disconnecting a machine", "instance", id, "error", err)
		}
		return m.manager.Destroy(ctx, id, step)
	})
}

// ConsoleOutput returns a machine's console log.
func (m *machines) ConsoleOutput(_ context.Context, id string) ([]byte, error) {
	return m.manager.Console(id, consoleSize)
}

// CreateImage makes an image from a machine's disk.
func (m *machines) CreateImage(ctx context.Context, instanceID, imageID string) error {
	spec, err := m.manager.Spec(instanceID)
	if err != nil {
		return fmt.Errorf("making an image of machine %s: %w", instanceID, err)
	}
	parent, err := m.images.Of(spec.Layers)
	if err != nil {
		return err
	}
	_, err = m.images.Snapshot(ctx, imageID, m.manager.Upper(instanceID), parent)
	return err
}

// DeleteImage removes an image.
func (m *machines) DeleteImage(_ context.Context, imageID string) error {
	return m.images.Remove(imageID)
}

// MachineInit returns the process ID of a running machine's init, in this host's PID
// namespace. It fails with fs.ErrNotExist if the machine is not running.
func MachineInit(instanceID string) (int, error) {
	return (&machine.Manager{Dir: machinesDir()}).Init(instanceID)
}
