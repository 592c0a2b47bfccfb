// SPDX-License-Identifier: Apache-2.0

// Package namespace makes named network namespaces and works in them: [Add], [Delete],
// [Do] (a function on a thread that is there), [Links] (a netlink handle), [Sysctl].
// [Renew] replaces one while its devices live on.
//
// Names are the caller's; nothing of another name is touched.
package namespace
