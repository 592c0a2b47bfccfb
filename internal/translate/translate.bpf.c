// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/*
 * Address translation between a provider NIC (an ENI) and a bridge.
 *
 *     fabric -- NIC -- from_wire ----> mcw1 -- bridge -- routers
 *                   <-- from_bridge --
 *                                      ||| veth
 *                                      mcw0, the blackhole
 *
 * The fabric takes a frame only if its source MAC is the ENI's and its source
 * address is registered on the ENI. Routers have MACs of their own. So every
 * frame that leaves gets the ENI's MAC, and for every frame that arrives the
 * router's MAC is looked up by destination address. There may be several NICs:
 * each address leaves by the one that it is registered on.
 *
 * mcw1 is a port of the bridge, and the NIC is not: the rewrite is done before
 * any datapath, in the kernel or in user space, sees the frame. What comes from
 * the wire is handed to mcw1 as if it had received it (tc ingress of the NIC).
 * What the bridge sends out of mcw1 is caught before it is sent (tc egress of
 * mcw1) and leaves by the NIC; a trip through the veth pair would cost a
 * soft interrupt each way. What may not leave ends in mcw0, where only tcpdump
 * sees it.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"
#include "maps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* -- bridge to wire ------------------------------------------------------ */

/*
 * A router forwards its guests' packets with whatever source they have forged, but
 * with its own MAC. So an address is reserved for the MAC of its entry, and those that
 * share it. Frames from other MACs are dropped, and reported to user space: perhaps
 * the floating IP has moved to another router.
 */
static __always_inline bool may_send(const struct entry *entry, const struct address6 *address, const void *mac)
{
	return same_mac(&entry->mac, mac) || shares(address, mac);
}

/*
 * A frame whose sender is an address without an entry. Neutron may have allocated it
 * just now. The other addresses of the VPC are never behind the bridge.
 */
static __noinline int out_unregistered(struct __sk_buff *skb, enum reason unregistered, enum reason spoofed,
				   enum budget from, struct address6 *address)
{
	switch (place_of(address)) {
	case PLACE_VPC:
		return discard(skb, spoofed);
	case PLACE_NEUTRON:
		emit_event(skb, unregistered, from, address);
		break;
	case PLACE_ELSEWHERE:
		break;
	}
	return discard(skb, unregistered);
}

static __noinline int out_arp(struct __sk_buff *skb)
{
	struct ethhdr *eth = frame(skb, sizeof(*eth) + sizeof(struct arp));
	enum reason reason = OUT_ARP;
	struct address4 sender, target;
	struct address6 claimed;
	struct entry *entry;
	struct nic *nic;
	struct arp *arp;

	if (!eth)
		return discard(skb, OUT_MALFORMED);
	arp = (void *)(eth + 1);
	if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_len != 6 || arp->protocol_len != 4)
		return discard(skb, OUT_MALFORMED);
	__builtin_memcpy(&sender, arp->sender, 4);
	__builtin_memcpy(&target, arp->target, 4);
	if (is_service4(target.be))
		return discard(skb, OUT_METADATA);
	if (!sender.be) /* a probe: the sender has no address yet */
		return discard(skb, OUT_UNREGISTERED_ARP);

	claimed = mapped(sender.be);
	entry = entry4(&sender);
	if (!entry || !(nic = nic_of(entry)))
		return out_unregistered(skb, OUT_UNREGISTERED_ARP, OUT_SPOOFED_ARP, BUDGET_CLAIMS, &claimed);
	if (!may_send(entry, &claimed, eth->h_source)) {
		emit_event(skb, OUT_SPOOFED_ARP, BUDGET_MOVES, &claimed);
		return discard(skb, OUT_SPOOFED_ARP);
	}
	if (!may_send(entry, &claimed, &arp->sender_mac))
		return discard(skb, OUT_SPOOFED_ARP);
	if (!same_mac(&entry->mac, eth->h_source)) {
		reason = OUT_MOVED;
		emit_event(skb, reason, BUDGET_MOVES, &claimed);
	}

	/* A late answer to a probe of ours (probearp.go). */
	if (!target.be && arp->operation == bpf_htons(2))
		return discard(skb, OUT_LOCAL);

	/*
	 * Both ends are on this bridge, where they reach each other. On the wire
	 * the ENI would ask for itself, or the fabric would answer with the MAC
	 * of another ENI of ours.
	 */
	if (target.be != sender.be && entry4(&target))
		return discard(skb, OUT_LOCAL);

	set_mac(eth->h_source, &nic->mac);
	set_mac(&arp->sender_mac, &nic->mac);
	/* An announcement may repeat the sender's MAC as target; RFC 5227, 3. */
	if (target.be == sender.be) {
		if (arp->operation == bpf_htons(1))
			__builtin_memset(&arp->target_mac, 0, 6);
		else
			set_mac(&arp->target_mac, &nic->mac);
	}
	return to_wire(skb, nic->ifindex, reason);
}

