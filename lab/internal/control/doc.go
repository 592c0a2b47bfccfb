// SPDX-License-Identifier: Apache-2.0

// Package control is the protocol between the lab's daemon and its clients on the host:
// where the lab is, what it was created with, and the requests on its control socket
// (dropped frames, flows, captures, long-running work on machines). AWS's own APIs are not
// part of it: clients reach those as on AWS.
package control
