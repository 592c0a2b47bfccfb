package agent

import (
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/translate"
)

// seeker asks the bridge for addresses that the fabric sends frames to and that
// nothing is translated for. A router that has one answers, as it would answer the
// router of a network that lets everything pass. Neutron is asked only then:
// floating IPs that wait for a guest are scanned from the Internet all the time.
type seeker struct {
	*alarm
	until map[netip.Addr]time.Time // the addresses asked for, and how long
	queue []netip.Addr             // in the order of their turns
}

const (
	// seekEvery is how long an address has to wait for its turn if there are few.
	seekEvery = 100 * time.Millisecond
	// seekAtOnce bounds how many are asked for in a turn.
	seekAtOnce = 8
	// seekFor is how long one is asked for after a frame came for it. The data plane
	// tells of one frame a second.
	seekFor = 3 * time.Second
)

func newSeeker() *seeker {
	return &seeker{alarm: newAlarm(), until: make(map[netip.Addr]time.Time)}
}

// hear notes that a frame came for an address.
func (s *seeker) hear(c Config, a netip.Addr, now time.Time) {
	if !a.Is4() || !c.inRange(a) {
		return
	}
	if _, is := s.until[a]; !is {
		if len(s.queue) == 0 {
			s.set(now)
		}
		s.queue = append(s.queue, a)
	}
	s.until[a] = now.Add(seekFor)
}

// next returns the addresses whose turn it is now that the alarm rang, and prepares
// the next turn. What is translated by now was found.
func (s *seeker) next(translated []translate.Entry, now time.Time) (turn []netip.Addr) {
	s.rang()
	for range len(s.queue) {
		a := s.queue[0]
		s.queue = s.queue[1:]
		found := slices.ContainsFunc(translated, func(e translate.Entry) bool { return e.Addr == a })
		if found || !now.Before(s.until[a]) {
			delete(s.until, a)
			continue
		}
		s.queue = append(s.queue, a)
		if turn = append(turn, a); len(turn) == seekAtOnce {
			break
		}
	}
	if len(s.queue) > 0 {
		s.set(now.Add(seekEvery))
	}
	return turn
}
