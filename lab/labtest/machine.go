// SPDX-License-Identifier: Apache-2.0

package labtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"

	"macaw.example/internal/host"
)

// Machine describes a machine to launch. The zero value is a t3.small with one NIC.
type Machine struct {
	Name string // value of its Name tag
	Type string // default t3.small
	// UserData is passed to cloud-init: a script or a cloud-config.
	UserData string
	// NICs is the number of network interfaces; default 1.
	NICs int
	// IPv6 gives its first NIC an IPv6 address.
	IPv6 bool
	// InstanceProfile is the name of an instance profile.
	InstanceProfile string
}

// Instance is a running machine.
type Instance struct {
	ID      string
	Public  netip.Addr   // the Elastic IP of its first NIC
	Private []netip.Addr // the primary address of each NIC
	IPv6    netip.Addr   // the zero Addr if it has none
	ENIs    []string     // by device index

	shell *host.Host
}

// Launch boots a machine in a public subnet with a security group that allows everything,
// gives it an Elastic IP, and waits until cloud-init is done and SSH works. This takes some
// seconds.
func (l *Lab) Launch(t testing.TB, m Machine) *Instance {
	t.Helper()
	n := l.net(t)
	api := ec2.NewFromConfig(l.Config())
	if m.Type == "" {
		m.Type = string(types.InstanceTypeT3Small)
	}
	in := &ec2.RunInstancesInput{
		ImageId: &n.image, InstanceType: types.InstanceType(m.Type), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		KeyName: &n.key, UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(m.UserData))),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance,
			Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String(m.Name)}}}},
	}

	if m.InstanceProfile != "" {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: &m.InstanceProfile}
	}
	for i := range max(m.NICs, 1) {
		in.NetworkInterfaces = append(in.NetworkInterfaces, types.InstanceNetworkInterfaceSpecification{
			DeviceIndex: aws.Int32(int32(i)), SubnetId: &n.subnet, Groups: []string{n.group},
		})
	}
	if m.IPv6 {
		in.NetworkInterfaces[0].Ipv6AddressCount = aws.Int32(1)
	}
	ran, err := api.RunInstances(t.Context(), in)
	if err != nil {
		t.Fatalf("launching a machine: %v", err)
	}
	i := &Instance{ID: *ran.Instances[0].InstanceId}
	t.Cleanup(func() { l.terminate(t, api, i.ID) })
	nics := ran.Instances[0].NetworkInterfaces
	slices.SortFunc(nics, func(a, b types.InstanceNetworkInterface) int {
		return int(*a.Attachment.DeviceIndex - *b.Attachment.DeviceIndex)
	})
	for _, nic := range nics {
		i.ENIs = append(i.ENIs, *nic.NetworkInterfaceId)
		i.Private = append(i.Private, netip.MustParseAddr(*nic.PrivateIpAddress))
	}
	if m.IPv6 {
		i.IPv6 = netip.MustParseAddr(*nics[0].Ipv6Addresses[0].Ipv6Address)
	}
	i.Public = n.elasticIP(t, api, i.ENIs[0])
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	i.shell, err = host.Dial(ctx, host.Config{
		Address: netip.AddrPortFrom(i.Public, 22).String(), User: "admin", Key: n.signer, Identity: i.ID,
		HostKeys: host.HostKeys{Path: filepath.Join(t.TempDir(), "known_hosts")}, NewUntil: time.Now().Add(2 * time.Minute),
	}, nil)
	if err != nil {
		t.Fatalf("logging in to machine %s: %v", i.ID, err)
	}
	t.Cleanup(func() { i.shell.Close() })
	i.Run(t, "cloud-init status --wait >/dev/null")
	return i
}

// Run runs a shell command as root, which must succeed, and returns its stdout.
func (i *Instance) Run(t testing.TB, command string) string {
	t.Helper()
	var out bytes.Buffer
	if err := i.shell.Run(t.Context(), command, nil, &out); err != nil {
		t.Fatalf("on %s: %v\n%s", i.ID, err, out.String())
	}
	return out.String()
}

// Copy writes an executable file on the machine.
func (i *Instance) Copy(t testing.TB, content io.Reader, path string) {
	t.Helper()
	if err := i.shell.Run(t.Context(), "install -m 755 /dev/stdin '"+path+"'", content, io.Discard); err != nil {
		t.Fatalf("copying %s to %s: %v", path, i.ID, err)
	}
}

// terminate terminates a machine and waits until it is gone, so that the resources it uses
// can be deleted.
func (l *Lab) terminate(t testing.TB, api *ec2.Client, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if _, err := api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Errorf("terminating %s: %v", id, err)
		return
	}
	gone := ec2.NewInstanceTerminatedWaiter(api, func(o *ec2.InstanceTerminatedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 200*time.Millisecond, time.Second
	})
	if err := gone.Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}, 2*time.Minute); err != nil {
		t.Errorf("terminating %s: %v", id, err)
	}
}

// newKey makes a key for the machines of a lab.
func newKey(t testing.TB) ssh.Signer {
	key, err := host.LoadKey(filepath.Join(t.TempDir(), "id_ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
