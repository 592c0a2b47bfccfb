// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"
)

// fakeLink is a Link whose peer is two channels.
type fakeLink struct {
	in, out chan []byte
	closed  chan struct{}
}

func newFakeLink() *fakeLink {
	return &fakeLink{in: make(chan []byte), out: make(chan []byte, 16), closed: make(chan struct{})}
}

func (l *fakeLink) Read() (frame []byte, gsoSize int, err error) {
	select {
	case frame, ok := <-l.in:
		if !ok {
			return nil, 0, io.ErrUnexpectedEOF // the interface was removed
		}
		return frame, 0, nil
	case <-l.closed:
		return nil, 0, os.ErrClosed
	}
}

func (l *fakeLink) Write(b []byte, _ int) error {
	select {
	case l.out <- bytes.Clone(b):
		return nil
	default:
		return errors.New("down")
	}
}

func (l *fakeLink) Close() error { close(l.closed); return nil }

func TestSwitch(t *testing.T) {
	f := New(Config{})
	if err := f.SetTopology(testTopology()); err != nil {
		t.Fatal(err)
	}
	s := NewSwitch(f, slog.New(slog.DiscardHandler))
	one, two := newFakeLink(), newFakeLink()
	for p, l := range map[Port]Link{a1: one, a2: two} {
		if err := s.Attach(p, l); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Attach(a1, newFakeLink()); !errors.Is(err, ErrAttached) {
		t.Errorf("attaching twice: %v", err)
	}

	there := ethernet(macA2, macA1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.21", 2))
	one.in <- there
	if got := <-two.out; !bytes.Equal(got, there) {
		t.Errorf("delivered % x", got)
	}

	if err := s.Detach(a2); err != nil {
		t.Error(err)
	}
	if err := s.Detach(a2); err != nil {
		t.Errorf("detaching again: %v", err)
	}
	one.in <- there
	one.in <- there // the second read implies that the first frame is done
	if d := f.Drops(); len(d) == 0 || d[0].Reason != ReasonNoDevice || d[0].Port != a2 {
		t.Errorf("a delivery without a device: %+v", d)
	}

	again := newFakeLink()
	if err := s.Attach(a2, again); err != nil {
		t.Fatal(err)
	}
	one.in <- there
	<-again.out

	close(one.in)
	for range 100 {
		if !s.Attached(a1) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s.Attached(a1) {
		t.Error("a port whose link failed is still attached")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Attach(a1, newFakeLink()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("attaching after Close: %v", err)
	}
}

func TestSwitchCountsRefusedWrites(t *testing.T) {
	f := New(Config{})
	if err := f.SetTopology(testTopology()); err != nil {
		t.Fatal(err)
	}
	s := NewSwitch(f, slog.New(slog.DiscardHandler))
	defer s.Close()
	one, two := newFakeLink(), newFakeLink()
	two.out = nil
	s.Attach(a1, one)
	s.Attach(a2, two)
	frame := ethernet(macA2, macA1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.21", 2))
	one.in <- frame
	one.in <- frame
	if d := f.Drops(); len(d) == 0 || d[0].Reason != ReasonDevice {
		t.Errorf("a refused write: %+v", d)
	}
}
