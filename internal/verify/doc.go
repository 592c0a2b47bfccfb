// SPDX-License-Identifier: Apache-2.0

// Package verify checks that a cloud works: it makes a project with a router and a guest, reaches
// the guest from outside and the Internet from the guest, and removes everything it has made.
//
// [Run] uses a member's rights, as users do, and names the step that failed. It finds by their name
// the remains of an earlier run, and removes them first, in a step of its own. [EnsureImage] puts
// the guest's image into the cloud, and checks it if there is a checksum.
//
// The package touches nothing that its runs have not made.
package verify
