// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"time"

	"macaw.example/lab/internal/vpc"
)

// Fabric carries the frames. It is told the whole topology before the call
// that changed it is answered, in the order of the changes. It must not call
// back into State. An error is logged, and the topology told again with the
// next change: an API call on AWS does not fail because the data plane does.
type Fabric interface {
	SetTopology(vpc.Topology) error
}

// Prober is what a Fabric may do besides: tell what came of the ARP requests
// that EC2's status checks are made of. Without it a running machine passes.
type Prober interface {
	// Answered is when the interface last answered for its primary address;
	// ok is false if it has not since it was attached to a running instance.
	Answered(eni string) (last time.Time, ok bool)
}

// Profiles are IAM's instance profiles.
type Profiles interface {
	// Profile finds one by its name or its ARN. The ID is as in AIPA....
	Profile(nameOrARN string) (arn, id string, ok bool)
}

// Machines runs the instances. The calls block until done and are made from
// goroutines of State's, one at a time for an instance. Each may be made again
// after a crash, and must then finish what the first one began.
type Machines interface {
	// Launch makes and boots a machine. It returns when the machine is
	// powered on, which is what EC2 calls running, not when it is reachable.
	Launch(ctx context.Context, i Instance) error
	// Start boots a stopped machine, perhaps with other network interfaces.
	Start(ctx context.Context, i Instance) error
	// Stop shuts a machine down and keeps its disk.
	Stop(ctx context.Context, instanceID string) error
	// Reboot restarts the operating system; it may return before it is up.
	Reboot(ctx context.Context, instanceID string) error
	// Terminate removes a machine and everything of it. A machine that was
	// never made, or is gone, is no error.
	Terminate(ctx context.Context, instanceID string) error
	// ConsoleOutput is what the machine has printed, the newest 64 KiB.
	ConsoleOutput(ctx context.Context, instanceID string) ([]byte, error)
	// CreateImage makes an image of a machine's disk, which is at rest only
	// if the instance is stopped.
	CreateImage(ctx context.Context, instanceID, imageID string) error
	// DeleteImage removes an image that CreateImage made and no machine uses.
	DeleteImage(ctx context.Context, imageID string) error
}

// HotPlug is what a Machines may do besides: network interfaces that come and
// go while the machine runs. Without it they are refused on running instances.
type HotPlug interface {
	AttachNIC(ctx context.Context, instanceID string, n NIC) error
	DetachNIC(ctx context.Context, instanceID string, n NIC) error
}

// Instance is what Machines must know to run an instance.
type Instance struct {
	ID       string // i-...
	ImageID  string // ami-...
	Type     string // such as m8i.2xlarge
	VCPUs    int
	MemoryMB int    // MiB
	Hostname string // ip-10-0-0-11, after the primary private address
	State    string // as EC2 names it: pending, running, ...
	NICs     []NIC  // in the order of their device indices
}

// NIC is a network interface of an instance.
type NIC struct {
	ENI         string // eni-...
	MAC         vpc.MAC
	DeviceIndex int
	// Device is the name the instance shall see: eth and the device index, plus
	// a hundred for each network card before its own.
	Device string
}

// Image is a machine image that the lab offers. Stock images belong to
// somebody else, as Debian's do on AWS.
type Image struct {
	ID           string // ami-...
	Name         string
	Description  string
	Owner        string // account ID
	Architecture string // x86_64 or arm64
	Created      time.Time
	// Parameters are the public SSM parameters whose value is the image's ID,
	// such as /aws/service/debian/release/13/latest/amd64.
	Parameters []string
}
