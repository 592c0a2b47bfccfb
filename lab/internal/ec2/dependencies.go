// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"time"

	"macaw.example/lab/internal/vpc"
)

// Fabric carries the frames. It receives the full topology before the API call that
// changed it is answered, in the order of the changes. It must not call back into
// State. An error is logged and the topology sent again with the next change: on AWS,
// too, an API call does not fail because the data plane does.
type Fabric interface {
	SetTopology(vpc.Topology) error
}

// Prober is an optional interface of a Fabric: it reports the answers to the ARP
// requests behind EC2's status checks. With a Fabric that lacks it, every running
// machine passes.
type Prober interface {
	// Answered returns when the interface last answered for its primary address; ok is
	// false if it has not answered since it was attached to a running instance.
	Answered(eni string) (last time.Time, ok bool)
}

// Profiles are IAM's instance profiles.
type Profiles interface {
	// Profile finds a profile by name or ARN. The ID has the form AIPA....
	Profile(nameOrARN string) (arn, id string, ok bool)
}

// Machines runs the instances. Calls block until done. State makes them from its own
// goroutines, at most one at a time for an instance. After a crash State repeats the
// call, which must then finish what the first one began.
type Machines interface {
	// Launch makes and boots a machine. It returns when the machine is powered on
	// (EC2's "running"), not when it is reachable.
	Launch(ctx context.Context, i Instance) error
	// Start boots a stopped machine, whose network interfaces may have changed.
	Start(ctx context.Context, i Instance) error
	// Stop shuts a machine down and keeps its disk.
	Stop(ctx context.Context, instanceID string) error
	// Reboot restarts the operating system; it may return before it is up.
	Reboot(ctx context.Context, instanceID string) error
	// Terminate removes a machine and all its resources. It succeeds if the machine
	// does not exist.
	Terminate(ctx context.Context, instanceID string) error
	// ConsoleOutput returns the newest 64 KiB of the machine's console.
	ConsoleOutput(ctx context.Context, instanceID string) ([]byte, error)
	// CreateImage makes an image of a machine's disk. The image is consistent only if
	// the instance is stopped.
	CreateImage(ctx context.Context, instanceID, imageID string) error
	// DeleteImage removes an image that CreateImage made and no machine uses.
	DeleteImage(ctx context.Context, imageID string) error
}

// HotPlug is an optional interface of a Machines: attach and detach network interfaces
// while the machine runs. Without it, State refuses both on running instances.
type HotPlug interface {
	AttachNIC(ctx context.Context, instanceID string, n NIC) error
	DetachNIC(ctx context.Context, instanceID string, n NIC) error
}

// Instance is the description of an instance that Machines needs to run it.
type Instance struct {
	ID       string // i-...
	ImageID  string // ami-...
	Type     string // such as m8i.2xlarge
	VCPUs    int
	MemoryMB int    // MiB
	Hostname string // ip-10-0-0-11, after the primary private address
	State    string // as EC2 names it: pending, running, ...
	NICs     []NIC  // in the order of their device indices
	// KVM is set if the machine has the processor's virtualization extensions.
	KVM  bool
	Spot bool // it is a Spot Instance
}

// NIC is a network interface of an instance.
type NIC struct {
	ENI         string // eni-...
	MAC         vpc.MAC
	DeviceIndex int
	// Device is the name of the interface inside the instance, as Nitro has them: ens and the
	// PCI slot, which is 5 and the device index, plus 100 for each preceding network card.
	Device string
}

// Image is a machine image that the lab offers. Stock images belong to another account,
// as Debian's do on AWS.
type Image struct {
	ID           string // ami-...
	Name         string
	Description  string
	Owner        string // account ID
	Architecture string // x86_64 or arm64
	Created      time.Time
	// Parameters are the public SSM parameters that hold the image's ID, such as
	// /aws/service/debian/release/13/latest/amd64.
	Parameters []string
}
