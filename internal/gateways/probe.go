// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"macaw.example/internal/nodeapi"
)

// Every gateway is asked five times a second. One is unreachable when it has not answered for as long as OVN's tunnels
// take to find that out (three times 200 ms), and a little longer.
const (
	probeEvery   = 200 * time.Millisecond
	probeTimeout = time.Second
	lostAfter    = 800 * time.Millisecond
	// unwellAfter is how long an agent may say nothing, for instance while it is restarted.
	unwellAfter = 10 * time.Second
	// stalled is a pause between two looks at the clock after which this machine itself was away: others had no
	// chance to answer.
	stalled = 500 * time.Millisecond
)

// prober asks gateways whether they are there, and their agents whether they are well.
type prober struct {
	mu      sync.Mutex
	gateway []*probed
	began   time.Time
	looked  time.Time
	resumed time.Time // when this machine was back after a pause
	sound   func(context.Context, netip.AddrPort) (reachable bool, health *nodeapi.Health)
}

// probed is a gateway as the probes have found it.
type probed struct {
	name     string
	at       netip.AddrPort
	answered time.Time // the last time that the machine did
	spoke    time.Time // the last time that the agent did
	health   nodeapi.Health
}

func newProber(c Config) *prober {
	p := &prober{sound: sound}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		p.gateway = append(p.gateway, &probed{name: name, at: c[name]})
	}
	return p
}

// run probes until ctx is done. Probes overlap: a slow answer delays no other.
func (p *prober) run(ctx context.Context) {
	var probes sync.WaitGroup
	defer probes.Wait()
	p.mu.Lock()
	p.began = time.Now()
	p.mu.Unlock()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		for _, g := range p.gateway {
			probes.Go(func() { p.probe(ctx, g) })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *prober) probe(ctx context.Context, g *probed) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	reachable, health := p.sound(ctx, g.at)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if reachable {
		g.answered = now
	}
	if health != nil {
		g.spoke, g.health = now, *health
	}
}

// Now is what the last probes have found. It is not enough to act on before every gateway had its chance.
func (p *prober) Now(now time.Time) (all []state, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began.IsZero() {
		return nil, false
	}
	if !p.looked.IsZero() && now.Sub(p.looked) > stalled {
		p.resumed = now
	}
	p.looked = now
	if now.Sub(p.began) < probeTimeout || now.Sub(p.resumed) < probeTimeout {
		return nil, false
	}
	for _, g := range p.gateway {
		s := state{GatewayNode: nodeapi.GatewayNode{Name: g.name, Reachable: now.Sub(g.answered) < lostAfter}}
		switch {
		case !s.Reachable:
		case now.Sub(g.spoke) > unwellAfter && now.Sub(p.began) > unwellAfter:
			s.Unfit = "its agent does not answer"
		default:
			s.Unfit, s.tunnels = cmp.Or(g.health.Provider, g.health.OVN), g.health.Tunnels
		}
		all = append(all, s)
	}
	return all, true
}

// Ready asks the agent of a node, which answers when it is so.
func (p *prober) Ready(ctx context.Context, node, port string) error {
	at := slices.IndexFunc(p.gateway, func(g *probed) bool { return g.name == node })
	if at < 0 {
		return fmt.Errorf("there is no gateway %s", node)
	}
	query := url.Values{nodeapi.ReadyGateway: {port}}
	return ask(ctx, p.gateway[at].at, nodeapi.ReadyPath, query, http.StatusNoContent, func(io.Reader) error { return nil })
}

// sound asks a gateway's agent for its health. A machine that takes the connection, or refuses it, is there as well:
// the agent may hang or be restarting, and frames go on without it.
func sound(ctx context.Context, at netip.AddrPort) (reachable bool, health *nodeapi.Health) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	var h nodeapi.Health
	err := ask(ctx, at, nodeapi.HealthPath, nil, http.StatusOK, func(body io.Reader) error {
		return json.NewDecoder(body).Decode(&h)
	})
	if err != nil {
		return connected.Load() || errors.Is(err, syscall.ECONNREFUSED), nil
	}
	return true, &h
}

// agents is the client of agents. Each question has a connection of its own: it is to find out whether there is one.
var agents = &http.Client{Transport: &http.Transport{
	DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: probeTimeout}).DialContext,
}}

// ask asks an agent, and has its answer read if it is the expected one.
func ask(
	ctx context.Context, at netip.AddrPort, path string, query url.Values, want int, read func(io.Reader) error,
) error {
	u := url.URL{Scheme: "http", Host: at.String(), Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	res, err := agents.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		return fmt.Errorf("the agent at %s, asked for %s: %s", at, path, res.Status)
	}
	return read(res.Body)
}
