// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"sync/atomic"
	"time"
)

// allowanceBurst is how far ahead of its limit an ENI may get before frames are dropped. It
// stands for AWS's queue, of which the size is not documented: "AWS shapes the traffic that
// exceeds the maximum by queueing and then dropping" (EC2 User Guide,
// monitoring-network-performance-ena).
const allowanceBurst = 100 * time.Millisecond

// meter measures frames against a limit. All that it knows is one time, so the same frames
// at the same times have the same fate.
type meter struct {
	// due is when the frames so far would have passed at the limit, since the fabric's
	// epoch; 0 before the first.
	due atomic.Int64
}

// take tells whether one more frame may pass at the time now, if each takes that long.
func (m *meter) take(now, each time.Duration) bool {
	for {
		was := m.due.Load()
		due := max(was, int64(now))
		if was == 0 {
			due = int64(now)
		}
		if due-int64(now) > int64(allowanceBurst) {
			return false
		}
		if m.due.CompareAndSwap(was, due+int64(each)) {
			return true
		}
	}
}

// exceeds tells whether a frame from or to an ENI exceeds the ENI's limit, and counts it
// against the limit if not. Both directions share the limit.
func (ps *pass) exceeds(n *nic) bool { return n.each != 0 && !n.sent.take(ps.since(), n.each) }
