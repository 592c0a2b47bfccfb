// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/*
 * Address translation between a provider NIC (an ENI) and a bridge.
 *
 *     fabric -- NIC -- from_wire ----> mcw1 -- bridge -- routers
 *                   <-- from_bridge --
 *                                      ||| veth
 *                                      mcw0, a dead end
 *
 * The fabric takes a frame only if its source MAC is the ENI's and its source
 * address is registered on the ENI. Routers have MACs of their own. So every
 * frame that leaves gets the ENI's MAC, and for every frame that arrives the
 * router's MAC is looked up by destination address.
 *
 * mcw1 is a port of the bridge, and the NIC is not: the rewrite is done before
 * any datapath, in the kernel or in user space, sees the frame. What comes from
 * the wire is handed to mcw1 as if it had received it (tc ingress of the NIC).
 * What the bridge sends out of mcw1 is caught before it is sent (tc egress of
 * mcw1) and leaves by the NIC; a trip through the veth pair would cost a
 * soft interrupt each way. What may not leave ends in mcw0, where tcpdump sees
 * it and nothing else does.
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

static __noinline int out_arp(struct __sk_buff *skb)
{
	struct ethhdr *eth = frame(skb, sizeof(*eth) + sizeof(struct arp));
	enum reason reason = OUT_ARP;
	struct address4 sender, target;
	struct entry *entry;
	struct arp *arp;

	if (!eth)
		return discard(skb, OUT_MALFORMED);
	arp = (void *)(eth + 1);
	if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_len != 6 || arp->protocol_len != 4)
		return discard(skb, OUT_MALFORMED);
	__builtin_memcpy(&sender, arp->sender, 4);
	__builtin_memcpy(&target, arp->target, 4);

	entry = entry4(&sender);
	if (!entry) {
		announce4(skb, OUT_UNREGISTERED_ARP, sender.be);
		return discard(skb, OUT_UNREGISTERED_ARP);
	}

	/*
	 * Both ends are on this bridge, where they hear each other. On the wire
	 * the frame would tell that the ENI looks for itself.
	 */
	if (target.be != sender.be && entry4(&target))
		return discard(skb, OUT_LOCAL);

	/* A floating IP went to another router, which announces it. */
	if (!same_mac(&entry->mac, &arp->sender_mac)) {
		reason = OUT_MOVED;
		announce4(skb, reason, sender.be);
		eth = frame(skb, sizeof(*eth) + sizeof(struct arp));
		if (!eth)
			return discard(skb, OUT_MALFORMED);
		arp = (void *)(eth + 1);
	}

	set_eni(eth->h_source);
	set_eni(&arp->sender_mac);
	/* An announcement may repeat the sender's MAC as target; RFC 5227, 3. */
	if (target.be == sender.be) {
		if (arp->operation == bpf_htons(1))
			__builtin_memset(&arp->target_mac, 0, 6);
		else
			set_eni(&arp->target_mac);
	}
	return to_wire(skb, reason);
}

#define IPV6_END  (sizeof(struct ethhdr) + sizeof(struct ipv6hdr))
#define ND_RS     133
#define ND_RA     134
#define ND_NS     135
#define ND_NA     136

/*
 * Puts the ENI's MAC into the link-layer address options of a neighbour
 * discovery message and corrects its checksum. False: it is none.
 */
static __noinline int out_nd(struct __sk_buff *skb, __u32 end)
{
	__u8 type, option[8], ours[8];
	__u32 at;

	if (bpf_skb_load_bytes(skb, IPV6_END, &type, 1))
		return false;
	switch (type) { /* RFC 4861, 4.1 to 4.4: where the options begin */
	case ND_RS: at = IPV6_END + 8; break;
	case ND_RA: at = IPV6_END + 16; break;
	case ND_NS:
	case ND_NA: at = IPV6_END + 24; break;
	default: return false;
	}
	for (int i = 0; i < 8; i++) {
		if (at + 8 > end || bpf_skb_load_bytes(skb, at, option, 8))
			break;
		if (option[1] == 0)
			break;
		if ((option[0] == 1 || option[0] == 2) && option[1] == 1) {
			__builtin_memcpy(ours, option, 2);
			for (int j = 0; j < 6; j++)
				ours[2 + j] = eni.b[j];
			bpf_l4_csum_replace(skb, IPV6_END + 2, 0,
				bpf_csum_diff((void *)option, 8, (void *)ours, 8, 0), 0);
			bpf_skb_store_bytes(skb, at, ours, 8, 0);
		}
		at += 8 * option[1];
	}
	return true;
}

