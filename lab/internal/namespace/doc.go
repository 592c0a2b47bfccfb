// SPDX-License-Identifier: Apache-2.0

// Package namespace makes named network namespaces and works in them: [Add], [Delete], [Do]
// (run a function in one), [Links] (a netlink handle), [Sysctl]. [Renew] replaces one and
// keeps its devices.
//
// The caller chooses the names; namespaces with other names are not touched.
package namespace
