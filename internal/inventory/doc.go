// SPDX-License-Identifier: Apache-2.0

// Package inventory reads what AWS has of a cloud: [See] all that has the cloud's tag, [SeeOthers] the
// resources of others that are in its VPCs or use something of it. Describe calls go in, plain values come out:
// [Seen], without the SDK's pointers and enumerations, and the same for the same cloud. Package infra compares
// it with the cloud file.
//
// It never changes anything, and judges nothing: duplicates, and resources without a known part, are all in the
// lists.
package inventory
