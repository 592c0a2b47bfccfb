// SPDX-License-Identifier: Apache-2.0

package agent

// mailbox holds the newest of the values that one goroutine puts there for another: one
// that was not taken yet is replaced.
type mailbox[T any] chan T

func newMailbox[T any]() mailbox[T] { return make(chan T, 1) }

// put never blocks. Only one goroutine may put values into a mailbox.
func (m mailbox[T]) put(v T) {
	select {
	case <-m:
	default:
	}
	m <- v
}
