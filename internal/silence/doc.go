// SPDX-License-Identifier: Apache-2.0

// Package silence makes HTTP connections end when the other side becomes silent. TCP by itself
// resends unacknowledged data for a quarter of an hour, and waits forever for a response from a
// machine that is gone.
//
// [Watch] is for the dialer of any client; [Transport] is a complete transport for the services of
// a cloud. Neither retries anything. [Refused] and [NoRoute] say why there was no connection at all.
package silence
