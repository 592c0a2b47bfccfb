// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"macaw.example/internal/netdev"
	"macaw.example/internal/netdev/netdevtest"
)

// cloud is two nodes with a tunnel between them.
type cloud struct {
	*fabric
	a, b *host
}

func newCloud(t *testing.T, a, b string) *cloud {
	t.Helper()
	c := &cloud{fabric: newFabric(t)}
	c.a = newHost(t, c.fabric.namespace, "a", netdevtest.MustMAC("02:0a:00:00:00:0a"), a, "192.168.7.1")
	c.b = newHost(t, c.fabric.namespace, "b", netdevtest.MustMAC("02:0a:00:00:00:0b"), b, "192.168.7.2")
	for _, h := range []*host{c.a, c.b} {
		h.offloads(false) // the fabric reads frames as they are on the wire
		h.startDatabase()
		h.ensure()
	}
	c.fabric.attach(c.a, "a")
	c.fabric.attach(c.b, "b")
	c.a.bridges(c.b)
	c.b.bridges(c.a)
	for _, h := range []*host{c.a, c.b} {
		h.startSwitch()
		h.plug()
		h.listen(netip.AddrPortFrom(h.cfg.Address.Addr(), 22))
		h.listen(netip.AddrPortFrom(h.inner, 80))
	}
	return c
}

func (h *host) ensure() {
	h.T.Helper()
	h.await("Ensure", func() error {
		return h.Try(func() error { return Ensure(h.T.Context(), h.cfg, h.command) })
	})
}

// works checks that the tunnel carries pings, small and large, TCP and BFD.
func (c *cloud) works(when string) {
	c.T.Helper()
	for _, way := range [][2]*host{{c.a, c.b}, {c.b, c.a}} {
		from, to := way[0], way[1]
		for _, size := range []int{56, 8000} {
			from.await(when+": a ping through the tunnel", func() error { return from.ping(to.inner, size) })
		}
		if err := from.exchange(netip.AddrPortFrom(to.inner, 80), 1<<20); err != nil {
			c.T.Errorf("%s: TCP through the tunnel: %v", when, err)
		}
		from.await(when+": BFD", func() error {
			state := from.run("ovs-vsctl", "get", "Interface", "tunnel", "bfd_status:state")
			if strings.TrimSpace(state) != "up" {
				return errors.New("state " + state)
			}
			return nil
		})
	}
	c.noFaults()
}

func TestTunnel(t *testing.T) {
	for _, tt := range []struct{ name, a, b string }{
		{"one subnet", "10.0.0.11/24", "10.0.0.12/24"},
		{"two subnets", "10.0.0.11/24", "10.0.2.12/24"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t, tt.a, tt.b)
			c.works("at first")

			// SSH goes on while Open vSwitch is gone, and comes again.
			var outage time.Duration
			gap := c.a.session(netip.AddrPortFrom(c.b.cfg.Address.Addr(), 22), func() {
				began := time.Now()
				for _, h := range []*host{c.a, c.b} {
					h.killSwitch()
				}
				if c.a.ping(c.b.inner, 56) == nil { // takes a second
					t.Error("a ping comes through the tunnel without Open vSwitch")
				}
				for _, h := range []*host{c.a, c.b} {
					h.startSwitch()
				}
				outage = time.Since(began)
			})
			t.Logf("Open vSwitch was gone for %s, and the longest gap in a session was %s", outage, gap)
			if gap > outage/2 {
				t.Errorf("a session to the management address stood still for %s", gap)
			}
			c.works("after restarts of ovs-vswitchd")

			again := func(h *host) {
				h.Do(func() error {
					changed, err := Route(t.Context(), h.cfg, h.command)
					if changed && err == nil {
						err = errors.New("a second Route changes something")
					}
					return err
				})
			}
			gap = c.a.session(netip.AddrPortFrom(c.b.cfg.Address.Addr(), 22), func() {
				for _, h := range []*host{c.a, c.b} {
					h.ensure()
					again(h)
				}
				c.works("after the same again")
			})
			t.Logf("longest gap in a session meanwhile: %s", gap)
		})
	}
}

