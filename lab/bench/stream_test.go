// SPDX-License-Identifier: Apache-2.0

// Package bench compares the lab's fabric between network namespaces with the kernel's own
// bridge.
package bench

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/netdev"
	"macaw.example/lab/internal/namespace"
	"macaw.example/lab/internal/vpc"
)

// fabricVariable, set to a topology and devices as JSON, makes this program run a fabric. A
// separate process makes the fabric's CPU time measurable apart from the machines'.
const fabricVariable = "MACAW_BENCH_FABRIC"

func TestMain(m *testing.M) {
	if spec := os.Getenv(fabricVariable); spec != "" {
		if err := beFabric(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// spec configures the fabric's process.
type spec struct {
	Topology vpc.Topology
	ENIs     map[string]vpc.DeviceConfig
	Internet vpc.DeviceConfig
}

func beFabric(text string) error {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	f := vpc.New(vpc.Config{})
	if err := f.SetTopology(s.Topology); err != nil {
		return err
	}
	wires := vpc.NewSwitch(f, slog.Default())
	attach := func(p vpc.Port, d *vpc.Device, err error) error {
		if err != nil {
			return err
		}
		return wires.Attach(p, d)
	}
	for id, cfg := range s.ENIs {
		d, err := vpc.OpenTAP(cfg)
		if err := attach(vpc.ENIPort(id), d, err); err != nil {
			return err
		}
	}
	d, err := vpc.OpenTUN(s.Internet)
	if err := attach(vpc.Internet, d, err); err != nil {
		return err
	}
	fmt.Println("ready")
	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGTERM)
	<-end
	return wires.Close()
}

// BenchmarkStream sends one TCP stream at a time: between two machines of a subnet, through
// the Internet gateway, and through a kernel bridge, in turns, all with an MTU of 1500
// bytes. The fabric's process has one core; senders and receivers have the others. Fabric
// and bridge are measured both with the offloads of their interfaces, with frames of up to
// 64 KiB, and without, with frames of 1500 bytes.
func BenchmarkStream(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root to make network namespaces and interfaces")
	}
	if runtime.NumCPU() < 2 {
		b.Skip("needs two cores: one is the fabric's")
	}
	paths := []*path{
		bridge(b, "bridge"),
		bridge(b, "bridge-bare"),
	}
	fabric, more := fabricPaths(b)
	paths = append(paths, more...)
	for range b.N {
		for _, p := range paths {
			bare := strings.HasSuffix(p.name, "-bare")
			must(b, p.offload(!bare))
			used := processorTime(b, fabric)
			began := time.Now()
			bytes, err := p.stream(time.Second)
			if err != nil {
				b.Fatalf("%s: %v", p.name, err)
			}
			took := time.Since(began)
			p.rates = append(p.rates, float64(bytes)*8/1e9/took.Seconds())
			p.load = append(p.load, (processorTime(b, fabric)-used).Seconds()/took.Seconds())
		}
	}
	b.ReportMetric(0, "ns/op") // the time of a round is meaningless
	for _, p := range paths {
		b.ReportMetric(median(p.rates), p.name+"-Gbit/s")
		if !strings.HasPrefix(p.name, "bridge") {
			b.ReportMetric(median(p.load), p.name+"-cores")
		}
	}
}

// path is a route from one namespace to another.
type path struct {
	name           string
	client, server string // namespaces
	address        string // of the server, as the client sees it
	interfaces     [2]string
	rates, load    []float64
}

// offload turns the offloads of both interfaces on or off.
func (p *path) offload(on bool) error {
	var errs error
	for i, ns := range []string{p.client, p.server} {
		for _, feature := range offloads {
			errs = errors.Join(errs, namespace.Do(ns, func() error { return netdev.SetFeature(p.interfaces[i], feature, on) }))
		}
	}
	time.Sleep(50 * time.Millisecond) // the fabric hears of it
	return errs
}

// stream sends as much as possible for a duration, and returns the bytes received.
func (p *path) stream(how time.Duration) (n int64, err error) {
	var l net.Listener
	err = namespace.Do(p.server, func() (err error) {
		l, err = net.Listen("tcp4", ":0")
		return err
	})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	received := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			received <- 0
			return
		}
		defer c.Close()
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 1<<20))
		received <- n
	}()
	var c net.Conn
	err = namespace.Do(p.client, func() (err error) {
		_, port, _ := net.SplitHostPort(l.Addr().String())
		c, err = net.DialTimeout("tcp4", net.JoinHostPort(p.address, port), 5*time.Second)
		return err
	})
	if err != nil {
		return 0, err
	}
	block := make([]byte, 256<<10)
	c.SetDeadline(time.Now().Add(how))
	for err == nil {
		_, err = c.Write(block)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, errors.Join(err, c.Close())
	}
	if err := c.(*net.TCPConn).SetLinger(0); err != nil { // data still in the buffers does not count
		return 0, err
	}
	c.Close()
	return <-received, nil
}

