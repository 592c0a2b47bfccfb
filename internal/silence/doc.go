// SPDX-License-Identifier: Apache-2.0

// Package silence makes HTTP connections that end when the other side has gone
// silent. TCP by itself resends what nobody acknowledges for a quarter of an hour, and
// waits for ever for an answer from a machine that is gone.
//
// [Watch] is for the dialer of any client; [Transport] is a whole transport for the
// services of a cloud. Neither retries anything.
package silence
