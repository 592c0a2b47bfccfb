// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
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
			s.Unfit, s.tunnels = g.health.Provider, g.health.Tunnels
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
	agent := url.URL{
		Scheme: "http", Host: p.gateway[at].at.String(), Path: nodeapi.ReadyPath,
		RawQuery: url.Values{nodeapi.ReadyGateway: {port}}.Encode(),
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, agent.String(), nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the agent of %s: %s", node, res.Status)
	}
	return nil
}

// sound connects to a gateway's agent. A machine that refuses is there as well: the agent may be restarting, and frames
// go on without it.
func sound(ctx context.Context, at netip.AddrPort) (reachable bool, health *nodeapi.Health) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.String())
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED), nil
	}
	defer c.Close()
	h, err := ask(ctx, c, at)
	if err != nil {
		return true, nil
	}
	return true, &h
}

func ask(ctx context.Context, c net.Conn, at netip.AddrPort) (h nodeapi.Health, err error) {
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			return h, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+nodeapi.HealthPath, nil)
	if err != nil {
		return h, err
	}
	req.Close = true
	if err := req.Write(c); err != nil {
		return h, err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return h, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return h, fmt.Errorf("asking the agent at %s for its health: %s", at, res.Status)
	}
	return h, json.NewDecoder(res.Body).Decode(&h)
}
