// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"errors"
	"slices"
	"testing"
	"time"

	"macaw.example/internal/ovn"
)

// Where the node works that has the router, AWS moves the addresses first.
func TestAddressesFirst(t *testing.T) {
	withKeeper(t, func(f *fakeOVN, s *fakeStates) {
		s.set("a b")
		s.aws = 1200 * time.Millisecond
		time.Sleep(time.Second)
		f.change(func() { f.wish = ovn.Wish{Prefer: "b"} })
		time.Sleep(s.aws - time.Millisecond)
		f.wants(t, "AWS is moving the addresses", "a", "b")
		time.Sleep(2 * time.Millisecond)
		f.wants(t, "AWS has moved the addresses", "b", "a")
		time.Sleep(time.Second)
		if want := []string{"b", ""}; !slices.Equal(f.announced, want) || f.written != 1 || f.wish.Prefer != "" {
			t.Errorf("announced %v, wrote %d orders, wish %+v", f.announced, f.written, f.wish)
		}

		f.change(func() { f.wish = ovn.Wish{Drained: []string{"b"}} })
		time.Sleep(s.aws - time.Millisecond)
		f.wants(t, "b is drained", "b", "a")
		time.Sleep(2 * time.Millisecond)
		f.wants(t, "b is drained, and AWS has moved the addresses", "a", "b")
	})
}

// AWS does not keep a router where it should not be for ever.
func TestSlowAWS(t *testing.T) {
	for name, prepare := range map[string]func(*fakeOVN, *fakeStates){
		"AWS does not move the addresses": func(_ *fakeOVN, s *fakeStates) { s.aws = time.Hour },
		"the agent does not answer":       func(_ *fakeOVN, s *fakeStates) { s.mute = errors.New("404 Not Found") },
	} {
		t.Run(name, func(t *testing.T) {
			withKeeper(t, func(f *fakeOVN, s *fakeStates) {
				prepare(f, s)
				s.set("a b")
				f.change(func() { f.wish = ovn.Wish{Prefer: "b"} })
				time.Sleep(defaultTiming.handOver + time.Second)
				f.wants(t, "after the time for a hand-over", "b", "a")
				if f.orders[0].Next != "" {
					t.Errorf("the move to %s is still announced", f.orders[0].Next)
				}
			})
		})
	}
}

// The nodes may fail while AWS moves the addresses.
func TestHandOverInterrupted(t *testing.T) {
	for name, test := range map[string]struct {
		nodes string
		order []string
	}{
		"the new node dies": {"a b!", []string{"a"}},
		"the old node dies": {"a! b", []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			withKeeper(t, func(f *fakeOVN, s *fakeStates) {
				s.set("a b")
				s.aws = time.Minute
				f.change(func() { f.wish = ovn.Wish{Prefer: "b"} })
				time.Sleep(time.Second)
				if f.orders[0].Next != "b" {
					t.Fatalf("announced: %q", f.orders[0].Next)
				}
				s.set(test.nodes)
				time.Sleep(200 * time.Millisecond)
				f.wants(t, name, test.order...)
				if f.orders[0].Next != "" {
					t.Errorf("the move to %s is still announced", f.orders[0].Next)
				}
			})
		})
	}
}

// The move was announced by a process that has ended, and is no longer wanted.
func TestAnnouncedBefore(t *testing.T) {
	withKeeper(t, func(f *fakeOVN, s *fakeStates) {
		f.orders[0].Next = "b"
		s.set("a b")
		time.Sleep(time.Second)
		f.wants(t, "nobody wants it moved", "a", "b")
		if f.orders[0].Next != "" || f.written != 0 {
			t.Errorf("next: %q, %d orders written", f.orders[0].Next, f.written)
		}
	})
}

// The announcement holds until OVN has moved the router: agents who heard of its end before would bring the addresses
// back. It does not hold for ever.
func TestAnnouncedUntilMoved(t *testing.T) {
	withKeeper(t, func(f *fakeOVN, s *fakeStates) {
		s.set("a b")
		f.follows = false
		f.change(func() { f.wish = ovn.Wish{Prefer: "b"} })
		time.Sleep(time.Second)
		f.wants(t, "AWS has moved the addresses", "b", "a")
		if f.orders[0].Next != "b" {
			t.Errorf("OVN has not moved the router, and announced is %q", f.orders[0].Next)
		}
		f.change(func() { f.south.Gateways[0].Active = "" })
		time.Sleep(time.Second)
		if f.orders[0].Next != "b" {
			t.Errorf("OVN has it on no node, and announced is %q", f.orders[0].Next)
		}
		f.change(func() { f.south.Gateways[0].Active = "b" })
		time.Sleep(time.Second)
		if f.orders[0].Next != "" || f.wish.Prefer != "" {
			t.Errorf("moved; announced is %q, wish %+v", f.orders[0].Next, f.wish)
		}

		f.change(func() { f.wish = ovn.Wish{Prefer: "a"} })
		time.Sleep(2*defaultTiming.handOver + time.Second)
		if f.orders[0].Next != "" {
			t.Errorf("OVN does not move the router, and announced is %q", f.orders[0].Next)
		}
	})
}
