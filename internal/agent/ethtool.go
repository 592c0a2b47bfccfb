// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nics returns the names of the interfaces that have a device behind them: not bridges,
// tunnels, veth pairs and guests' TAP devices, of which a node may have hundreds.
func (linux) nics() ([]string, error) {
	devices, err := filepath.Glob("/sys/class/net/*/device")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range devices {
		names = append(names, filepath.Base(filepath.Dir(d)))
	}
	return names, nil
}

// nicCounters returns what an interface's driver counts, as ethtool -S shows it. The error
// is EOPNOTSUPP if the driver counts nothing, and ENODEV if the interface is gone. The
// kernel's ethtool over netlink has only the counters that all drivers share.
func (linux) nicCounters(name string) (map[string]uint64, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a socket for ethtool: %w", err)
	}
	defer unix.Close(fd)
	info, err := unix.IoctlGetEthtoolDrvinfo(fd, name)
	if err != nil {
		return nil, fmt.Errorf("asking for the driver of %s: %w", name, err)
	}
	// The kernel writes as many as there are now, whatever the caller has asked for: there may
	// be more than a moment ago, when somebody gives the NIC more queues.
	room := 2*int(info.N_stats) + 1024
	names := make([]byte, gstringsHeader+room*gstringLength)
	binary.NativeEndian.PutUint32(names, unix.ETHTOOL_GSTRINGS)
	binary.NativeEndian.PutUint32(names[4:], stringsOfStats)
	binary.NativeEndian.PutUint32(names[8:], info.N_stats)
	if err := ethtool(fd, name, names); err != nil {
		return nil, fmt.Errorf("asking for the names of %s's counters: %w", name, err)
	}
	values := make([]byte, gstatsHeader+room*8)
	binary.NativeEndian.PutUint32(values, unix.ETHTOOL_GSTATS)
	binary.NativeEndian.PutUint32(values[4:], info.N_stats)
	if err := ethtool(fd, name, values); err != nil {
		return nil, fmt.Errorf("asking for %s's counters: %w", name, err)
	}
	n := binary.NativeEndian.Uint32(names[8:])
	if n != binary.NativeEndian.Uint32(values[4:]) {
		return nil, fmt.Errorf("reading %s's counters: their number changed meanwhile", name)
	}
	return parseCounters(names[gstringsHeader:], values[gstatsHeader:], int(n)), nil
}

// Of linux/ethtool.h.
const (
	stringsOfStats = 1  // ETH_SS_STATS
	gstringLength  = 32 // ETH_GSTRING_LEN
	gstringsHeader = 12 // the size of struct ethtool_gstrings without its data
	gstatsHeader   = 8  // that of struct ethtool_stats
)

// parseCounters pairs n names with as many values.
func parseCounters(names, values []byte, n int) map[string]uint64 {
	counters := make(map[string]uint64, n)
	for i := range n {
		name, _, _ := bytes.Cut(names[i*gstringLength:(i+1)*gstringLength], []byte{0})
		counters[string(name)] = binary.NativeEndian.Uint64(values[i*8:])
	}
	return counters
}

// ethtool makes a request of the kernel's ethtool, which answers in place.
func ethtool(fd int, nic string, request []byte) error {
	// struct ifreq of linux/if.h, whose union has 24 bytes on 64-bit systems.
	req := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&request[0])}
	if len(nic) >= len(req.name) {
		return unix.ENODEV
	}
	copy(req.name[:], nic)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return errno
	}
	return nil
}
