// SPDX-License-Identifier: Apache-2.0

package translate

import "fmt"

// Reason is what became of a frame. Its text form, such as "out_unregistered_ipv4", is
// stable: counters and documentation use it.
type Reason uint32

// Every frame is counted under exactly one reason. Out is from the bridge to the fabric,
// In is from the fabric to the bridge.
const (
	OutIPv4      = Reason(bpfReasonOUT_IPV4)      // translated
	OutIPv6      = Reason(bpfReasonOUT_IPV6)      // translated
	OutARP       = Reason(bpfReasonOUT_ARP)       // translated, ARP sender too
	OutND        = Reason(bpfReasonOUT_ND)        // translated, ND options too, and a router's link-local source
	OutMoved     = Reason(bpfReasonOUT_MOVED)     // as OutARP and OutND, by another MAC that shares the address
	OutUntouched = Reason(bpfReasonOUT_UNTOUCHED) // translation is off

	// Dropped, because the fabric would: the source has no entry. Of OutUnregisteredND it
	// may also be the advertised target.
	OutUnregisteredIPv4 = Reason(bpfReasonOUT_UNREGISTERED_IPV4)
	OutUnregisteredIPv6 = Reason(bpfReasonOUT_UNREGISTERED_IPV6)
	OutUnregisteredARP  = Reason(bpfReasonOUT_UNREGISTERED_ARP)
	OutUnregisteredND   = Reason(bpfReasonOUT_UNREGISTERED_ND)

	// Dropped for what they are.
	OutLinkLocal = Reason(bpfReasonOUT_LINK_LOCAL) // IPv6 from fe80::/10 or ::, but for routers' neighbour discovery
	OutLocal     = Reason(bpfReasonOUT_LOCAL)      // ARP or ND between two addresses of this bridge
	OutMalformed = Reason(bpfReasonOUT_MALFORMED)  // too short, or ARP of another kind
	OutProtocol  = Reason(bpfReasonOUT_PROTOCOL)   // neither IP nor ARP
	OutVLAN      = Reason(bpfReasonOUT_VLAN)       // tagged: the fabric has no VLANs
	OutMetadata  = Reason(bpfReasonOUT_METADATA)   // to AWS's link-local services

	// Dropped, because the source is that of another MAC, or of the VPC. Of OutSpoofedND it
	// may also be the advertised target.
	OutSpoofedIPv4 = Reason(bpfReasonOUT_SPOOFED_IPV4)
	OutSpoofedIPv6 = Reason(bpfReasonOUT_SPOOFED_IPV6)
	OutSpoofedARP  = Reason(bpfReasonOUT_SPOOFED_ARP)
	OutSpoofedND   = Reason(bpfReasonOUT_SPOOFED_ND)

	InIPv4      = Reason(bpfReasonIN_IPV4)      // translated
	InIPv6      = Reason(bpfReasonIN_IPV6)      // translated
	InARP       = Reason(bpfReasonIN_ARP)       // translated
	InMulticast = Reason(bpfReasonIN_MULTICAST) // IPv6, to bridge and host
	InAnswered  = Reason(bpfReasonIN_ANSWERED)  // ARP for the primary address
	InHost      = Reason(bpfReasonIN_HOST)      // not for the bridge, left to the host
	InUntouched = Reason(bpfReasonIN_UNTOUCHED) // translation is off
	InVLAN      = Reason(bpfReasonIN_VLAN)      // dropped: tagged
	InMetadata  = Reason(bpfReasonIN_METADATA)  // dropped: from AWS's link-local services

	reasons = Reason(bpfReasonREASONS)
)

var reasonTexts = [reasons]string{
	OutIPv4:             "out_ipv4",
	OutIPv6:             "out_ipv6",
	OutARP:              "out_arp",
	OutND:               "out_nd",
	OutMoved:            "out_moved",
	OutUntouched:        "out_untouched",
	OutUnregisteredIPv4: "out_unregistered_ipv4",
	OutUnregisteredIPv6: "out_unregistered_ipv6",
	OutUnregisteredARP:  "out_unregistered_arp",
	OutUnregisteredND:   "out_unregistered_nd",
	OutLinkLocal:        "out_link_local",
	OutLocal:            "out_local",
	OutMalformed:        "out_malformed",
	OutProtocol:         "out_protocol",
	OutVLAN:             "out_vlan",
	OutMetadata:         "out_metadata",
	OutSpoofedIPv4:      "out_spoofed_ipv4",
	OutSpoofedIPv6:      "out_spoofed_ipv6",
	OutSpoofedARP:       "out_spoofed_arp",
	OutSpoofedND:        "out_spoofed_nd",
	InIPv4:              "in_ipv4",
	InIPv6:              "in_ipv6",
	InARP:               "in_arp",
	InMulticast:         "in_multicast",
	InAnswered:          "in_answered",
	InHost:              "in_host",
	InUntouched:         "in_untouched",
	InVLAN:              "in_vlan",
	InMetadata:          "in_metadata",
}

// String returns the reason's text form.
func (r Reason) String() string {
	if r < reasons {
		return reasonTexts[r]
	}
	return fmt.Sprintf("reason_%d", uint32(r))
}

// MarshalText returns the reason's text form, so that maps of reasons become
// readable JSON.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reason's text form.
func (r *Reason) UnmarshalText(text []byte) error {
	for i, s := range reasonTexts {
		if s == string(text) {
			*r = Reason(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a reason", text)
}

// Out tells whether the direction is from the bridge to the fabric.
func (r Reason) Out() bool { return r < InIPv4 }

// Data tells whether the frames were data from a source without that entry, and neither ARP
// nor neighbour discovery, which announce it.
func (r Reason) Data() bool {
	return r == OutUnregisteredIPv4 || r == OutUnregisteredIPv6 || r == OutSpoofedIPv4 || r == OutSpoofedIPv6
}

// Dropped tells whether frames that are counted under the reason were dropped.
func (r Reason) Dropped() bool {
	return r >= OutUnregisteredIPv4 && r <= OutSpoofedND || r >= InVLAN && r <= InMetadata
}

// Mode is what the programs do with frames.
type Mode uint32

// Translate is the normal mode. With Off frames pass both ways untouched, out by
// the first NIC, and the fabric drops what is not from the ENI's own MAC.
const (
	Translate = Mode(bpfModeMODE_TRANSLATE)
	Off       = Mode(bpfModeMODE_OFF)
)

// String returns "translate" or "off".
func (m Mode) String() string {
	switch m {
	case Translate:
		return "translate"
	case Off:
		return "off"
	}
	return fmt.Sprintf("mode_%d", uint32(m))
}

// MarshalText returns the mode's text form.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "translate" or "off".
func (m *Mode) UnmarshalText(text []byte) error {
	for _, known := range []Mode{Translate, Off} {
		if known.String() == string(text) {
			*m = known
			return nil
		}
	}
	return fmt.Errorf("%q is not a mode", text)
}
