// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
	"macaw.example/internal/netdev/netdevtest"
)

// namespace is a test's network namespace.
type namespace struct{ *netdevtest.Namespace }

func newNamespace(t testing.TB) *namespace {
	t.Helper()
	return &namespace{netdevtest.New(t, func() error {
		return netdev.SetSysctl("net/ipv6/conf/default/disable_ipv6", "1")
	})}
}

func addAddress(name, cidr string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		return err
	}
	return netlink.AddrAdd(l, a)
}

// host is a node: a management NIC, and an Open vSwitch of its own.
type host struct {
	*namespace
	cfg      Config
	inner    netip.Addr // the address behind the tunnel
	dir      string     // of Open vSwitch's database and sockets
	vswitchd *exec.Cmd
}

const nicName = "ens5"

// newHost makes a node whose NIC is one end of a cable; the other end is the fabric's.
func newHost(t testing.TB, fabric *namespace, end string, mac model.MAC, address, inner string) *host {
	t.Helper()
	h := &host{namespace: newNamespace(t), cfg: Config{NIC: mac, Address: netip.MustParsePrefix(address)},
		inner: netip.MustParseAddr(inner)}
	h.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU, attrs.HardwareAddr = nicName, mtu, mac[:]
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: end, PeerMTU: mtu,
			PeerNamespace: netlink.NsFd(fabric.FD)})
	})
	fabric.Do(func() error { return netdevtest.Up(end) })
	h.Do(func() error {
		if err := netdevtest.Up(nicName); err != nil {
			return err
		}
		if err := addAddress(nicName, address); err != nil {
			return err
		}
		router := h.cfg.router()
		return netlink.RouteAdd(&netlink.Route{Gw: router.AsSlice()})
	})
	return h
}

// offloads turns the NIC's transmit offloads on or off. With them it is the receiver who
// completes checksums and cuts frames: a veth pair passes on what it is given.
func (h *host) offloads(on bool) {
	h.T.Helper()
	h.Do(func() error {
		for _, feature := range offloads {
			if err := netdev.SetFeature(nicName, feature, on); err != nil {
				return err
			}
		}
		return nil
	})
}

// startDatabase starts Open vSwitch's database.
func (h *host) startDatabase() {
	h.T.Helper()
	for _, program := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-appctl"} {
		if _, err := exec.LookPath(program); err != nil {
			h.T.Skip("needs Debian's package openvswitch-switch: ", err)
		}
	}
	dir, err := os.MkdirTemp("", "mcg-test-") // a test's own directory is too long for a socket
	if err != nil {
		h.T.Fatal(err)
	}
	h.T.Cleanup(func() { os.RemoveAll(dir) })
	h.dir = dir
	schema := "/usr/share/openvswitch/vswitch.ovsschema"
	if s := os.Getenv("MACAW_TEST_OVS_SCHEMA"); s != "" {
		schema = s
	}
	h.run("ovsdb-tool", "create", filepath.Join(dir, "conf.db"), schema)
	h.start("ovsdb-server", filepath.Join(dir, "conf.db"), "--remote=punix:"+filepath.Join(dir, "db.sock"),
		"--unixctl="+filepath.Join(dir, "db.ctl"), "--log-file="+filepath.Join(dir, "db.log"), "--verbose=console:off")
	h.await("the database", func() error {
		_, err := os.Stat(filepath.Join(dir, "db.sock"))
		return err
	})
	h.run("ovs-vsctl", "--no-wait", "init")
}

// startSwitch starts ovs-vswitchd, and does what the node's units do around its start.
func (h *host) startSwitch() {
	h.T.Helper()
	h.vswitchd = h.start("ovs-vswitchd", "unix:"+filepath.Join(h.dir, "db.sock"),
		"--unixctl="+filepath.Join(h.dir, "vs.ctl"), "--log-file="+filepath.Join(h.dir, "vs.log"), "--verbose=console:off")
	h.await("ovs-vswitchd", func() error {
		_, err := h.command(h.T.Context(), "ovs-appctl", "version")
		return err
	})
	h.route()
}

func (h *host) route() {
	h.T.Helper()
	h.await("routes", func() error {
		return h.Try(func() error {
			_, err := Route(h.T.Context(), h.cfg, h.command)
			return err
		})
	})
}

// killSwitch kills ovs-vswitchd.
func (h *host) killSwitch() {
	h.vswitchd.Process.Kill()
	h.vswitchd.Wait()
}

