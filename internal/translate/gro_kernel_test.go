// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"macaw.example/internal/netdev"
)

// hasFeature tells whether a feature of an interface is active.
func hasFeature(name, feature string) (bool, error) {
	family, err := netlink.GenlFamilyGet(unix.ETHTOOL_GENL_NAME)
	if err != nil {
		return false, err
	}
	header := nl.NewRtAttr(unix.NLA_F_NESTED|unix.ETHTOOL_A_FEATURES_HEADER, nil)
	header.AddRtAttr(unix.ETHTOOL_A_HEADER_DEV_NAME, nl.ZeroTerminated(name))
	req := nl.NewNetlinkRequest(int(family.ID), 0)
	req.AddData(&nl.Genlmsg{Command: unix.ETHTOOL_MSG_FEATURES_GET, Version: uint8(family.Version)})
	req.AddData(header)
	answers, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return false, err
	}
	for _, answer := range answers {
		attrs, err := nl.ParseRouteAttr(answer[nl.SizeofGenlmsg:])
		if err != nil {
			return false, err
		}
		for _, a := range attrs {
			if a.Attr.Type&nl.NLA_TYPE_MASK == unix.ETHTOOL_A_FEATURES_ACTIVE {
				return bytes.Contains(a.Value, append([]byte(feature), 0)), nil
			}
		}
	}
	return false, nil
}

func TestDisableGRO(t *testing.T) {
	w := newEnv(t, 1500)
	gro := func() (on bool) {
		w.host.Do(func() (err error) { on, err = hasFeature("eth1", "rx-gro"); return err })
		return on
	}
	w.host.Do(func() error { return netdev.SetFeature("eth1", "rx-gro", true) }) // a veth device has it off
	w.attach(registered...)
	if !gro() {
		t.Error("GRO was disabled though it may stay on")
	}
	w.cfg.DisableGRO = true
	w.attach(registered...)
	if gro() {
		t.Error("GRO is still on")
	}
	w.bothWays("without GRO")
	w.noFaults()
}
