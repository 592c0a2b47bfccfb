// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"macaw.example/internal/host"
	"macaw.example/lab/internal/conform/agent"
)

// remote reaches the agents by SSH.
type remote struct {
	program string   // the local path of this program
	agent   []string // the arguments that make it the agent
	key     ssh.Signer
	known   host.HostKeys
	hosts   map[*machine]*host.Host
}

// program is the path of the agent on a machine.
const program = "/usr/local/bin/macaw-conform"

func (r *remote) take(ctx context.Context, both ...*machine) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("the agent is this program, which is for %s/%s; the instances are linux/amd64", runtime.GOOS,
			runtime.GOARCH)
	}
	r.close()
	hosts := make([]*host.Host, len(both))
	var g errgroup.Group
	for i, m := range both {
		g.Go(func() (err error) {
			hosts[i], err = host.Dial(ctx, host.Config{
				Address: m.public + ":22", User: "admin", Key: r.key, Identity: m.id, HostKeys: r.known,
				NewUntil: time.Now().Add(10 * time.Minute),
			}, nil)
			if err != nil {
				return err
			}
			if _, err = hosts[i].PutFile(ctx, r.program, program, 0o755); err != nil {
				return err
			}
			return hosts[i].Run(ctx, freeDevice(m.probe.mac), nil, nil)
		})
	}
	err := g.Wait()
	r.hosts = map[*machine]*host.Host{}
	for i, m := range both {
		if hosts[i] != nil {
			r.hosts[m] = hosts[i]
		}
	}
	for _, m := range both {
		if err == nil {
			m.ahead, err = r.clock(ctx, m)
		}
	}
	return err
}

func (r *remote) close() {
	for _, h := range r.hosts {
		_ = h.Close()
	}
	r.hosts = nil
}

// freeDevice is the command that takes a device from the host's network stack: no
// addresses, no DHCP, no replies, and an MTU for the largest frame.
func freeDevice(mac net.HardwareAddr) string {
	return fmt.Sprintf(`set -e
mac=%s
dev=$(ip -o link | grep -i "link/ether $mac" | head -n1 | cut -d: -f2 | cut -d@ -f1 | tr -d ' ')
mkdir -p /run/systemd/network
printf '[Match]\nMACAddress=%%s\n[Link]\nUnmanaged=yes\n' "$mac" > /run/systemd/network/00-macaw-conform.network
networkctl reload 2>/dev/null || true
sleep 1
sysctl -q -w net.ipv6.conf.$dev.disable_ipv6=1 net.ipv4.conf.$dev.arp_ignore=8
ip addr flush dev $dev
ip link set $dev mtu 9001 up
`, mac)
}

// order has the agent on a machine execute an order.
func (r *remote) order(ctx context.Context, m *machine, o agent.Order) (agent.Answer, error) {
	var answer agent.Answer
	in, err := json.Marshal(o)
	if err != nil {
		return answer, err
	}
	var out bytes.Buffer
	command := program
	for _, a := range r.agent {
		command += " " + host.Quote(a)
	}
	if err := r.hosts[m].Run(ctx, command, bytes.NewReader(in), &out); err != nil {
		return answer, fmt.Errorf("the agent on %s: %w", m.name, err)
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return answer, fmt.Errorf("reading what the agent on %s says: %w", m.name, err)
	}
	for _, d := range answer.Devices {
		if d.Problem != "" {
			err = errors.Join(err, fmt.Errorf("the agent on %s: %s", m.name, d.Problem))
		}
	}
	return answer, err
}

// clock compares a machine's clock with the local one, to about a tenth of a second.
func (r *remote) clock(ctx context.Context, m *machine) (time.Duration, error) {
	var ahead time.Duration
	best := time.Hour
	for range 3 {
		sent := time.Now()
		answer, err := r.order(ctx, m, agent.Order{})
		if err != nil {
			return 0, err
		}
		if took := time.Since(sent); took < best {
			best, ahead = took, answer.Begun.Sub(sent.Add(took/2))
		}
	}
	return ahead, nil
}

func (r *remote) perform(ctx context.Context, orders map[*machine]agent.Order, after time.Duration,
	during func()) (map[*machine]agent.Answer, error) {
	var g errgroup.Group
	answers, who := make([]agent.Answer, len(orders)), []*machine{}
	for m, o := range orders {
		i := len(who)
		who = append(who, m)
		g.Go(func() (err error) {
			answers[i], err = r.order(ctx, m, o)
			return err
		})
	}
	if during != nil {
		select {
		case <-ctx.Done():
		case <-time.After(after):
			during()
		}
	}
	err := g.Wait()
	heard := map[*machine]agent.Answer{}
	for i, m := range who {
		heard[m] = answers[i]
	}
	return heard, err
}
