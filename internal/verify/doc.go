// SPDX-License-Identifier: Apache-2.0

// Package verify shows that a cloud works: it makes a project with a router and a
// guest, reaches the guest from outside and the Internet from the guest, and removes
// what it has made.
//
// [Run] does it with a member's rights, as users would, and says which step failed. What
// an earlier run has left behind is found by its name and removed first. [EnsureImage]
// puts the guest's image into the cloud, and checks it if there is a checksum.
//
// Nothing that a run has not made is touched.
package verify
