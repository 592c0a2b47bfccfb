// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"macaw.example/internal/nodeapi"
)

// fakeSound is what the gateways answer, by port.
type fakeSound struct {
	mu      sync.Mutex
	answers map[uint16]*nodeapi.Health // absent: not there; nil: the machine answers, the agent does not
}

func (f *fakeSound) sound(ctx context.Context, at netip.AddrPort) (bool, *nodeapi.Health) {
	f.mu.Lock()
	h, ok := f.answers[at.Port()]
	f.mu.Unlock()
	if !ok { // a packet into nowhere
		<-ctx.Done()
		return false, nil
	}
	return true, h
}

func (f *fakeSound) set(port uint16, h *nodeapi.Health, there bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if delete(f.answers, port); there {
		f.answers[port] = h
	}
}

func TestProber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSound{answers: map[uint16]*nodeapi.Health{1: {}, 2: {}}}
		at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port) }
		p := newProber(Config{"a": at(1), "b": at(2)})
		p.sound = f.sound
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); p.run(ctx) }()
		defer func() { cancel(); <-ended }()

		// look looks as often as the keeper does, for a time, and returns what it saw last.
		look := func(d time.Duration) (a nodeapi.GatewayNode, ok bool) {
			for range int(d / (100 * time.Millisecond)) {
				time.Sleep(100 * time.Millisecond)
				var all []state
				if all, ok = p.Now(time.Now()); ok {
					a = all[0].GatewayNode
				}
			}
			return a, ok
		}
		if _, ok := look(500 * time.Millisecond); ok {
			t.Error("states are known before every gateway had its chance to answer")
		}
		well := nodeapi.GatewayNode{Name: "a", Reachable: true}
		if a, ok := look(time.Second); !ok || a != well {
			t.Errorf("both answer: got %+v, %v", a, ok)
		}
		f.set(1, nil, false)
		if a, _ := look(500 * time.Millisecond); !a.Reachable {
			t.Error("unreachable after 0.5 s")
		}
		if a, _ := look(500 * time.Millisecond); a.Reachable {
			t.Error("reachable after a second without an answer")
		}
		f.set(1, &nodeapi.Health{Provider: "no carrier"}, true)
		if a, _ := look(500 * time.Millisecond); !a.Reachable || a.Unfit != "no carrier" {
			t.Errorf("it answers, and its provider side is dead: got %+v", a)
		}
		f.set(1, &nodeapi.Health{}, true)
		if a, _ := look(500 * time.Millisecond); a != well {
			t.Errorf("its provider side works: got %+v", a)
		}
		f.set(1, &nodeapi.Health{Tunnels: []string{"b"}}, true)
		look(500 * time.Millisecond)
		if all, _ := p.Now(time.Now()); !all[0].sees("b") || all[0].sees("c") || !all[1].sees("c") {
			t.Errorf("tunnels: got %+v", all)
		}
		f.set(1, nil, true) // the agent is restarted, or hangs
		if a, _ := look(5 * time.Second); a != well {
			t.Errorf("5 s without its agent: got %+v", a)
		}
		if a, _ := look(6 * time.Second); a.Unfit == "" || !a.Reachable {
			t.Errorf("11 s without its agent: got %+v", a)
		}
		f.set(1, &nodeapi.Health{}, true)
		look(time.Second)

		f.set(1, nil, false)
		time.Sleep(10 * time.Second) // nobody looks: this machine hangs
		f.set(1, &nodeapi.Health{}, true)
		if _, ok := p.Now(time.Now()); ok {
			t.Error("states are known at the very end of a pause of this machine")
		}
		if a, ok := look(1500 * time.Millisecond); !ok || a != well {
			t.Errorf("after a pause of this machine: got %+v, %v", a, ok)
		}
	})
}

func TestSound(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != nodeapi.HealthPath {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(nodeapi.Health{Provider: "no carrier"})
	}))
	defer server.Close()
	at := netip.MustParseAddrPort(server.Listener.Addr().String())
	if there, h := sound(t.Context(), at); !there || h == nil || h.Provider != "no carrier" {
		t.Errorf("an agent: got %v, %+v", there, h)
	}

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if there, h := sound(ctx, netip.MustParseAddrPort(silent.Addr().String())); !there || h != nil {
		t.Errorf("an agent that hangs: got %v, %+v", there, h)
	}
	refused := netip.MustParseAddrPort(silent.Addr().String())
	silent.Close()
	if there, h := sound(t.Context(), refused); !there || h != nil {
		t.Errorf("no agent on a machine that is there: got %v, %+v", there, h)
	}
}
