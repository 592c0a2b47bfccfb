// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFlowLog(t *testing.T) {
	f := newBench(t, testTopology(), Config{}).Fabric
	o := f.Observe(Observation{})
	defer o.Close()
	var log FlowLog
	for i, frame := range [][]byte{
		ethernet(macA2, macA1, etherIPv4, udp("10.0.0.11", 1000, "10.0.0.21", 2000, 1, 2, 3)),
		ethernet(macA2, macA1, etherIPv4, udp("10.0.0.11", 1000, "10.0.0.21", 2000, 1, 2, 3)),
		ethernet(macA2, macX, etherIPv4, tcp("10.0.0.11", 1000, "10.0.0.21", 22, tcpSYN)),
		arpFrame(broadcastMAC, macA1, arpRequest, macA1, "10.0.0.11", "10.0.0.99"),
		viaGateway(ping("10.0.0.11", "8.8.8.8", 1)),
		{1, 2, 3},
	} {
		f.Forward(a1, frame, start.Add(time.Duration(i)*time.Second), new(Output))
	}
	for len(o.Events()) > 0 {
		log.Add(<-o.Events())
	}
	one, two := netip.MustParseAddr("10.0.0.11"), netip.MustParseAddr("10.0.0.21")
	public, dns := netip.MustParseAddr("198.51.100.11"), netip.MustParseAddr("8.8.8.8")
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	want := []Flow{
		{FlowKey{a1, Egress, one, two, 1000, 2000, protoUDP, etherIPv4, ReasonNone}, 2, 90, at(0), at(1)},
		{FlowKey{a2, Ingress, one, two, 1000, 2000, protoUDP, etherIPv4, ReasonNone}, 2, 90, at(0), at(1)},
		{FlowKey{a1, Egress, one, two, 1000, 22, protoTCP, etherIPv4, ReasonSourceMAC}, 1, 54, at(2), at(2)},
		{FlowKey{a1, Egress, netip.Addr{}, netip.Addr{}, 0, 0, 0, etherARP, ReasonARPUnregistered}, 1, 42, at(3), at(3)},
		{FlowKey{Internet, Ingress, public, dns, 0, 0, protoICMP, 0, ReasonNone}, 1, 35, at(4), at(4)},
		{FlowKey{a1, Egress, one, dns, 0, 0, protoICMP, etherIPv4, ReasonNone}, 1, 49, at(4), at(4)},
		{FlowKey{a1, Egress, netip.Addr{}, netip.Addr{}, 0, 0, 0, 0, ReasonMalformed}, 1, 3, at(5), at(5)},
	}
	if diff := cmp.Diff(want, log.Take(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
	if left := log.Take(); len(left) != 0 {
		t.Errorf("taken twice: %v", left)
	}
}
