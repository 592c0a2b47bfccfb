// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/ovn"
	"macaw.example/lab/labtest"
)

// world is a cloud with several gateways in a bubble with a clock of its own: the lab's AWS, what Neutron and OVN say,
// and on each gateway the agent with everything but the kernel.
type world struct {
	*ec2.Client // without faults
	t           *testing.T
	api         *labtest.API
	subnet      string
	group       string
	began       time.Time
	nodes       []*gatewayNode
	log         func(string) // what happens, for a failure

	mu         sync.Mutex
	routers    []*worldRouter
	floating   map[netip.Addr]*worldFloating
	neutronLag time.Duration    // of a router's node, behind OVN
	south      []ovn.Southbound // all that OVN has said
	told       chan struct{}    // closed when there is another one

	watch *watchman
}

// worldRouter is a router with a gateway.
type worldRouter struct {
	id, port string
	addr     netip.Addr
	mac      model.MAC
	active   string // the node by OVN; empty: none
	next     string // the node that it is about to move to; empty: it stays
	host     string // the node by Neutron
}

// worldFloating is a floating IP; router is nil while it has no guest.
type worldFloating struct {
	id     string
	addr   netip.Addr
	router *worldRouter
	since  time.Time
}

const worldCloud = "first"

var (
	worldSubnet = netip.MustParsePrefix("10.20.16.0/20")
	worldRange  = netip.MustParsePrefix("10.20.24.0/21")
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// worldOptions are the sizes of a world.
type worldOptions struct {
	nodes int
	kind  types.InstanceType
	enis  int // provider interfaces of each node at first
	last  int // those of the last node; zero: as many
	quota int // Elastic IPs
}

// inWorld calls f in a bubble.
func inWorld(t *testing.T, o worldOptions, f func(w *world)) {
	dir := quickDir(t)
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, floating: map[netip.Addr]*worldFloating{}, began: time.Now(), told: make(chan struct{}),
			log: func(string) {}}
		// Addresses that are never on a wire.
		w.api = labtest.NewAPI(t, labtest.APIOptions{ElasticIPQuota: o.quota,
			ElasticIPs: netip.MustParsePrefix("198.18.0.0/20")})
		w.Client = ec2.NewFromConfig(w.api.Config(), func(c *ec2.Options) {
			c.HTTPClient = labtest.Direct{Handler: w.api.Calm}
		})
		w.makeNetwork(t.Context())
		w.watch = newWatchman(w)
		for n := range o.nodes {
			if n == o.nodes-1 && o.last > 0 {
				o.enis = o.last
			}
			w.makeNode(t.Context(), fmt.Sprintf("gw-%d", n+1), o, filepath.Join(dir, fmt.Sprint(n)))
		}
		for _, n := range w.nodes {
			for _, other := range w.nodes {
				n.cfg.Gateways = append(n.cfg.Gateways, other.name)
			}
		}
		synctest.Wait()
		f(w)
		w.end()
	})
}

// quickDir is a folder in memory if there is one: agents sync their files to disk.
func quickDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "macaw-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (w *world) makeNetwork(ctx context.Context) {
	vpc := must(w.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.20.0.0/16")})).Vpc.VpcId
	gateway := must(w.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})).InternetGateway.InternetGatewayId
	must(w.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: gateway, VpcId: vpc}))
	w.subnet = *must(w.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc,
		CidrBlock: aws.String(worldSubnet.String())})).Subnet.SubnetId
	must(w.CreateSubnetCidrReservation(ctx, &ec2.CreateSubnetCidrReservationInput{SubnetId: &w.subnet,
		Cidr: aws.String(worldRange.String()), ReservationType: types.SubnetCidrReservationTypeExplicit}))
	w.group = *must(w.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: vpc,
		GroupName: aws.String("provider"), Description: aws.String("provider")})).GroupId
}

func (w *world) makeNode(ctx context.Context, name string, o worldOptions, dir string) {
	in := &ec2.RunInstancesInput{ImageId: &w.api.Image, InstanceType: o.kind, MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1)}
	n := &gatewayNode{world: w, name: name, machine: newFakeMachine(), starting: make(chan struct{}, 1)}
	for i := range o.enis + 1 {
		part := "eni/" + name + "/management"
		if i > 0 {
			part = awsapi.ProviderPart(name, i)
		}
		e := must(w.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &w.subnet,
			Groups:            []string{w.group},
			TagSpecifications: awsapi.Tagged(types.ResourceTypeNetworkInterface, worldCloud, part),
		})).NetworkInterface
		in.NetworkInterfaces = append(in.NetworkInterfaces, types.InstanceNetworkInterfaceSpecification{
			DeviceIndex: aws.Int32(int32(i)), NetworkInterfaceId: e.NetworkInterfaceId,
		})
		if i == 1 {
			n.cfg.NICMAC, n.cfg.Primary = must(model.ParseMAC(*e.MacAddress)), netip.MustParseAddr(*e.PrivateIpAddress)
		}
	}
	c := &n.cfg
	c.Cloud, c.Node, c.SubnetID, c.InstanceType, c.Subnet = worldCloud, name, w.subnet, string(o.kind), worldSubnet
	c.Policy, c.Range = model.ElasticIPsOnDemand, []netip.Prefix{worldRange}
	c.ReleaseAfter, c.State = model.Wait(2*time.Minute), filepath.Join(dir, "translation.json")
	c.Instance = *must(w.RunInstances(ctx, in)).Instances[0].InstanceId
	w.nodes = append(w.nodes, n)
}

