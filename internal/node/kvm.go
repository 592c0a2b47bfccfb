// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The parts of linux/kvm.h that kvmWorks needs, for x86-64.
const (
	kvmCreateVM            = 0xae01
	kvmGetVCPUMapSize      = 0xae04
	kvmCreateVCPU          = 0xae41
	kvmRun                 = 0xae80
	kvmSetUserMemoryRegion = 0x4020ae46
	kvmGetRegs             = 0x8090ae81
	kvmSetRegs             = 0x4090ae82
	kvmGetSregs            = 0x8138ae83
	kvmSetSregs            = 0x4138ae84

	kvmExitHLT       = 5
	kvmExitReasonAt  = 8  // struct kvm_run, exit_reason
	kvmRegsRIPAt     = 16 // struct kvm_regs, rip and rflags as indices of 64-bit words
	kvmSregsCSSize   = 24 // struct kvm_segment
	kvmSregsSelector = 12 // its selector, after base and limit
)

// probe is POPCNT ECX, EAX and HLT. Every processor with hardware virtualization executes the first
// directly. A host that only pretends to have it leaves instructions to KVM's emulator, which knows
// those of firmware and boot loaders but neither this one nor most of a kernel's.
var probe = []byte{0xf3, 0x0f, 0xb8, 0xc8, 0xf4}

// kvmWorks reports whether the device runs a virtual processor: it executes the probe. The device's
// existence is not enough: on a machine that is itself a guest, it may fail at first use.
func kvmWorks(device string) bool {
	ioctl := func(fd int, request, arg uintptr) (int, bool) {
		r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, arg)
		return int(r), errno == 0
	}
	kvm, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(kvm)
	vm, ok := ioctl(kvm, kvmCreateVM, 0)
	if !ok {
		return false
	}
	defer unix.Close(vm)
	memory, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return false
	}
	defer unix.Munmap(memory)
	copy(memory, probe)
	region := struct {
		slot, flags                uint32
		guestAddress, size, memory uint64
	}{size: uint64(len(memory)), memory: uint64(uintptr(unsafe.Pointer(&memory[0])))}
	if _, ok := ioctl(vm, kvmSetUserMemoryRegion, uintptr(unsafe.Pointer(&region))); !ok {
		return false
	}
	vcpu, ok := ioctl(vm, kvmCreateVCPU, 0)
	if !ok {
		return false
	}
	defer unix.Close(vcpu)
	size, ok := ioctl(kvm, kvmGetVCPUMapSize, 0)
	if !ok {
		return false
	}
	run, err := unix.Mmap(vcpu, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return false
	}
	defer unix.Munmap(run)
	// Real mode at address 0: the code segment starts there instead of at the reset vector.
	var sregs [312]byte
	if _, ok := ioctl(vcpu, kvmGetSregs, uintptr(unsafe.Pointer(&sregs))); !ok {
		return false
	}
	clear(sregs[0:8])
	clear(sregs[kvmSregsSelector : kvmSregsSelector+2])
	if _, ok := ioctl(vcpu, kvmSetSregs, uintptr(unsafe.Pointer(&sregs))); !ok {
		return false
	}
	var regs [18]uint64
	regs[kvmRegsRIPAt+1] = 2 // RFLAGS: bit 1 is always set
	if _, ok := ioctl(vcpu, kvmSetRegs, uintptr(unsafe.Pointer(&regs))); !ok {
		return false
	}
	if _, ok := ioctl(vcpu, kvmRun, 0); !ok {
		return false
	}
	return run[kvmExitReasonAt] == kvmExitHLT
}

// kernelOVS reports whether the kernel has Open vSwitch's datapath, as a module or built in: then
// the datapath's family of generic netlink exists.
func kernelOVS(ctx context.Context, run runner) bool {
	if _, err := netlink.GenlFamilyGet("ovs_datapath"); err == nil {
		return true
	}
	if _, err := run(ctx, command{Args: []string{"modprobe", "openvswitch"}}); err != nil {
		return false
	}
	_, err := netlink.GenlFamilyGet("ovs_datapath")
	return err == nil
}
