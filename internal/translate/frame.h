/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What both programs do with a frame: parse it, count it, forward it, report it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "skb.h"

static __always_inline void count(struct __sk_buff *skb, enum reason reason)
{
	__u32 key = reason;
	struct count *c = bpf_map_lookup_elem(&counters, &key);

	if (c) {
		c->packets++;
		c->bytes += skb->len;
	}
}

static __always_inline int drop(struct __sk_buff *skb, enum reason reason)
{
	count(skb, reason);
	return TC_ACT_SHOT;
}

/*
 * Dropped on its way out, without an error for the sender: a userspace datapath
 * takes one for a full queue, and discards the rest of its batch. So the frame
 * goes on through the pair, to the program blackhole. Without tcx it is there
 * already.
 */
static __always_inline int discard(struct __sk_buff *skb, enum reason reason)
{
	count(skb, reason);
	return at_blackhole ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

static __always_inline int to_wire(struct __sk_buff *skb, __u32 ifindex, enum reason reason)
{
	count(skb, reason);
	return bpf_redirect(ifindex, 0);
}

/* The frame arrives on mcw1, as from a cable. */
static __always_inline int to_bridge(struct __sk_buff *skb, enum reason reason)
{
	count(skb, reason);
	return bpf_redirect(port, BPF_F_INGRESS);
}

/* Not ours: on to whatever else listens on the NIC. */
static __always_inline int to_host(struct __sk_buff *skb, enum reason reason)
{
	count(skb, reason);
	return TC_ACT_UNSPEC;
}

/* The entry of an IPv4 address, in network order at addr. */
static __always_inline struct entry *entry4(const void *addr)
{
	struct address4 key;
	struct entry *entry;
	__u32 at;

	__builtin_memcpy(&key, addr, sizeof(key));
	at = bpf_ntohl(key.be) - dense_base;
	if (at < dense_size) {
		entry = bpf_map_lookup_elem(&dense4, &at);
		if (entry && entry->flags & ENTRY_SET)
			return entry;
	}
	return bpf_map_lookup_elem(&addresses4, &key);
}

/* The NIC that frames from an address leave by: that of the ENI it is registered on. */
static __always_inline struct nic *nic_of(const struct entry *entry)
{
	__u32 slot = entry->nic;

	return bpf_map_lookup_elem(&nics, &slot);
}

static __always_inline bool is_off(void)
{
	__u32 key = 0;
	struct setting *s = bpf_map_lookup_elem(&settings, &key);

	return s && s->mode == MODE_OFF;
}

/* Ethernet and ARP fields are two-octet aligned; six single octets cost more. */
static __always_inline void set_mac(void *to, const void *from)
{
	((__u16 *)to)[0] = ((const __u16 *)from)[0];
	((__u16 *)to)[1] = ((const __u16 *)from)[1];
	((__u16 *)to)[2] = ((const __u16 *)from)[2];
}

static __always_inline bool same_mac(const void *a, const void *b)
{
	const __u16 *x = a, *y = b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

static __always_inline bool is_vlan(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) ||
	       protocol == bpf_htons(ETH_P_8021AD);
}

/*
 * AWS's link-local services: instance metadata, and with it the credentials of the
 * instance's role, Time Sync, DNS (EC2 User Guide, instancedata-data-retrieval and
 * set-time; VPC User Guide, AmazonDNS-concepts). They answer any request from an ENI,
 * and are for the host alone, which does not use the provider NICs for it.
 */
static __always_inline bool is_service4(__be32 address)
{
	return (address & bpf_htonl(0xffff0000)) == bpf_htonl(0xa9fe0000); /* 169.254.0.0/16 */
}

static __always_inline bool is_service6(const void *address)
{
	return *(const __be32 *)address == bpf_htonl(0xfd000ec2); /* fd00:ec2::/32 */
}

static __always_inline struct address6 mapped(__be32 address)
{
	return (struct address6){ .be = { 0, 0, bpf_htonl(0xffff), address } };
}

/* Whether a MAC of a frame is one of those that share an address. */
static __always_inline bool shares(const struct address6 *address, const void *mac)
{
	struct sender key = {};

	__builtin_memcpy(&key.address, address, sizeof(key.address));
	set_mac(&key.mac, mac);
	return bpf_map_lookup_elem(&sharers, &key);
}

/* Where an address without an entry belongs. */
static __noinline enum place place_of(struct address6 *address)
{
	struct block key = { .bits = 128 };
	__u32 *place;

	if (!address)
		return PLACE_ELSEWHERE;
	__builtin_memcpy(&key.address, address, sizeof(key.address));
	place = bpf_map_lookup_elem(&places, &key);
	return place ? *place : PLACE_NEUTRON;
}

/*
 * Reports a frame to user space, at most one a second for an address, MAC and kind,
 * and within a budget: the limit for each address alone would not stop a scan with
 * forged sources.
 */
static __noinline int emit_event(struct __sk_buff *skb, enum reason reason, enum budget from,
			       struct address6 *address)
{
	__u64 now = bpf_ktime_get_ns(), *last;
	struct sender sender = { .budget = from };
	struct budget_use *use;
	struct event *event;
	__u32 key = from;

	if (!address)
		return 0;
	__builtin_memcpy(&sender.address, address, sizeof(sender.address));
	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_source), &sender.mac, 6))
		return 0;
	last = bpf_map_lookup_elem(&recent, &sender);
	if (last && now - *last < SECOND)
		return 0;

	/* Two CPUs may begin the same second twice: a few events more. */
	use = bpf_map_lookup_elem(&event_budget, &key);
	if (!use)
		return 0;
	if (use->second != now / SECOND) {
		use->second = now / SECOND;
		use->events = 0;
	}
	if (use->events >= (from == BUDGET_CLAIMS ? EVENTS_PER_SECOND : EVENTS_PER_SECOND / 4))
		return 0;
	__sync_fetch_and_add(&use->events, 1);

	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	__builtin_memcpy(event->address, address, sizeof(event->address));
	event->mac = sender.mac;
	event->protocol = bpf_ntohs(skb->protocol);
	event->reason = reason;
	event->length = skb->len;
	bpf_ringbuf_submit(event, 0);
	bpf_map_update_elem(&recent, &sender, &now, BPF_ANY);
	return 0;
}