// bridge connects two namespaces through a kernel bridge in a third.
func bridge(b *testing.B, name string) *path {
	p := &path{name: name, client: newNamespace(b), server: newNamespace(b), address: "10.0.0.21",
		interfaces: [2]string{"eth0", "eth0"}}
	middle := newNamespace(b)
	must(b, namespace.Links(middle, func(h *netlink.Handle) error {
		br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0", MTU: 1500}}
		if err := h.LinkAdd(br); err != nil {
			return err
		}
		return h.LinkSetUp(br)
	}))
	for i, ns := range []string{p.client, p.server} {
		handle, err := os.Open(namespace.Path(ns))
		must(b, err)
		port := "port" + strconv.Itoa(i)
		must(b, namespace.Links(middle, func(h *netlink.Handle) error {
			br, err := h.LinkByName("br0")
			if err != nil {
				return err
			}
			veth := &netlink.Veth{
				LinkAttrs: netlink.LinkAttrs{Name: port, MTU: 1500, MasterIndex: br.Attrs().Index},
				PeerName:  "eth0", PeerNamespace: netlink.NsFd(handle.Fd()),
			}
			if err := h.LinkAdd(veth); err != nil {
				return err
			}
			return h.LinkSetUp(veth)
		}))
		must(b, handle.Close())
		address(b, ns, "eth0", []string{"10.0.0.11/24", "10.0.0.21/24"}[i], "")
	}
	return p
}

// offloads are the features that let an interface take segments to cut (TSO), checksums to compute, and merge what it
// receives.
var offloads = []string{"tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp-ecn-segmentation",
	"tx-tcp6-segmentation", "rx-gro"}