#define IPV6_END  (sizeof(struct ethhdr) + sizeof(struct ipv6hdr))
#define ND_RS     133
#define ND_RA     134
#define ND_NS     135
#define ND_NA     136

/*
 * Puts the ENI's MAC into the link-layer address options of a neighbour
 * discovery message that ends at end, and corrects its checksum.
 */
static __noinline int out_options(struct __sk_buff *skb, __u8 type, __u32 end, struct nic *nic)
{
	__u8 option[8], ours[8];
	__u32 at;

	if (!nic)
		return 0;
	switch (type) { /* RFC 4861, 4.1 to 4.4: where the options begin */
	case ND_RS: at = IPV6_END + 8; break;
	case ND_RA: at = IPV6_END + 16; break;
	default:    at = IPV6_END + sizeof(struct nd); break;
	}
	for (int i = 0; i < 8; i++) {
		if (at + 8 > end || bpf_skb_load_bytes(skb, at, option, 8))
			break;
		if (option[1] == 0)
			break;
		if ((option[0] == 1 || option[0] == 2) && option[1] == 1) {
			__builtin_memcpy(ours, option, 2);
			for (int j = 0; j < 6; j++)
				ours[2 + j] = nic->mac.b[j];
			bpf_l4_csum_replace(skb, IPV6_END + offsetof(struct nd, checksum), 0,
				bpf_csum_diff((void *)option, 8, (void *)ours, 8, 0), 0);
			bpf_skb_store_bytes(skb, at, ours, 8, 0);
		}
		at += 8 * option[1];
	}
	return 0;
}

static __always_inline bool is_link_local6(const struct address6 *address)
{
	return (address->be[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000); /* fe80::/10 */
}

/*
 * Neighbour discovery that claims an address with an entry. It returns 1 if the
 * sender may not claim it, and sets the reason to OUT_MOVED if one of the MACs that
 * share the address claims it.
 */
static __noinline int out_claim(struct __sk_buff *skb, struct entry *entry, struct address6 *address,
				enum reason *reason)
{
	struct mac mac;

	if (!entry || !address || !reason || bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_source), &mac, 6))
		return 1;
	if (same_mac(&entry->mac, &mac))
		return 0;
	if (!shares(address, &mac)) {
		emit_event(skb, OUT_SPOOFED_ND, BUDGET_MOVES, address);
		return 1;
	}
	*reason = OUT_MOVED;
	emit_event(skb, OUT_MOVED, BUDGET_MOVES, address);
	return 0;
}

/*
 * Neighbour discovery from a link-local address. The fabric takes frames from
 * the ENI's own link-local address and no other, but routers use theirs, made
 * from their own MACs (RFC 4291, appendix A). Their solicitations and
 * advertisements leave in the name of a registered address of the router: any
 * address of the interface may be the source (RFC 4861, 7.2.2), and the answer
 * comes back to it and so to the router.
 *
 * OVN's routers always solicit from there: pinctrl_handle_nd_ns() in
 * controller/pinctrl.c of OVN 25.03 makes the source with in6_generate_lla() of
 * the router port's MAC. They learn from the answer whatever address it comes
 * to: lr_in_lookup_neighbor and lr_in_learn_neighbor in northd/northd.c match
 * "nd_na" and put nd.target and nd.tll. They advertise from the target
 * (build_lrouter_nd_flow(): "ip6.src = nd.target"), which needs none of this.
 * A Linux router solicits from there when it forwards, and as a proxy answers
 * from there if the solicitation came from such an address (ndisc_send_na()).
 */