// session sends one octet every 10 ms over one connection, does something meanwhile, and
// returns the longest time that one was on its way.
func (h *host) session(to netip.AddrPort, meanwhile func()) (longest time.Duration) {
	h.T.Helper()
	conn, err := h.dial(to)
	if err != nil {
		h.T.Fatal(err)
	}
	defer conn.Close()
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for buf := make([]byte, 1); ; time.Sleep(10 * time.Millisecond) {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			sent := time.Now()
			conn.SetDeadline(sent.Add(patience))
			_, err := conn.Write([]byte{1})
			if err == nil {
				_, err = conn.Read(buf)
			}
			if err != nil {
				done <- err
				return
			}
			longest = max(longest, time.Since(sent))
		}
	}()
	meanwhile()
	close(stop)
	if err := <-done; err != nil {
		h.T.Errorf("a session to the management address broke: %v", err)
	}
	return longest
}

// What a killed run leaves is completed by the next one, and what an older kernel or an
// administrator has removed is made again.
func TestEnsureAfterAnything(t *testing.T) {
	c := newCloud(t, "10.0.0.11/24", "10.0.0.12/24")
	c.works("at first")
	link := func(name string) netlink.Link {
		l, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, tt := range []struct {
		name   string
		before func() error
	}{
		{"nothing", func() error { return Remove() }},
		{"only the pair", func() error {
			if err := Remove(); err != nil {
				return err
			}
			_, err := netdev.MakePair([2]string{hostEnd, Port}, 1500)
			return err
		}},
		{"the pair with offloads", func() error {
			for _, name := range []string{hostEnd, Port} {
				for _, feature := range offloads {
					if err := netdev.SetFeature(name, feature, true); err != nil {
						return err
					}
				}
			}
			return nil
		}},
		{"no program on the NIC", func() error { return detach(link(nicName)) }},
		{"no program on the pair", func() error { return detach(link(hostEnd)) }},
		{"another pair", func() error {
			if err := netlink.LinkDel(link(hostEnd)); err != nil {
				return err
			}
			_, err := netdev.MakePair([2]string{hostEnd, Port}, mtu)
			return err
		}},
		{"a pair that is down", func() error { return netlink.LinkSetDown(link(Port)) }},
	} {
		c.a.Do(tt.before)
		if c.a.ping(c.b.inner, 8000) == nil && tt.name != "the pair with offloads" {
			t.Errorf("%s: the tunnel works", tt.name)
		}
		c.a.ensure()
		c.works(tt.name)
	}
}

// A process is killed at any time, which is no time that this test could choose.
func TestEnsureKilled(t *testing.T) {
	c := newCloud(t, "10.0.0.11/24", "10.0.0.12/24")
	for i := range 15 {
		c.a.Do(func() error {
			if err := Remove(); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond+time.Duration(i)*4*time.Millisecond)
			defer cancel()
			self := exec.CommandContext(ctx, os.Args[0])
			self.Env = append(os.Environ(), "MACAW_TEST_ENSURE="+c.a.cfg.NIC.String()+" "+c.a.cfg.Address.String())
			out, err := self.CombinedOutput()
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
		c.a.ensure()
	}
	c.works("killed often")
}

// nobody is a Runner where Open vSwitch is not running.
func nobody(context.Context, ...string) (string, error) { return "", errors.New("not running") }

func TestMain(m *testing.M) {
	if text := os.Getenv("MACAW_TEST_ENSURE"); text != "" {
		mac, address, _ := strings.Cut(text, " ")
		cfg := Config{netdevtest.MustMAC(mac), netip.MustParsePrefix(address)}
		if err := Ensure(context.Background(), cfg, nobody); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestRemove(t *testing.T) {
	c := newCloud(t, "10.0.0.11/24", "10.0.0.12/24")
	c.works("at first")
	c.a.Do(func() error {
		for range 2 {
			if err := Ensure(t.Context(), Config{}, c.a.command); err != nil {
				return err
			}
		}
		if _, err := netlink.LinkByName(Port); err == nil {
			return errors.New("the pair is still there")
		}
		return nil
	})
	if c.a.ping(c.b.inner, 56) == nil {
		t.Error("the tunnel still works")
	}
	if err := c.a.ping(c.b.cfg.Address.Addr(), 56); err != nil {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	c := newCloud(t, "10.0.0.11/24", "10.0.0.12/24") // the bridge has the address, too
	c.a.Do(func() error {
		found, err := Find(c.a.cfg.Address.Addr())
		if err == nil && found != c.a.cfg {
			err = fmt.Errorf("found %v, want %v", found, c.a.cfg)
		}
		return err
	})
	if _, err := Find(netip.MustParseAddr("192.0.2.77")); err == nil || !strings.Contains(err.Error(), "192.0.2.77") {
		t.Errorf("error %v, want one that names the address", err)
	}
}
