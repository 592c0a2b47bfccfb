// SPDX-License-Identifier: Apache-2.0

// Package control is what is said between the lab's daemon and those who use the
// lab on its host: where the lab is, what it was made with, and the requests on its
// socket: frames dropped, flows, captures, work on machines that takes long. AWS's
// own APIs are not among them: these are reached as on AWS.
package control