static __noinline int out_link_local(struct __sk_buff *skb, struct address6 *source)
{
	struct ethhdr *eth = frame(skb, IPV6_END + sizeof(struct nd));
	struct address6 *known, name, target;
	struct entry *entry, *claimed;
	enum reason reason = OUT_ND;
	struct ipv6hdr *ip;
	struct nic *nic;
	struct nd *nd;
	__u32 length;
	__u8 type;

	if (!eth || !source)
		return discard(skb, OUT_LINK_LOCAL);
	ip = (void *)(eth + 1);
	nd = (void *)(ip + 1);
	length = bpf_ntohs(ip->payload_len);
	type = nd->type;
	if (length < sizeof(*nd) || nd->code || (type != ND_NS && type != ND_NA))
		return discard(skb, OUT_LINK_LOCAL);
	__builtin_memcpy(&target, &nd->target, sizeof(target));

	known = bpf_map_lookup_elem(&links6, source);
	if (!known)
		return discard(skb, OUT_LINK_LOCAL);
	__builtin_memcpy(&name, known, sizeof(name));
	entry = bpf_map_lookup_elem(&addresses6, &name);
	if (!entry || !(nic = nic_of(entry)))
		return discard(skb, OUT_LINK_LOCAL);
	if (!same_mac(&entry->mac, eth->h_source))
		return discard(skb, OUT_SPOOFED_ND);
	claimed = bpf_map_lookup_elem(&addresses6, &target);
	if (type == ND_NS && claimed) /* as in out_arp */
		return discard(skb, OUT_LOCAL);
	if (type == ND_NA) {
		if (!claimed)
			return discard(skb, OUT_LINK_LOCAL); /* the fabric does not know it */
		if (out_claim(skb, claimed, &target, &reason))
			return discard(skb, OUT_SPOOFED_ND);
		eth = frame(skb, IPV6_END + sizeof(struct nd));
		if (!eth)
			return discard(skb, OUT_MALFORMED);
		ip = (void *)(eth + 1);
	}

	__builtin_memcpy(&ip->saddr, &name, sizeof(name));
	set_mac(eth->h_source, &nic->mac);
	/* The source is in the pseudo header, which a partial checksum includes. */
	bpf_l4_csum_replace(skb, IPV6_END + offsetof(struct nd, checksum), 0,
		bpf_csum_diff(source->be, sizeof(*source), name.be, sizeof(name), 0), BPF_F_PSEUDO_HDR);
	out_options(skb, type, IPV6_END + length, nic);
	return to_wire(skb, nic->ifindex, reason);
}

