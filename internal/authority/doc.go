// SPDX-License-Identifier: Apache-2.0

// Package authority is a cloud's certificate authority.
//
// The root's key stays on the operator's machine. Each node has an intermediate authority, which
// issues the node's own certificates and renews them without the operator. Both may certify only the
// addresses and names of their [Scope], by name constraints (RFC 5280, section 4.2.1.10): who trusts
// the root trusts it for this cloud and for nothing else, and a stolen node cannot pose as another.
package authority
