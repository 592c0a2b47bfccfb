// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/*
 * Geneve between the management NIC and a bridge of Open vSwitch's userspace datapath.
 *
 *     fabric -- NIC -- from_wire ----> mcg0 ||| mcg1 -- br-phy
 *                   <-- from_bridge --      veth
 *
 * The kernel keeps the NIC and its address. Geneve to that address goes to the bridge
 * alone; answers to ARP go to both, for each has neighbours of its own. Whatever the
 * bridge sends that is not Geneve from that address, or a question of ARP for it, is
 * dropped. The bridge has another MAC than the NIC, for NICs are found by their MACs.
 *
 * Frames go into mcg0 as sent by it, and not into mcg1 as received: on its way through
 * mcg0, which has no offloads, the kernel completes their checksums, and cuts what NIC or
 * kernel have merged or left whole. The datapath reads frames as they are on the wire.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../translate/skb.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define GENEVE 6081 /* RFC 8926, 3.3 */

/* linux/if_arp.h needs the headers of a C library. */
#define ARPHRD_ETHER  1
#define ARPOP_REQUEST 1
#define ARPOP_REPLY   2

struct mac {
	__u8 b[6];
};

/* ARP for IPv4 over Ethernet: RFC 826. */
struct arp {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	struct mac sender_mac;
	__u8 sender[4];
	struct mac target_mac;
	__u8 target[4];
};

volatile const __u32 nic;  /* ifindex */
volatile const __u32 pair; /* ifindex of mcg0 */
volatile const __be32 address;
volatile const struct mac nic_mac;
volatile const struct mac bridge_mac;

static __always_inline void set_mac(void *to, const volatile struct mac *from)
{
	struct mac mac = { .b = { from->b[0], from->b[1], from->b[2], from->b[3], from->b[4], from->b[5] } };

	__builtin_memcpy(to, &mac, sizeof(mac));
}

static __always_inline int is_own(const __u8 *ip)
{
	__be32 be;

	__builtin_memcpy(&be, ip, sizeof(be));
	return be == address;
}

/* The Geneve header's UDP datagram, whole and without IP options: the datapath takes no other. */
static __always_inline struct ethhdr *geneve(struct __sk_buff *skb, struct iphdr **ip)
{
	struct ethhdr *eth = frame(skb, sizeof(*eth) + sizeof(struct iphdr) + sizeof(struct udphdr));
	struct udphdr *udp;

	if (!eth)
		return NULL;
	*ip = (void *)(eth + 1);
	udp = (void *)(*ip + 1);
	if ((*ip)->version != 4 || (*ip)->ihl != 5 || (*ip)->protocol != IPPROTO_UDP ||
	    (*ip)->frag_off & bpf_htons(0x3fff) || udp->dest != bpf_htons(GENEVE))
		return NULL;
	return eth;
}

static __always_inline struct ethhdr *arp(struct __sk_buff *skb, struct arp **arp)
{
	struct ethhdr *eth = frame(skb, sizeof(*eth) + sizeof(struct arp));

	if (!eth)
		return NULL;
	*arp = (void *)(eth + 1);
	if ((*arp)->hardware != bpf_htons(ARPHRD_ETHER) || (*arp)->protocol != bpf_htons(ETH_P_IP) ||
	    (*arp)->hardware_len != ETH_ALEN || (*arp)->protocol_len != 4)
		return NULL;
	return eth;
}

SEC("tc")
int from_wire(struct __sk_buff *skb)
{
	struct ethhdr *eth;
	struct iphdr *ip;
	struct arp *a;

	if (skb->pkt_type != PACKET_HOST || skb->vlan_present)
		return TC_ACT_UNSPEC;
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		eth = geneve(skb, &ip);
		if (!eth || ip->daddr != address)
			return TC_ACT_UNSPEC;
		set_mac(eth->h_dest, &bridge_mac);
		return bpf_redirect(pair, 0);
	case bpf_htons(ETH_P_ARP):
		/* The bridge floods it to its internal port, and looks at nothing but the body. */
		if (arp(skb, &a) && a->operation == bpf_htons(ARPOP_REPLY) && is_own(a->target))
			bpf_clone_redirect(skb, pair, 0);
		return TC_ACT_UNSPEC;
	}
	return TC_ACT_UNSPEC;
}

SEC("tc")
int from_bridge(struct __sk_buff *skb)
{
	struct ethhdr *eth;
	struct iphdr *ip;
	struct arp *a;

	if (skb->vlan_present)
		return TC_ACT_SHOT;
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		eth = geneve(skb, &ip);
		if (!eth || ip->saddr != address)
			return TC_ACT_SHOT;
		break;
	case bpf_htons(ETH_P_ARP):
		eth = arp(skb, &a);
		if (!eth || a->operation != bpf_htons(ARPOP_REQUEST) || !is_own(a->sender))
			return TC_ACT_SHOT;
		set_mac(&a->sender_mac, &nic_mac);
		break;
	default:
		return TC_ACT_SHOT;
	}
	set_mac(eth->h_source, &nic_mac);
	return bpf_redirect(nic, 0);
}