static __noinline int out_ipv6(struct __sk_buff *skb)
{
	struct ethhdr *eth = frame(skb, IPV6_END);
	struct address6 source, target = {};
	enum reason reason = OUT_ND;
	bool maybe_nd, is_nd;
	struct entry *entry;
	struct ipv6hdr *ip;
	struct nic *nic;
	__u8 type = 0;
	__u32 end;

	if (!eth)
		return discard(skb, OUT_MALFORMED);
	ip = (void *)(eth + 1);
	if (is_service6(&ip->daddr))
		return discard(skb, OUT_METADATA);
	__builtin_memcpy(&source, &ip->saddr, sizeof(source));
	end = IPV6_END + bpf_ntohs(ip->payload_len);
	/* With another hop limit, or headers in between, no host accepts it as ND. */
	maybe_nd = ip->nexthdr == IPPROTO_ICMPV6 && ip->hop_limit == 255;
	is_nd = maybe_nd && end >= IPV6_END + 8 && !bpf_skb_load_bytes(skb, IPV6_END, &type, 1) &&
		type >= ND_RS && type <= ND_NA;
	if (is_nd && type >= ND_NS) {
		/* Without a target no host accepts it either, whatever its source. */
		if (bpf_skb_load_bytes(skb, IPV6_END + offsetof(struct nd, target), &target, sizeof(target)))
			type = 0;
		else if (is_service6(&target))
			return discard(skb, OUT_METADATA);
	}

	entry = bpf_map_lookup_elem(&addresses6, &source);
	if (!entry || !(nic = nic_of(entry))) {
		/* Every host sends these by itself (DAD, MLD, RS): no event. */
		if (!(source.be[0] | source.be[1] | source.be[2] | source.be[3]))
			return discard(skb, OUT_LINK_LOCAL);
		if (is_link_local6(&source))
			return maybe_nd ? out_link_local(skb, &source) : discard(skb, OUT_LINK_LOCAL);
		if (is_nd)
			return out_unregistered(skb, OUT_UNREGISTERED_ND, OUT_SPOOFED_ND, BUDGET_CLAIMS, &source);
		return out_unregistered(skb, OUT_UNREGISTERED_IPV6, OUT_SPOOFED_IPV6, BUDGET_UNREGISTERED, &source);
	}
	if (!is_nd) {
		if (!may_send(entry, &source, eth->h_source)) {
			emit_event(skb, OUT_SPOOFED_IPV6, BUDGET_SPOOFED, &source);
			return discard(skb, OUT_SPOOFED_IPV6);
		}
		set_mac(eth->h_source, &nic->mac);
		return to_wire(skb, nic->ifindex, OUT_IPV6);
	}

	if (out_claim(skb, entry, &source, &reason))
		return discard(skb, OUT_SPOOFED_ND);
	if (!type)
		return discard(skb, OUT_MALFORMED);
	if (type >= ND_NS && __builtin_memcmp(&target, &source, sizeof(target))) {
		struct entry *other = bpf_map_lookup_elem(&addresses6, &target);

		if (type == ND_NS && other)
			return discard(skb, OUT_LOCAL); /* as in out_arp */
		if (type == ND_NA) { /* claims the target, too */
			if (is_link_local6(&target))
				return discard(skb, OUT_LINK_LOCAL);
			if (!other)
				return out_unregistered(skb, OUT_UNREGISTERED_ND, OUT_SPOOFED_ND, BUDGET_CLAIMS, &target);
			if (out_claim(skb, other, &target, &reason))
				return discard(skb, OUT_SPOOFED_ND);
		}
	}
	eth = frame(skb, IPV6_END);
	if (!eth)
		return discard(skb, OUT_MALFORMED);
	set_mac(eth->h_source, &nic->mac);
	out_options(skb, type, end, nic);
	return to_wire(skb, nic->ifindex, reason);
}

/* Even while the translation is off AWS's services are the host's alone. */
static __noinline int out_untouched(struct __sk_buff *skb)
{
	__u32 at = sizeof(struct ethhdr) + offsetof(struct iphdr, daddr);
	__be32 to = 0, target = 0;
	__u8 type = 0;

	if (skb->protocol == bpf_htons(ETH_P_ARP))
		at = sizeof(struct ethhdr) + offsetof(struct arp, target);
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		at = sizeof(struct ethhdr) + offsetof(struct ipv6hdr, daddr);
		bpf_skb_load_bytes(skb, IPV6_END, &type, sizeof(type));
		if (type == ND_NS || type == ND_NA)
			bpf_skb_load_bytes(skb, IPV6_END + offsetof(struct nd, target), &target, sizeof(target));
		if (!bpf_skb_load_bytes(skb, at, &to, sizeof(to)) && (is_service6(&to) || is_service6(&target)))
			return discard(skb, OUT_METADATA);
	} else if (!bpf_skb_load_bytes(skb, at, &to, sizeof(to)) && is_service4(to)) {
		return discard(skb, OUT_METADATA);
	}
	return to_wire(skb, first, OUT_UNTOUCHED);
}

