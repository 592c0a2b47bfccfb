// SPDX-License-Identifier: Apache-2.0

package labtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/lab/labtest"
)

// TestHotPlug attaches a network interface to a running machine and detaches it. As in
// Debian's image for EC2, cloud-init notices: it configures the interface with every address
// that EC2 has registered on it, and a routing table of its own.
func TestHotPlug(t *testing.T) {
	lab := labtest.Start(t)
	m, peer := lab.Launch(t, labtest.Machine{Name: "plugged"}), lab.Launch(t, labtest.Machine{Name: "peer"})
	api := ec2.NewFromConfig(lab.Config())
	first, err := api.DescribeNetworkInterfaces(t.Context(),
		&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: m.ENIs})
	if err != nil {
		t.Fatal(err)
	}
	made, err := api.CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{
		SubnetId: first.NetworkInterfaces[0].SubnetId, Groups: []string{*first.NetworkInterfaces[0].Groups[0].GroupId},
		SecondaryPrivateIpAddressCount: aws.Int32(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	eni := made.NetworkInterface
	defer func() {
		if _, err := api.DeleteNetworkInterface(t.Context(),
			&ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni.NetworkInterfaceId}); err != nil {
			t.Error(err)
		}
	}()
	attached, err := api.AttachNetworkInterface(t.Context(), &ec2.AttachNetworkInterfaceInput{
		InstanceId: &m.ID, NetworkInterfaceId: eni.NetworkInterfaceId, DeviceIndex: aws.Int32(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Run(t, "for i in $(seq 300); do test -e /sys/class/net/ens6 && exit; sleep 0.1; done; exit 1")
	if mac := strings.TrimSpace(m.Run(t, "cat /sys/class/net/ens6/address")); mac != *eni.MacAddress {
		t.Errorf("the new interface has MAC %s, want %s", mac, *eni.MacAddress)
	}
	for _, a := range eni.PrivateIpAddresses {
		m.Run(t, "for i in $(seq 60); do ip rule | grep -q 'from "+*a.PrivateIpAddress+" lookup 101' && "+
			"ping -c 1 -W 1 -I "+*a.PrivateIpAddress+" "+peer.Private[0].String()+" && exit; sleep 0.5; done; exit 1")
	}

	if _, err := api.DetachNetworkInterface(t.Context(),
		&ec2.DetachNetworkInterfaceInput{AttachmentId: attached.AttachmentId}); err != nil {
		t.Fatal(err)
	}
	m.Run(t, "for i in $(seq 300); do test -e /sys/class/net/ens6 || exit 0; sleep 0.1; done; exit 1")
	if err := ec2.NewNetworkInterfaceAvailableWaiter(api).Wait(t.Context(), &ec2.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: []string{*eni.NetworkInterfaceId},
	}, time.Minute); err != nil {
		t.Error(err)
	}
}
