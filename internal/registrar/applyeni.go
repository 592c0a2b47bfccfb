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

// needENI attaches another provider interface to this node, if its type takes
// one more. It is never taken away again but with the cloud.
func (t *turn) needENI(ctx context.Context, seen Seen, a Action) {
	if !time.Now().Before(t.end) {
		t.failed(netip.Addr{}, errTurn)
		return
	}
	on, err := t.interfaces(ctx, awsapi.Filter("attachment.instance-id", t.cfg.Instance))
	if err != nil {
		t.failed(netip.Addr{}, err)
		return
	}
	if len(on) >= t.carries.interfaces {
		t.noENI(ENIFull, "%s carries %d network interfaces, and %s has as many", t.cfg.InstanceType, t.carries.interfaces, t.cfg.Node)
		return
	}
	e := seen.eni(a.ENI)
	if e == nil {
		made, err := t.makeENI(ctx, seen)
		if err != nil {
			t.noENI(Refused, "making another network interface for %s: %s", t.cfg.Node, errorText(err))
			return
		}
		e = &made
	}
	e.Instance, e.Device = t.cfg.Instance, freeDevice(on)
	err = t.do(ctx, kindOfCall{action: "AttachNetworkInterface", yet: notFound}, func(ctx context.Context) error {
		_, err := t.api.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: aws.String(e.ID),
			InstanceId: aws.String(t.cfg.Instance), DeviceIndex: aws.Int32(int32(e.Device))}, once)
		return err
	})
	switch {
	case err == nil:
		t.did(attached{*e})
	case errorCode(err) == "InvalidNetworkInterface.InUse":
		t.look() // by a call without an answer
	default:
		if notFound(err) {
			t.memory.note(func(m *memory) { m.generation++ }) // AWS remembers a token for longer than an interface lives
		}
		t.noENI(Refused, "attaching network interface %s to %s: %s", e.ID, t.cfg.Node, errorText(err))
	}
}

func (t *turn) noENI(code model.Code, format string, args ...any) {
	t.memory.note(func(m *memory) { m.noENI = refusal{time.Now(), code, fmt.Sprintf(format, args...)} })
	t.look()
}

// freeDevice is the first device index that nothing is attached at.
func freeDevice(on []ENI) int {
	device := 1
	for slices.ContainsFunc(on, func(e ENI) bool { return e.Device == device }) {
		device++
	}
	return device
}

// makeENI makes an interface like this node's first one. AWS gives it its
// primary address, none from the cloud's range, which is reserved (VPC User
// Guide, subnet-cidr-reservation, "explicit").
func (t *turn) makeENI(ctx context.Context, seen Seen) (ENI, error) {
	n, groups, generation := 1, []string(nil), 0
	for _, e := range seen.ENIs {
		if t.cfg.mine(e) && len(groups) == 0 {
			groups = e.Groups
		}
	}
	for slices.ContainsFunc(seen.ENIs, func(e ENI) bool { return e.Part == interfacePart(t.cfg.Node, n) }) {
		n++
	}
	if n == 1 {
		return ENI{}, fmt.Errorf("AWS shows no network interface %s of cloud %s", interfacePart(t.cfg.Node, 1), t.cfg.Cloud)
	}
	part := interfacePart(t.cfg.Node, n)
	t.memory.note(func(m *memory) { generation = m.generation })
	var made ENI
	err := t.do(ctx, kindOfCall{action: "CreateNetworkInterface"}, func(ctx context.Context) error {
		out, err := t.api.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(t.cfg.Subnet), Groups: groups,
			Description:       aws.String("Macaw cloud " + t.cfg.Cloud + ", " + part),
			ClientToken:       token(t.cfg.Cloud, part, t.cfg.Subnet, t.cfg.Instance, strconv.Itoa(generation)),
			TagSpecifications: t.cfg.tags(types.ResourceTypeNetworkInterface, part)}, once)
		if err == nil {
			made = t.eniOf(*out.NetworkInterface)
			made.Part, made.Limit, made.LimitIPv6 = part, t.carries.addresses, t.carries.ipv6
		}
		return err
	})
	return made, err
}