/* IPv4 from another MAC than that of its source's entry. */
static __noinline int out_other4(struct __sk_buff *skb)
{
	struct ethhdr *eth = frame(skb, sizeof(*eth) + sizeof(struct iphdr));
	struct address6 source;
	struct entry *entry;
	struct iphdr *ip;
	struct nic *nic;

	if (!eth)
		return discard(skb, OUT_MALFORMED);
	ip = (void *)(eth + 1);
	if (!ip->saddr) /* DHCP: the sender has no address yet */
		return discard(skb, OUT_UNREGISTERED_IPV4);
	source = mapped(ip->saddr);
	entry = entry4(&ip->saddr);
	if (!entry || !(nic = nic_of(entry)))
		return out_unregistered(skb, OUT_UNREGISTERED_IPV4, OUT_SPOOFED_IPV4, BUDGET_UNREGISTERED, &source);
	if (!may_send(entry, &source, eth->h_source)) {
		emit_event(skb, OUT_SPOOFED_IPV4, BUDGET_SPOOFED, &source);
		return discard(skb, OUT_SPOOFED_IPV4);
	}
	set_mac(eth->h_source, &nic->mac);
	return to_wire(skb, nic->ifindex, OUT_IPV4);
}

SEC("tc")
int from_bridge(struct __sk_buff *skb)
{
	struct entry *entry;
	struct ethhdr *eth;
	struct iphdr *ip;
	struct nic *nic;

	if (is_off())
		return out_untouched(skb);
	if (skb->vlan_present)
		return discard(skb, OUT_VLAN);
	eth = frame(skb, sizeof(*eth) + sizeof(*ip));
	if (!eth)
		return discard(skb, OUT_MALFORMED);

	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		ip = (void *)(eth + 1);
		if (is_service4(ip->daddr))
			return discard(skb, OUT_METADATA);
		entry = entry4(&ip->saddr);
		if (entry && same_mac(&entry->mac, eth->h_source) && (nic = nic_of(entry))) {
			set_mac(eth->h_source, &nic->mac);
			return to_wire(skb, nic->ifindex, OUT_IPV4);
		}
		return out_other4(skb);
	}
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return out_arp(skb);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return out_ipv6(skb);
	return discard(skb, is_vlan(eth->h_proto) ? OUT_VLAN : OUT_PROTOCOL);
}

/* -- wire to bridge ------------------------------------------------------ */

/* The NIC that a frame arrived at, if this is its primary address. */
static __always_inline struct nic *arrived_for(struct __sk_buff *skb, __u32 primary)
{
	for (__u32 slot = 0; slot < NIC_SLOTS; slot++) {
		__u32 key = slot; /* a copy: the verifier counts in registers only */
		struct nic *nic = bpf_map_lookup_elem(&nics, &key);

		if (nic && nic->ifindex == skb->ifindex && nic->primary == primary)
			return nic;
	}
	return NULL;
}

static __noinline int in_arp(struct __sk_buff *skb)
{
	struct ethhdr *eth = frame(skb, sizeof(*eth) + sizeof(struct arp));
	struct address4 sender, target;
	struct entry *entry;
	struct nic *nic;
	struct arp *arp;

	if (!eth)
		return to_host(skb, IN_HOST);
	arp = (void *)(eth + 1);
	if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_len != 6 || arp->protocol_len != 4)
		return to_host(skb, IN_HOST);
	__builtin_memcpy(&target, arp->target, 4);

	/*
	 * The fabric probes the ENI's primary address to see whether the
	 * instance is alive. No router need own it, so the request becomes
	 * its own answer here.
	 */
	if (target.be && arp->operation == bpf_htons(1) && (nic = arrived_for(skb, target.be))) {
		arp->operation = bpf_htons(2);
		arp->target_mac = arp->sender_mac;
		__builtin_memcpy(arp->target, arp->sender, 4);
		set_mac(&arp->sender_mac, &nic->mac);
		__builtin_memcpy(arp->sender, &target, 4);
		set_mac(eth->h_dest, eth->h_source);
		set_mac(eth->h_source, &nic->mac);
		return to_wire(skb, nic->ifindex, IN_ANSWERED);
	}

	entry = entry4(&target);
	if (!entry)
		return to_host(skb, IN_HOST);
	__builtin_memcpy(&sender, arp->sender, 4);
	if (is_service4(sender.be))
		return drop(skb, IN_METADATA);
	if (arp->operation == bpf_htons(2))
		arp->target_mac = entry->mac;
	set_mac(eth->h_dest, &entry->mac);
	return to_bridge(skb, IN_ARP);
}

