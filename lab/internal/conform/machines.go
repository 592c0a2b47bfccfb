// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/host"
	"macaw.example/lab/internal/conform/agent"
)

// machines are the two instances that the data-plane checks share. Each has an
// interface for SSH and another, the probe, used by checks only.
type machines struct {
	place   place
	a, b    *machine
	hands   hands
	folder  string // with the known host keys
	gateway net.HardwareAddr
}

// hands is the connection to the agents on the machines.
type hands interface {
	// take connects to the machines and prepares their probes.
	take(ctx context.Context, both ...*machine) error
	// perform has the agents execute their orders at the same time. It calls during, if
	// not nil, after that delay.
	perform(ctx context.Context, orders map[*machine]agent.Order, after time.Duration,
		during func()) (map[*machine]agent.Answer, error)
	close()
}

type machine struct {
	name       string
	id         string
	public     string // Elastic IP of the management interface
	management nic
	probe      nic
	// ahead is how far the instance's clock is ahead of the local one.
	ahead time.Duration
}

// nic is an interface of a machine with its primary address.
type nic struct {
	eni     string
	mac     net.HardwareAddr
	address netip.Addr
}

func (m *machines) close() {
	if m.hands != nil {
		m.hands.close()
	}
	if m.folder != "" {
		_ = os.RemoveAll(m.folder)
	}
}

// boot runs the machines and connects to them.
func (b *bench) boot() {
	m := &b.machines
	if m.folder == "" {
		m.folder = must(os.MkdirTemp("", "macaw-conform-"))(b)
		// Their Elastic IPs are not on lease: they are released with the machines.
		b.need(b.share.Acquire(b.ctx, 2))
	}
	m.place = b.place(24)
	key, keyName := newKey(b), "macaw-conform-"+b.cfg.Run+"-"+NewRun()
	must(b.ImportKeyPair(b.ctx, &ec2.ImportKeyPairInput{KeyName: &keyName, PublicKeyMaterial: []byte(key.authorized),
		TagSpecifications: b.tags(types.ResourceTypeKeyPair)}))(b)
	ssh, open := b.group(m.place.vpc, "ssh"), b.group(m.place.vpc, "probe")
	b.need(b.allow(ssh, tcp(22, "0.0.0.0/0"), everything(mainCIDR.String()))) // only the key gives access
	b.need(b.allow(open, everything(mainCIDR.String())))
	for i, name := range []string{"a", "b"} {
		one := &machine{name: name}
		one.management = b.nic(m.place, ssh, 10+10*i)
		one.probe = b.nic(m.place, open, 11+10*i)
		one.id = b.launch(&ec2.RunInstancesInput{KeyName: &keyName,
			MetadataOptions: &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired,
				HttpPutResponseHopLimit: aws.Int32(1)}}, one.management.eni, one.probe.eni)
		if i == 0 {
			m.a = one
		} else {
			m.b = one
		}
	}
	for _, one := range []*machine{m.a, m.b} {
		made := must(b.AllocateAddress(b.ctx,
			&ec2.AllocateAddressInput{Domain: types.DomainTypeVpc, TagSpecifications: b.tags(types.ResourceTypeElasticIp)}))(b)
		one.public = aws.ToString(made.PublicIp)
		b.settled(func() error {
			_, err := b.associate(aws.ToString(made.AllocationId), one.management.eni, "", true)
			return err
		})
	}
	if b.cfg.hands == nil {
		if m.hands != nil {
			m.hands.close() // of a failed attempt
		}
		m.hands = &remote{program: b.cfg.Program, agent: b.cfg.Agent, key: key.signer,
			known: host.HostKeys{Path: filepath.Join(m.folder, "known_hosts")}}
	}
	b.need(m.hands.take(b.ctx, m.a, m.b))
}

// everything allows all traffic from a range.
func everything(cidr string) types.IpPermission {
	return types.IpPermission{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: &cidr}}}
}

func (b *bench) nic(p place, group string, n int) nic {
	address := p.at(n)
	e := b.eniFrom(&ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet, PrivateIpAddress: &address,
		Groups: []string{group}})
	return nic{aws.ToString(e.NetworkInterfaceId), must(net.ParseMAC(aws.ToString(e.MacAddress)))(b),
		netip.MustParseAddr(address)}
}

// lead is the delay of senders, so that the agents on all machines are listening.
const lead = time.Second

// scene is what the devices of both machines send and receive at the same time.
type scene struct {
	b       *bench
	devices map[*machine][]agent.Device
	heard   map[*machine]agent.Answer
}

func (b *bench) scene() *scene {
	return &scene{b: b, devices: map[*machine][]agent.Device{}, heard: map[*machine]agent.Answer{}}
}

// on adds a device and the frames it sends after the lead.
func (s *scene) on(m *machine, n nic, shots ...agent.Shot) *scene {
	for i := range shots {
		shots[i].At += lead
	}
	s.devices[m] = append(s.devices[m], agent.Device{MAC: n.mac.String(), Send: shots})
	return s
}

// play runs the scene for a time after the lead. It calls during, if not nil, when the
// time after has passed.
func (s *scene) play(lasting, after time.Duration, during func()) {
	orders := map[*machine]agent.Order{}
	for m, devices := range s.devices {
		for i := range devices {
			devices[i].Listen = lead + lasting
		}
		orders[m] = agent.Order{Devices: devices}
	}
	heard, err := s.b.machines.hands.perform(s.b.ctx, orders, lead+after, during)
	s.b.need(err)
	s.heard = heard
}

// at is the local time at which a device of a machine received a frame.
func (s *scene) at(m *machine, f agent.Frame) time.Time {
	return s.heard[m].Begun.Add(f.At - m.ahead)
}

// frames are the frames that the nth device of a machine received.
func (s *scene) frames(m *machine, n int) []agent.Frame { return s.heard[m].Devices[n].Frames }

// mark is the payload that identifies a frame.
func (b *bench) mark(label string) []byte {
	return []byte("macaw-conform " + b.cfg.Run + " " + label + ".")
}

// labels are those of the marked frames among frames.
func (b *bench) labels(frames []agent.Frame) []string {
	prefix := string(b.mark(""))
	prefix = prefix[:len(prefix)-1]
	var seen []string
	for _, f := range frames {
		if _, rest, ok := strings.Cut(string(f.Frame), prefix); ok {
			if label, _, ok := strings.Cut(rest, "."); ok {
				seen = append(seen, label)
			}
		}
	}
	return seen
}
