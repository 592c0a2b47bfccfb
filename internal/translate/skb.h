/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a program of ours reads a frame; those of package tunnel too. */
#pragma once

#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The frame, if its first n octets can be read, pulled in if need be. */
static __always_inline void *frame(struct __sk_buff *skb, __u32 n)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;

	if (data + n > end) {
		if (bpf_skb_pull_data(skb, n))
			return NULL;
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
		if (data + n > end)
			return NULL;
	}
	return data;
}