// end ends all agents, and waits for calls that are still under way.
func (w *world) end() {
	for _, n := range w.nodes {
		n.stopFor(0)
		n.kill()
		if n.process != nil {
			<-n.process.ended
		}
	}
	time.Sleep(2 * time.Minute)
}

func (w *world) node(name string) *gatewayNode {
	at := slices.IndexFunc(w.nodes, func(n *gatewayNode) bool { return n.name == name })
	return w.nodes[at]
}

// addRouter makes a router on a node; n counts them from 0.
func (w *world) addRouter(n int, on string) *worldRouter {
	addr := worldRange.Addr()
	for range n + 1 {
		addr = addr.Next()
	}
	r := &worldRouter{id: fmt.Sprintf("router-%d", n), port: fmt.Sprintf("port-%d", n), addr: addr,
		mac: model.MAC{0xfa, 0x16, 0x3e, 0, 0, byte(n)}}
	w.mu.Lock()
	w.routers = append(w.routers, r)
	w.mu.Unlock()
	w.bind(r, on)
	return r
}

// bind has OVN bind a router to a node, and Neutron say so later. The empty name binds it to none: then the old node
// stays in Neutron (see neutron.Address).
func (w *world) bind(r *worldRouter, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.active = to
	w.say()
	if to != "" {
		time.AfterFunc(w.neutronLag, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if r.active != "" { // it may have moved on
				r.host = r.active
			}
		})
	}
}

// herald has OVN say where a router is about to move; empty: it stays.
func (w *world) herald(r *worldRouter, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.next = to
	w.say()
}

// say has OVN say where routers are. The caller holds the lock.
func (w *world) say() {
	var s ovn.Southbound
	for _, r := range w.routers {
		s.Gateways = append(s.Gateways, ovn.Gateway{Port: r.port, Router: r.id, Active: r.active, Next: r.next})
	}
	w.south = append(w.south, s)
	close(w.told)
	w.told = make(chan struct{})
}

// float makes a floating IP, or associates it with another router; nil: with none.
func (w *world) float(n int, r *worldRouter) {
	addr := floatingAddr(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.floating[addr]
	if !ok {
		f = &worldFloating{id: fmt.Sprintf("fip-%d-%s", n, w.clock()), addr: addr, since: time.Now()}
		w.floating[addr] = f
	}
	f.router = r
}

// floatingAddr is the address of a floating IP; n counts them from 0.
func floatingAddr(n int) netip.Addr {
	four := worldRange.Addr().As4()
	four[3] += byte(100 + n)
	return netip.AddrFrom4(four)
}

func (w *world) unfloat(addr netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.floating, addr)
}

// addresses is what Neutron answers now.
func (w *world) addresses() []neutron.Address {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []neutron.Address
	of := func(r *worldRouter, a neutron.Address) neutron.Address {
		a.MAC, a.Router, a.Host, a.Active = net.HardwareAddr(r.mac[:]), r.id, r.host, true
		return a
	}
	for _, r := range w.routers {
		all = append(all, of(r, neutron.Address{Addr: r.addr, Kind: neutron.KindRouter, ID: r.port}))
	}
	for _, f := range w.floating {
		a := neutron.Address{Addr: f.addr, Kind: neutron.KindFloating, ID: f.id}
		if f.router != nil {
			a = of(f.router, a)
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b neutron.Address) int { return a.Addr.Compare(b.Addr) })
	return all
}

// serving is the node that each address belongs to, and the MAC that its frames have there; zero: none.
func (w *world) serving() map[netip.Addr]served {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make(map[netip.Addr]served)
	for _, r := range w.routers {
		all[r.addr] = served{r.active, r.mac}
	}
	for _, f := range w.floating {
		all[f.addr] = served{node: w.nodes[0].name}
		if f.router != nil {
			all[f.addr] = served{f.router.active, f.router.mac}
		}
	}
	return all
}

type served struct {
	node string
	mac  model.MAC
}

// clock is the time since the beginning.
func (w *world) clock() string { return fmt.Sprintf("%.3f s", time.Since(w.began).Seconds()) }

func (w *world) note(format string, args ...any) {
	w.log(fmt.Sprintf("%12s  ", w.clock()) + fmt.Sprintf(format, args...))
}

// errNoAnswer is a peer that does not answer.
var errNoAnswer = errors.New("connection refused")