static __noinline int out_ipv6(struct __sk_buff *skb)
{
	struct ethhdr *eth = frame(skb, IPV6_END);
	enum reason reason = OUT_ND;
	struct address6 source;
	struct entry *entry;
	struct ipv6hdr *ip;
	bool maybe_nd;
	__u32 end;

	if (!eth)
		return discard(skb, OUT_MALFORMED);
	ip = (void *)(eth + 1);
	__builtin_memcpy(&source, &ip->saddr, sizeof(source));

	entry = bpf_map_lookup_elem(&addresses6, &source);
	if (!entry) {
		/* Every host does these by itself (DAD, MLD, RS): no news. */
		if (!(source.be[0] | source.be[1] | source.be[2] | source.be[3]) ||
		    (source.be[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
			return discard(skb, OUT_LINK_LOCAL);
		announce(skb, OUT_UNREGISTERED_IPV6, &source);
		return discard(skb, OUT_UNREGISTERED_IPV6);
	}

	end = IPV6_END + bpf_ntohs(ip->payload_len);
	maybe_nd = ip->nexthdr == IPPROTO_ICMPV6 && ip->hop_limit == 255;
	if (maybe_nd && !same_mac(&entry->mac, eth->h_source)) {
		reason = OUT_MOVED;
		announce(skb, reason, &source);
		eth = frame(skb, IPV6_END);
		if (!eth)
			return discard(skb, OUT_MALFORMED);
	}
	set_eni(eth->h_source);
	if (maybe_nd && out_nd(skb, end))
		return to_wire(skb, reason);
	return to_wire(skb, OUT_IPV6);
}

SEC("tc")
int from_bridge(struct __sk_buff *skb)
{
	struct ethhdr *eth;
	struct iphdr *ip;

	if (is_off())
		return to_wire(skb, OUT_UNTOUCHED);
	if (skb->vlan_present)
		return discard(skb, OUT_VLAN);
	eth = frame(skb, sizeof(*eth) + sizeof(*ip));
	if (!eth)
		return discard(skb, OUT_MALFORMED);

	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		ip = (void *)(eth + 1);
		if (!entry4(&ip->saddr)) {
			announce4(skb, OUT_UNREGISTERED_IPV4, ip->saddr);
			return discard(skb, OUT_UNREGISTERED_IPV4);
		}
		set_eni(eth->h_source);
		return to_wire(skb, OUT_IPV4);
	}
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return out_arp(skb);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return out_ipv6(skb);
	return discard(skb, is_vlan(eth->h_proto) ? OUT_VLAN : OUT_PROTOCOL);
}

/* -- wire to bridge ------------------------------------------------------ */

static __noinline int in_arp(struct __sk_buff *skb)
{
	struct ethhdr *eth = frame(skb, sizeof(*eth) + sizeof(struct arp));
	struct address4 target;
	struct entry *entry;
	struct arp *arp;

	if (!eth)
		return to_host(skb, IN_HOST);
	arp = (void *)(eth + 1);
	if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_len != 6 || arp->protocol_len != 4)
		return to_host(skb, IN_HOST);
	__builtin_memcpy(&target, arp->target, 4);

	/*
	 * The fabric asks for the ENI's primary address to see whether the
	 * instance lives. No router need own it, so the question is turned
	 * into its answer here.
	 */
	if (primary && target.be == primary && arp->operation == bpf_htons(1)) {
		arp->operation = bpf_htons(2);
		arp->target_mac = arp->sender_mac;
		__builtin_memcpy(arp->target, arp->sender, 4);
		set_eni(&arp->sender_mac);
		__builtin_memcpy(arp->sender, &target, 4);
		set_mac(eth->h_dest, eth->h_source);
		set_eni(eth->h_source);
		return to_wire(skb, IN_ANSWERED);
	}

	entry = entry4(&target);
	if (!entry)
		return to_host(skb, IN_HOST);
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
	/* Solicitations and advertisements concern routers and host alike. */
	if (eth->h_dest[0] & 1) {
		bpf_clone_redirect(skb, port, BPF_F_INGRESS);
		return to_host(skb, IN_MULTICAST);
	}
	ip = (void *)(eth + 1);
	entry = bpf_map_lookup_elem(&addresses6, &ip->daddr);
	if (!entry)
		return to_host(skb, IN_HOST);
	set_mac(eth->h_dest, &entry->mac);
	return to_bridge(skb, IN_IPV6);
}

SEC("tc")
int from_wire(struct __sk_buff *skb)
{
	struct entry *entry;
	struct ethhdr *eth;
	struct iphdr *ip;

	if (is_off())
		return to_bridge(skb, IN_UNTOUCHED);
	if (skb->vlan_present)
		return drop(skb, IN_VLAN);
	eth = frame(skb, sizeof(*eth) + sizeof(*ip));
	if (!eth)
		return to_host(skb, IN_HOST);

	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		ip = (void *)(eth + 1);
		entry = entry4(&ip->daddr);
		if (!entry || eth->h_dest[0] & 1)
			return to_host(skb, IN_HOST);
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

/* -- the dead end -------------------------------------------------------- */

SEC("tc")
int dead_end(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}