static __noinline int in_ipv6(struct __sk_buff *skb)
{
	struct ethhdr *eth = frame(skb, IPV6_END);
	struct ipv6hdr *ip;
	struct entry *entry;

	if (!eth)
		return to_host(skb, IN_HOST);
	ip = (void *)(eth + 1);
	/* Solicitations and advertisements concern routers and host alike. */
	if (eth->h_dest[0] & 1) {
		if (is_service6(&ip->saddr))
			return drop(skb, IN_METADATA);
		bpf_clone_redirect(skb, port, BPF_F_INGRESS);
		return to_host(skb, IN_MULTICAST);
	}
	entry = bpf_map_lookup_elem(&addresses6, &ip->daddr);
	if (!entry)
		return to_host(skb, IN_HOST);
	if (is_service6(&ip->saddr))
		return drop(skb, IN_METADATA);
	set_mac(eth->h_dest, &entry->mac);
	return to_bridge(skb, IN_IPV6);
}

static __noinline int in_untouched(struct __sk_buff *skb)
{
	__u32 at = sizeof(struct ethhdr) + offsetof(struct iphdr, saddr);
	__be32 from = 0;

	if (skb->protocol == bpf_htons(ETH_P_ARP))
		at = sizeof(struct ethhdr) + offsetof(struct arp, sender);
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		at = sizeof(struct ethhdr) + offsetof(struct ipv6hdr, saddr);
		if (!bpf_skb_load_bytes(skb, at, &from, sizeof(from)) && is_service6(&from))
			return drop(skb, IN_METADATA);
	} else if (!bpf_skb_load_bytes(skb, at, &from, sizeof(from)) && is_service4(from)) {
		return drop(skb, IN_METADATA);
	}
	return to_bridge(skb, IN_UNTOUCHED);
}

SEC("tc")
int from_wire(struct __sk_buff *skb)
{
	struct address6 untranslated;
	struct entry *entry;
	struct ethhdr *eth;
	struct iphdr *ip;

	if (is_off())
		return in_untouched(skb);
	if (skb->vlan_present)
		return drop(skb, IN_VLAN);
	eth = frame(skb, sizeof(*eth) + sizeof(*ip));
	if (!eth)
		return to_host(skb, IN_HOST);

	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		ip = (void *)(eth + 1);
		entry = entry4(&ip->daddr);
		if (eth->h_dest[0] & 1)
			return to_host(skb, IN_HOST);
		if (!entry) {
			/*
			 * It is registered, and a router may have it that has
			 * not announced it.
			 */
			if (bpf_ntohl(ip->daddr) - dense_base < dense_size) {
				untranslated = mapped(ip->daddr);
				emit_event(skb, IN_HOST, BUDGET_ARRIVALS, &untranslated);
			}
			return to_host(skb, IN_HOST);
		}
		if (is_service4(ip->saddr))
			return drop(skb, IN_METADATA);
		set_mac(eth->h_dest, &entry->mac);
		return to_bridge(skb, IN_IPV4);
	}
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return in_arp(skb);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return in_ipv6(skb);
	if (is_vlan(eth->h_proto))
		return drop(skb, IN_VLAN);
	return to_host(skb, IN_HOST);
}

/* -- the blackhole ------------------------------------------------------- */

SEC("tc")
int blackhole(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}
