/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs and user space share: reasons, entries, events, maps. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#define MAX_ADDRESSES     65536
#define NIC_SLOTS         64 /* twice as many as NICs: a new one needs no slot that is in use */
#define SECOND            1000000000ULL
#define EVENTS_PER_SECOND 64 /* of BUDGET_CLAIMS; of the others a quarter */

/* What became of a frame; each frame is counted under exactly one reason. */
enum reason {
	OUT_IPV4,
	OUT_IPV6,
	OUT_ARP,
	OUT_ND,
	OUT_MOVED,             /* ARP or ND of a shared address, from another of its MACs */
	OUT_UNTOUCHED,         /* translation is off */
	OUT_UNREGISTERED_IPV4, /* from here on: dropped */
	OUT_UNREGISTERED_IPV6,
	OUT_UNREGISTERED_ARP,
	OUT_UNREGISTERED_ND,
	OUT_LINK_LOCAL,
	OUT_LOCAL,
	OUT_MALFORMED,
	OUT_PROTOCOL,
	OUT_VLAN,
	OUT_METADATA,          /* to AWS's link-local services */
	OUT_SPOOFED_IPV4,      /* from an address of another MAC, or of the VPC */
	OUT_SPOOFED_IPV6,
	OUT_SPOOFED_ARP,
	OUT_SPOOFED_ND,

	IN_IPV4,
	IN_IPV6,
	IN_ARP,
	IN_MULTICAST,
	IN_ANSWERED,
	IN_HOST,
	IN_UNTOUCHED,
	IN_VLAN,               /* from here on: dropped */
	IN_METADATA,

	REASONS,
};

/*
 * Each kind of event has a budget of its own, so that forged sources suppress
 * neither what routers announce nor other forgeries. ARP and ND do not go through
 * a router, so what its guests send does not count against what routers announce.
 */
enum budget {
	BUDGET_CLAIMS,       /* ARP and ND of addresses without an entry */
	BUDGET_MOVES,        /* ARP and ND of addresses that have one */
	BUDGET_UNREGISTERED, /* data from addresses without an entry */
	BUDGET_SPOOFED,      /* data from addresses of another MAC */
	BUDGET_ARRIVALS,     /* from the fabric to addresses without an entry */
	BUDGETS,
};

/* Where an address without an entry belongs. */
enum place {
	PLACE_NEUTRON,   /* Neutron may allocate it, and perhaps just has */
	PLACE_VPC,       /* others of the VPC, an ENI's primary address among them */
	PLACE_ELSEWHERE,
};

/* Zero is what a new map holds: a fresh translation translates. */
enum mode {
	MODE_TRANSLATE,
	MODE_OFF,
};

struct mac {
	__u8 b[6];
};

struct address4 {
	__u32 be;
};

struct address6 {
	__u32 be[4];
};

struct entry {
	struct mac mac; /* the router's */
	__u8 nic;       /* slot in nics of the NIC that the address leaves by */
	__u8 flags;     /* in dense4: ENTRY_SET; else reserved, zero */
};

#define ENTRY_SET 1

/* One provider NIC. */
struct nic {
	__u32 ifindex;
	__u32 primary;  /* network order; 0: answer no ARP */
	struct mac mac; /* the ENI's */
	__u16 place;    /* in the configuration, from 1; 0: the slot is empty */
};

struct count {
	__u64 packets;
	__u64 bytes;
};

struct setting {
	enum mode mode;
};

/* A frame that is reported to user space. */
struct event {
	/* Its source, or for IN_HOST its destination. */
	__u8 address[16]; /* IPv4 as ::ffff:a.b.c.d */
	struct mac mac;   /* the frame's source MAC */
	__u16 protocol;   /* EtherType, host order */
	enum reason reason;
	__u32 length;     /* of the frame, octets */
};

/* A MAC that uses an address. */
struct sender {
	struct address6 address; /* IPv4 as ::ffff:a.b.c.d */
	struct mac mac;
	__u16 budget;            /* in recent: enum budget of the event; else zero */
};

/* A block of addresses, as an LPM trie takes it. */
struct block {
	__u32 bits;
	struct address6 address; /* IPv4 as ::ffff:a.b.c.d */
};

/* How much of a budget is used up. */
struct budget_use {
	__u64 second;
	__u64 events; /* in this second */
};

struct arp {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	struct mac sender_mac;
	__u8 sender[4];
	struct mac target_mac;
	__u8 target[4];
} __attribute__((packed));

/* Neighbour solicitation and advertisement; RFC 4861, 4.3 and 4.4. */
struct nd {
	__u8 type, code;
	__be16 checksum;
	__be32 flags;
	struct address6 target;
};

/* Makes the types known to bpf2go, which finds them in the object's BTF. */
const struct event *unused_event __attribute__((unused));

/*
 * Constants of one load. They are part of the program and not of a map, so the
 * hot path loads an immediate; when a device is made anew the program is
 * loaded again and replaced in place.
 */
const volatile __u32 first = 0;           /* ifindex of the first NIC */
const volatile __u32 port = 0;            /* ifindex of mcw1, the provider port */
const volatile bool at_blackhole = false; /* from_bridge is attached to mcw0 */
const volatile __u32 dense_base = 0;      /* first address of dense4, host order */
const volatile __u32 dense_size = 0;

/*
 * The maps are pinned by name and outlive both programs and agent.
 * Elements are allocated when used: a node has ten addresses, not 65536.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ADDRESSES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address4);
	__type(value, struct entry);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} addresses4 SEC(".maps");

/*
 * The same for the addresses of one range, by their offset in it: a lookup needs no
 * call, and one cache miss at most where the hash takes several. It is filled from
 * addresses4 when it is made, and not pinned.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the loader sets it to dense_size */
	__type(key, __u32);
	__type(value, struct entry);
} dense4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ADDRESSES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address6);
	__type(value, struct entry);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} addresses6 SEC(".maps");

/*
 * By a router's link-local address the registered address in whose name its
 * solicitations leave.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ADDRESSES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address6);
	__type(value, struct address6);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} links6 SEC(".maps");

/*
 * MACs that may send from an address besides that of its entry: guests that share it
 * (VRRP). Frames to it go to the entry's.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ADDRESSES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sender);
	__type(value, __u8);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} sharers SEC(".maps");

/*
 * Where addresses belong, by the longest block; without one they are Neutron's. It
 * is read for those without an entry only, filled by the loader, not pinned.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct block);
	__type(value, __u32); /* enum place */
} places SEC(".maps");

/*
 * The NICs. Each keeps its slot for as long as it is attached, so that entries
 * agree with the programs that read them, before a reload and after it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NIC_SLOTS);
	__type(key, __u32);
	__type(value, struct nic);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} nics SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct setting);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct count);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

/* When which event was emitted; not pinned, a reload may emit it again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct sender);
	__type(value, __u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BUDGETS);
	__type(key, __u32);
	__type(value, struct budget_use);
} event_budget SEC(".maps");
