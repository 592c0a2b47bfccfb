// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"sync"
	"time"
)

// snapLen is how much of a dropped frame is kept: enough for an ICMP error's
// quoted headers.
const snapLen = 96

// Drop is a dropped frame.
type Drop struct {
	Time      time.Time
	Port      Port // at which it was dropped
	Direction Direction
	Reason    Reason
	Length    int    // of the frame in bytes
	Summary   string // one line: MACs, addresses, protocol, ports
}

// dropLog keeps the last drops in a ring. Writing only copies bytes, and decodes nothing: a
// storm of drops must not be slower than traffic.
type dropLog struct {
	mu   sync.Mutex
	ring []dropEntry
	next int // next write position
	full bool
}

type dropEntry struct {
	time   time.Time
	port   Port
	dir    Direction
	why    Reason
	raw    bool
	length int
	snap   [snapLen]byte
}

func (l *dropLog) init(size int) { l.ring = make([]dropEntry, size) }

func (l *dropLog) add(now time.Time, port Port, dir Direction, why Reason, frame []byte, raw bool) {
	l.mu.Lock()
	e := &l.ring[l.next]
	e.time, e.port, e.dir, e.why, e.raw, e.length = now, port, dir, why, raw, len(frame)
	copy(e.snap[:], frame)
	if l.next++; l.next == len(l.ring) {
		l.next, l.full = 0, true
	}
	l.mu.Unlock()
}

// Drops returns the most recent drops, oldest first, at most Config.DropLog. Counters
// counts all of them.
func (f *Fabric) Drops() []Drop {
	f.log.mu.Lock()
	var entries []dropEntry
	if f.log.full {
		entries = append(entries, f.log.ring[f.log.next:]...)
	}
	entries = append(entries, f.log.ring[:f.log.next]...)
	f.log.mu.Unlock()
	drops := make([]Drop, len(entries))
	for i, e := range entries {
		drops[i] = Drop{
			Time: e.time, Port: e.port, Direction: e.dir, Reason: e.why, Length: e.length,
			Summary: summarize(e.snap[:min(e.length, snapLen)], e.raw),
		}
	}
	return drops
}