// fabricPaths starts a fabric's process with two machines in a subnet and an Internet.
func fabricPaths(b *testing.B) (pid int, paths []*path) {
	one, other, internet := newNamespace(b), newNamespace(b), newNamespace(b)
	all := []vpc.Rule{{Protocol: -1, FromPort: -1, ToPort: -1, CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	eni := func(id, address string, last byte) vpc.ENI {
		return vpc.ENI{ID: id, Subnet: "subnet", MAC: vpc.MAC{2, 0, 0, 0, 0, last},
			Addresses:       []netip.Addr{netip.MustParseAddr(address)},
			SourceDestCheck: true, SecurityGroups: []string{"sg"}, Attached: true}
	}
	cidr := netip.MustParsePrefix("10.0.0.0/16")
	s := spec{
		Topology: vpc.Topology{
			VPCs: []vpc.VPC{{ID: "vpc", CIDRs: []netip.Prefix{cidr}, InternetGateway: "igw"}},
			Subnets: []vpc.Subnet{{ID: "subnet", VPC: "vpc", CIDR: netip.MustParsePrefix("10.0.0.0/24"), Routes: []vpc.Route{
				{Dest: cidr, Target: vpc.TargetLocal},
				{Dest: netip.MustParsePrefix("0.0.0.0/0"), Target: vpc.TargetInternetGateway, ID: "igw"},
			}}},
			SecurityGroups: []vpc.SecurityGroup{{ID: "sg", VPC: "vpc", Ingress: all, Egress: all}},
			ENIs:           []vpc.ENI{eni("eni-1", "10.0.0.11", 1), eni("eni-2", "10.0.0.21", 2)},
			ElasticIPs: []vpc.ElasticIP{{Public: netip.MustParseAddr("198.51.100.11"), ENI: "eni-1",
				Private: netip.MustParseAddr("10.0.0.11")}},
		},
		ENIs: map[string]vpc.DeviceConfig{
			"eni-1": {Namespace: one, Name: "eth0", MAC: vpc.MAC{2, 0, 0, 0, 0, 1}, MTU: 1500},
			"eni-2": {Namespace: other, Name: "eth0", MAC: vpc.MAC{2, 0, 0, 0, 0, 2}, MTU: 1500},
		},
		Internet: vpc.DeviceConfig{Namespace: internet, Name: "gw0", MTU: 1500},
	}
	text, err := json.Marshal(s)
	must(b, err)
	self, err := os.Executable()
	must(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fabricVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(b, err)
	must(b, startOnCore(cmd, runtime.NumCPU()-1))
	b.Cleanup(func() {
		cmd.Process.Signal(unix.SIGTERM)
		cmd.Wait()
	})
	ready := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(out, ready); err != nil {
		b.Fatalf("the fabric's process did not start: %v", err)
	}
	address(b, one, "eth0", "10.0.0.11/24", "10.0.0.1")
	address(b, other, "eth0", "10.0.0.21/24", "10.0.0.1")
	address(b, internet, "gw0", "192.0.2.80/32", "")
	must(b, namespace.Links(internet, func(h *netlink.Handle) error {
		l, err := h.LinkByName("gw0")
		if err != nil {
			return err
		}
		return h.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index,
			Dst: &net.IPNet{IP: net.IPv4(198, 51, 100, 0), Mask: net.CIDRMask(24, 32)}})
	}))
	return cmd.Process.Pid, []*path{
		{name: "subnet", client: one, server: other, address: "10.0.0.21", interfaces: [2]string{"eth0", "eth0"}},
		{name: "subnet-bare", client: one, server: other, address: "10.0.0.21", interfaces: [2]string{"eth0", "eth0"}},
		{name: "igw-out", client: one, server: internet, address: "192.0.2.80", interfaces: [2]string{"eth0", "gw0"}},
		{name: "igw-in", client: internet, server: one, address: "198.51.100.11", interfaces: [2]string{"gw0", "eth0"}},
	}
}

// startOnCore starts a process that may use one core only.
func startOnCore(cmd *exec.Cmd, core int) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the child inherits the thread's affinity
		var set unix.CPUSet
		set.Set(core)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			started <- err
			return
		}
		started <- cmd.Start()
	}()
	return <-started
}

// processorTime returns a process's CPU time.
func processorTime(b *testing.B, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(b, err)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
	var ticks int
	for _, f := range fields[12:14] { // utime and stime, after the name
		n, err := strconv.Atoi(f)
		must(b, err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ
}

func newNamespace(b *testing.B) string {
	name := "mcwt-" + rand.Text()[:8]
	must(b, namespace.Add(name))
	b.Cleanup(func() {
		if err := namespace.Delete(name); err != nil {
			b.Error(err)
		}
	})
	return name
}

// address gives an interface an address and, if there is a gateway, the default
// route.
func address(b *testing.B, ns, name, address, gateway string) {
	must(b, namespace.Links(ns, func(h *netlink.Handle) error {
		l, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := errors.Join(h.AddrAdd(l, a), h.LinkSetUp(l)); err != nil || gateway == "" {
			return err
		}
		return h.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: net.ParseIP(gateway)})
	}))
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
