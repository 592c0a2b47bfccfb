// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/model"
)

// needENI attaches another provider interface to this node, if its type takes one more.
// It is removed with the cloud, and not before.
func (p *pass) needENI(ctx context.Context, seen Seen, a Action) {
	if !time.Now().Before(p.end) {
		p.failed(netip.Addr{}, errDeadline)
		return
	}
	attached, err := p.interfaces(ctx, awsapi.Filter("attachment.instance-id", p.cfg.Instance))
	if err != nil {
		p.failed(netip.Addr{}, err)
		return
	}
	if len(attached) >= p.limits.interfaces {
		p.refuseENI(ENIFull, "%s takes %d network interfaces, and %s has as many",
			p.cfg.InstanceType, p.limits.interfaces, p.cfg.Node)
		return
	}
	e := seen.eni(a.ENI)
	if e == nil {
		made, err := p.makeENI(ctx, seen)
		if err != nil {
			p.refuseENI(Refused, "making another network interface for %s: %s", p.cfg.Node, errorText(err))
			return
		}
		e = &made
	}
	e.Instance, e.Device = p.cfg.Instance, freeDevice(attached)
	in := &ec2.AttachNetworkInterfaceInput{
		NetworkInterfaceId: aws.String(e.ID),
		InstanceId:         aws.String(p.cfg.Instance), DeviceIndex: aws.Int32(int32(e.Device)),
	}
	o := callOptions{action: "AttachNetworkInterface", notYetVisible: notFound}
	err = p.do(ctx, o, func(ctx context.Context) error {
		_, err := p.api.AttachNetworkInterface(ctx, in, noRetry)
		return err
	})
	switch {
	case err == nil:
		p.wrote(eniAttached{*e})
	case errorCode(err) == "InvalidNetworkInterface.InUse":
		p.requeue() // it was attached by a call whose answer was lost
	default:
		if notFound(err) { // AWS remembers a token for longer than an interface lives
			p.memory.locked(func(m *memory) { m.generation++ })
		}
		p.refuseENI(Refused, "attaching network interface %s to %s: %s", e.ID, p.cfg.Node, errorText(err))
	}
}

// refuseENI notes why there is no other interface.
func (p *pass) refuseENI(code model.Code, format string, args ...any) {
	r := refusal{time.Now(), code, fmt.Sprintf(format, args...)}
	p.memory.locked(func(m *memory) { m.eniRefused = r })
	p.requeue()
}

// freeDevice is the first device index at which nothing is attached.
func freeDevice(attached []ENI) int {
	device := 1
	for slices.ContainsFunc(attached, func(e ENI) bool { return e.Device == device }) {
		device++
	}
	return device
}

// makeENI makes an interface like this node's first one. AWS chooses its primary address,
// not from the cloud's range, which is reserved (VPC User Guide, subnet-cidr-reservation,
// "explicit").
func (p *pass) makeENI(ctx context.Context, seen Seen) (ENI, error) {
	n, groups, generation := 1, []string(nil), 0
	for _, e := range seen.ENIs {
		if p.cfg.mine(e) && len(groups) == 0 {
			groups = e.Groups
		}
	}
	for slices.ContainsFunc(seen.ENIs, func(e ENI) bool { return e.Part == interfacePart(p.cfg.Node, n) }) {
		n++
	}
	part := interfacePart(p.cfg.Node, n)
	if n == 1 {
		return ENI{}, fmt.Errorf("AWS shows no network interface %s of cloud %s", part, p.cfg.Cloud)
	}
	p.memory.locked(func(m *memory) { generation = m.generation })
	in := &ec2.CreateNetworkInterfaceInput{
		SubnetId: aws.String(p.cfg.Subnet), Groups: groups,
		Description:       aws.String("Macaw cloud " + p.cfg.Cloud + ", " + part),
		ClientToken:       token(p.cfg.Cloud, part, p.cfg.Subnet, p.cfg.Instance, strconv.Itoa(generation)),
		TagSpecifications: p.cfg.tags(types.ResourceTypeNetworkInterface, part),
	}
	var made ENI
	err := p.do(ctx, callOptions{action: "CreateNetworkInterface"}, func(ctx context.Context) error {
		out, err := p.api.CreateNetworkInterface(ctx, in, noRetry)
		if err != nil {
			return err
		}
		made = p.eniFrom(*out.NetworkInterface)
		made.Part, made.Limit, made.LimitIPv6 = part, p.limits.addresses, p.limits.ipv6
		return nil
	})
	return made, err
}
