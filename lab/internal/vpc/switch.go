// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ErrAttached means that a port already has a link.
var ErrAttached = errors.New("the port has a link already")

// Link carries frames (of an ENI) or raw packets (of other ports): each Read
// returns one, valid until the next; each Write sends one. The size is that of GSO
// frames, as for Fabric.ForwardGSO; 0 for others. Close must end a Read. *Device is one.
type Link interface {
	Read() (frame []byte, gsoSize int, err error)
	Write(frame []byte, gsoSize int) error
	io.Closer
}

// Switch moves frames between links through its fabric. Each link has one reader goroutine,
// which also writes the resulting deliveries, so frames from one link stay in order.
type Switch struct {
	fabric *Fabric
	log    *slog.Logger

	mu     sync.Mutex // guards changes of links
	links  atomic.Pointer[map[Port]*attachment]
	closed bool
	done   chan struct{} // closed by Close
}

type attachment struct {
	link Link
	done chan struct{} // closed when the reader has ended
}

// NewSwitch returns a switch without links. It calls the fabric's Tick until Close.
func NewSwitch(f *Fabric, log *slog.Logger) *Switch {
	s := &Switch{fabric: f, log: log, done: make(chan struct{})}
	s.links.Store(&map[Port]*attachment{})
	go s.tick()
	return s
}

// Attach connects a link to a port and starts reading from it. The switch then owns the
// link. It fails with ErrAttached if the port has a link, and with os.ErrClosed after
// Close.
func (s *Switch) Attach(p Port, l Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("attaching %s: %w", p, os.ErrClosed)
	}
	old := *s.links.Load()
	if old[p] != nil {
		return fmt.Errorf("attaching %s: %w", p, ErrAttached)
	}
	a := &attachment{link: l, done: make(chan struct{})}
	links := maps.Clone(old)
	links[p] = a
	s.links.Store(&links)
	go s.read(p, a)
	return nil
}

// Attached tells whether the port has a link. A port loses its link when the link fails,
// for example when its interface is removed.
func (s *Switch) Attached(p Port) bool { return (*s.links.Load())[p] != nil }

// Detach closes a port's link and returns when none of its frames is in transit. A port
// without a link is no error.
func (s *Switch) Detach(p Port) error {
	s.mu.Lock()
	a := (*s.links.Load())[p]
	s.remove(p, a)
	s.mu.Unlock()
	if a == nil {
		return nil
	}
	err := a.link.Close()
	<-a.done
	if err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("detaching %s: %w", p, err)
	}
	return nil
}

// Close detaches all ports and prevents further attachments.
func (s *Switch) Close() error {
	s.mu.Lock()
	if !s.closed {
		close(s.done)
	}
	s.closed = true
	links := *s.links.Load()
	s.mu.Unlock()
	var errs []error
	for p := range links {
		errs = append(errs, s.Detach(p))
	}
	return errors.Join(errs...)
}

// remove removes an attachment from its port, if it is still there.
func (s *Switch) remove(p Port, a *attachment) {
	old := *s.links.Load()
	if a == nil || old[p] != a {
		return
	}
	links := maps.Clone(old)
	delete(links, p)
	s.links.Store(&links)
}

func (s *Switch) read(p Port, a *attachment) {
	defer close(a.done)
	var out Output
	for {
		frame, size, err := a.link.Read()
		if err != nil {
			s.mu.Lock()
			ours := (*s.links.Load())[p] != a
			s.remove(p, a)
			s.mu.Unlock()
			if !ours {
				a.link.Close()
				s.log.Warn("a port lost its link", "port", p.String(), "error", err)
			}
			return
		}
		now := time.Now()
		s.fabric.ForwardGSO(p, frame, size, now, &out)
		for _, d := range out.Deliveries {
			s.deliver(d, now)
		}
	}
}

func (s *Switch) deliver(d Delivery, now time.Time) {
	to := (*s.links.Load())[d.To]
	if to == nil {
		s.fabric.undelivered(d, ReasonNoDevice, now)
		return
	}
	if err := to.link.Write(d.Frame, d.GSOSize); err != nil {
		s.fabric.undelivered(d, ReasonDevice, now)
	}
}

// tick delivers the fabric's unsolicited packets until Close.
func (s *Switch) tick() {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-s.done:
			return
		case now := <-every.C:
			s.fabric.Tick(now, func(d Delivery) { s.deliver(d, now) })
		}
	}
}