// bridges makes br-phy as package node does, and a tunnel to the peer.
func (h *host) bridges(peer *host) {
	h.T.Helper()
	h.run("ovs-vsctl", "--no-wait",
		"--", "--may-exist", "add-br", Bridge,
		"--", "set", "Bridge", Bridge, "datapath_type=netdev", `other_config:hwaddr="`+BridgeMAC+`"`,
		"--", "--may-exist", "add-port", Bridge, Port,
		"--", "--may-exist", "add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev",
		"--", "set", "Interface", "br-int", "mtu_request=8900",
		"--", "--may-exist", "add-port", "br-int", "tunnel",
		"--", "set", "Interface", "tunnel", "type=geneve", "options:csum=true", "options:key=7",
		"options:remote_ip="+peer.cfg.Address.Addr().String(), "bfd:enable=true", "bfd:min_rx=200", "bfd:min_tx=200")
}

// plug gives the bridge of guests an address, so that the host itself is a guest.
func (h *host) plug() {
	h.T.Helper()
	h.await("br-int", func() error {
		return h.Try(func() error {
			if err := netdevtest.Up("br-int"); err != nil {
				return err
			}
			err := addAddress("br-int", h.inner.String()+"/24")
			if errors.Is(err, unix.EEXIST) {
				return nil
			}
			return err
		})
	})
}

func (h *host) cmd(ctx context.Context, args ...string) *exec.Cmd {
	if args[0] == "ovs-appctl" {
		args = append([]string{args[0], "--target=" + filepath.Join(h.dir, "vs.ctl")}, args[1:]...)
	}
	if args[0] == "ovs-vsctl" {
		args = append([]string{args[0], "--timeout=10", "--db=unix:" + filepath.Join(h.dir, "db.sock")}, args[1:]...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+h.dir, "OVS_LOGDIR="+h.dir, "OVS_DBDIR="+h.dir, "OVS_SYSCONFDIR="+h.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // with the namespace's thread
	return cmd
}

// command is a Runner; it must be called on the namespace's thread, or for a program that
// does not care where it runs.
func (h *host) command(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := h.cmd(ctx, args...)
	cmd.SysProcAttr = nil
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

func (h *host) run(args ...string) string {
	h.T.Helper()
	out, err := h.command(context.Background(), args...)
	if err != nil {
		h.T.Fatal(err)
	}
	return out
}

func (h *host) start(args ...string) *exec.Cmd {
	h.T.Helper()
	cmd := h.cmd(context.Background(), args...)
	h.Do(cmd.Start)
	h.T.Cleanup(func() {
		if h.T.Failed() {
			logged, _ := os.ReadFile(filepath.Join(h.dir, "vs.log"))
			h.T.Logf("%s of %s:\n%s", args[0], h.cfg.Address, tail(string(logged), 15))
		}
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// patience is long: other tests may use all of the machine.
const patience = time.Minute

func (s *namespace) await(what string, try func() error) {
	s.T.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.T.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// ping sends one echo with so many octets, and waits a second for its answer.
func (s *namespace) ping(to netip.Addr, size int) error {
	var conn *icmp.PacketConn
	err := s.Try(func() (err error) {
		conn, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	body := &icmp.Echo{ID: int(time.Now().UnixNano() & 0xffff), Data: make([]byte, size)}
	wire, err := (&icmp.Message{Type: ipv4.ICMPTypeEcho, Body: body}).Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo(wire, &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return err
	}
	for buf := make([]byte, 1<<16); ; {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return fmt.Errorf("no answer to a ping of %s with %d octets: %w", to, size, err)
		}
		m, err := icmp.ParseMessage(1, buf[:n])
		if err != nil {
			continue
		}
		if e, ok := m.Body.(*icmp.Echo); ok && m.Type == ipv4.ICMPTypeEchoReply && e.ID == body.ID && len(e.Data) == size {
			return nil
		}
	}
}

// listen accepts connections and sends back what they send.
func (s *namespace) listen(at netip.AddrPort) {
	s.T.Helper()
	var l net.Listener
	s.Do(func() (err error) {
		l, err = net.Listen("tcp4", at.String())
		return err
	})
	s.T.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 1<<16)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					if _, err := conn.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
}

// dial connects to another namespace's listener.
func (s *namespace) dial(to netip.AddrPort) (net.Conn, error) {
	var conn net.Conn
	err := s.Try(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "tcp")
		defer f.Close()
		timeout := unix.NsecToTimeval(int64(5 * time.Second))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
			return err
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
			return fmt.Errorf("connecting to %s: %w", to, err)
		}
		conn, err = net.FileConn(f)
		return err
	})
	return conn, err
}

// exchange sends so many octets over a new connection, and receives them back.
func (s *namespace) exchange(to netip.AddrPort, size int) error {
	conn, err := s.dial(to)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(i * 7)
	}
	go conn.Write(sent)
	got := make([]byte, 0, size)
	for buf := make([]byte, 1<<16); len(got) < size; {
		n, err := conn.Read(buf)
		if err != nil {
			return fmt.Errorf("receiving octet %d of %d from %s: %w", len(got), size, to, err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(sent, got) {
		return fmt.Errorf("%d octets came back from %s as others", size, to)
	}
	return nil
}

func htons(v uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v)) }
