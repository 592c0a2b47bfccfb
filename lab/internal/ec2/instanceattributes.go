// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/base64"
	"slices"

	"macaw.example/lab/internal/instancetypes"
)

// The reactions of an instance to a shutdown by its operating system.
const (
	shutdownStop      = "stop"
	shutdownTerminate = "terminate"
)

func (i *instanceRecord) onShutdown(behavior string) error {
	if behavior != shutdownStop && behavior != shutdownTerminate {
		return invalidParameter("Invalid value '%s' for instanceInitiatedShutdownBehavior.", behavior)
	}
	i.TerminateOnShutdown = behavior == shutdownTerminate
	return nil
}

func (i *instanceRecord) shutdownBehavior() string {
	if i.TerminateOnShutdown {
		return shutdownTerminate
	}
	return shutdownStop
}

type describeInstanceAttributeInput struct {
	dryRun
	Instance  *instanceRecord `form:"InstanceId,required"`
	Attribute string          `form:",required"`
}

type describeInstanceAttributeOutput struct {
	response
	ID                 string               `xml:"instanceId"`
	Type               *stringValueXML      `xml:"instanceType"`
	UserData           *stringValueXML      `xml:"userData"`
	DisableTermination *boolValueXML        `xml:"disableApiTermination"`
	DisableStop        *boolValueXML        `xml:"disableApiStop"`
	Shutdown           *stringValueXML      `xml:"instanceInitiatedShutdownBehavior"`
	RootDevice         *stringValueXML      `xml:"rootDeviceName"`
	Devices            *set[blockDeviceXML] `xml:"blockDeviceMapping"`
	SourceDestCheck    *boolValueXML        `xml:"sourceDestCheck"`
	Groups             *set[groupRefXML]    `xml:"groupSet"`
	EBSOptimized       *boolValueXML        `xml:"ebsOptimized"`
	ENA                *boolValueXML        `xml:"enaSupport"`
	// The values of these are empty: they are for paravirtual instances, and for
	// networks before ENA.
	Kernel       *struct{}           `xml:"kernel"`
	RAMDisk      *struct{}           `xml:"ramdisk"`
	SRIOV        *struct{}           `xml:"sriovNetSupport"`
	ProductCodes *set[noProductCode] `xml:"productCodes"`
	Enclave      *bool               `xml:"enclaveOptions>enabled"`
}

func describeInstanceAttribute(t *tx, in describeInstanceAttributeInput) (*describeInstanceAttributeOutput, error) {
	i := in.Instance
	x := t.instanceXML(i)
	out := &describeInstanceAttributeOutput{ID: i.ID}
	switch in.Attribute {
	case "instanceType":
		out.Type = &stringValueXML{i.Type}
	case "userData":
		out.UserData = &stringValueXML{base64.StdEncoding.EncodeToString(i.UserData)}
	case "disableApiTermination":
		out.DisableTermination = &boolValueXML{i.Protected}
	case "disableApiStop":
		out.DisableStop = &boolValueXML{i.StopProtected}
	case "instanceInitiatedShutdownBehavior":
		out.Shutdown = &stringValueXML{i.shutdownBehavior()}
	case "rootDeviceName":
		out.RootDevice = &stringValueXML{x.RootName}
	case "blockDeviceMapping":
		out.Devices = &x.Devices
	case "sourceDestCheck":
		e, err := t.onlyENI(i.ID)
		if err != nil {
			return nil, err
		}
		out.SourceDestCheck = &boolValueXML{e.SourceDestCheck}
	case "groupSet":
		out.Groups = &x.Groups
	case "ebsOptimized":
		out.EBSOptimized = &boolValueXML{x.EBSOptimized}
	case "enaSupport":
		out.ENA = &boolValueXML{x.ENA}
	case "kernel":
		out.Kernel = &struct{}{}
	case "ramdisk":
		out.RAMDisk = &struct{}{}
	case "sriovNetSupport":
		out.SRIOV = &struct{}{}
	case "productCodes":
		out.ProductCodes = &x.ProductCodes
	case "enclaveOptions":
		out.Enclave = &x.Enclave
	default:
		return nil, invalidParameter("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

type modifyInstanceAttributeInput struct {
	dryRun
	Instance *instanceRecord `form:"InstanceId,required"`
	// Attribute and Value are the older form of the other fields.
	Attribute                         string
	Value                             *string
	InstanceType                      *stringValue
	SourceDestCheck                   *boolValue
	DisableApiTermination             *boolValue
	DisableApiStop                    *boolValue
	GroupId                           []string
	UserData                          *stringValue // base64
	InstanceInitiatedShutdownBehavior *stringValue
	EbsOptimized                      *boolValue
	BlockDeviceMapping                []blockDeviceChange
}

// blockDeviceChange sets whether a volume is deleted with its instance, which is all
// that can be changed (EC2 API Reference, EbsInstanceBlockDeviceSpecification).
type blockDeviceChange struct {
	DeviceName string
	Ebs        struct {
		DeleteOnTermination *bool
		VolumeId            string
	}
}

func (t *tx) changeDevices(i *instanceRecord, changes []blockDeviceChange) error {
	for _, c := range changes {
		volumes := t.volumesOf(i.ID)
		if c.DeviceName != rootDevice || len(volumes) == 0 || c.Ebs.VolumeId != "" && c.Ebs.VolumeId != volumes[0].ID {
			return invalidParameter("No device is currently mapped at %s", c.DeviceName)
		}
		if c.Ebs.DeleteOnTermination != nil {
			volumes[0].DeleteOnTermination = *c.Ebs.DeleteOnTermination
		}
	}
	return nil
}

// older converts the older form of naming an attribute to the newer.
func (in *modifyInstanceAttributeInput) older() error {
	if in.Attribute == "" {
		return nil
	}
	if in.Value == nil {
		return nil // Attribute only repeats which newer field is set
	}
	text := &stringValue{*in.Value}
	truth := &boolValue{*in.Value == "true"}
	switch in.Attribute {
	case "instanceType":
		in.InstanceType = text
	case "userData":
		in.UserData = text
	case "instanceInitiatedShutdownBehavior":
		in.InstanceInitiatedShutdownBehavior = text
	case "disableApiTermination":
		in.DisableApiTermination = truth
	case "disableApiStop":
		in.DisableApiStop = truth
	case "sourceDestCheck":
		in.SourceDestCheck = truth
	case "ebsOptimized":
		in.EbsOptimized = truth
	default:
		return invalidParameter("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return nil
}

// modifyInstanceAttribute changes one attribute at a time, as EC2 does. Type, user data
// and EBS optimization change on a stopped instance only (EC2 API Reference,
// ModifyInstanceAttribute).
func modifyInstanceAttribute(t *tx, in modifyInstanceAttributeInput) (*done, error) {
	i := in.Instance
	if i.State == stateTerminated || i.State == stateShuttingDown {
		return nil, fail("IncorrectInstanceState",
			"The instance '%s' is not in a state in which its attributes can be modified (%s).", i.ID, i.State)
	}
	if err := in.older(); err != nil {
		return nil, err
	}
	stopped := in.InstanceType != nil || in.UserData != nil || in.EbsOptimized != nil
	err := oneAttribute(
		[]string{"instanceType", "sourceDestCheck", "disableApiTermination", "disableApiStop", "groupSet", "userData",
			"instanceInitiatedShutdownBehavior", "ebsOptimized", "blockDeviceMapping"},
		in.InstanceType != nil, in.SourceDestCheck != nil, in.DisableApiTermination != nil, in.DisableApiStop != nil,
		len(in.GroupId) > 0, in.UserData != nil, in.InstanceInitiatedShutdownBehavior != nil, in.EbsOptimized != nil,
		len(in.BlockDeviceMapping) > 0)
	if err != nil {
		return nil, err
	}
	if stopped && i.State != stateStopped {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	switch {
	case i.Spot && (in.DisableApiTermination != nil || in.DisableApiStop != nil):
		// EC2 User Guide, Using_ChangingDisableAPITermination: not for Spot Instances; the code is inferred.
		err = fail("UnsupportedOperation", "Protection is not supported for Spot Instance '%s'.", i.ID)
	case in.InstanceType != nil:
		err = t.changeType(i, in.InstanceType.Value)
	case in.UserData != nil:
		i.UserData, err = parseUserData(in.UserData.Value)
	case in.EbsOptimized != nil:
		i.EBSOptimized = in.EbsOptimized.Value
	case in.DisableApiTermination != nil:
		i.Protected = in.DisableApiTermination.Value
	case in.DisableApiStop != nil:
		i.StopProtected = in.DisableApiStop.Value
	case in.InstanceInitiatedShutdownBehavior != nil:
		err = i.onShutdown(in.InstanceInitiatedShutdownBehavior.Value)
	case len(in.BlockDeviceMapping) > 0:
		err = t.changeDevices(i, in.BlockDeviceMapping)
	default:
		err = t.changeOnlyENI(i, in)
	}
	if err != nil {
		return nil, err
	}
	return ok()
}

// changeOnlyENI changes attributes that an instance has only while it has exactly one
// interface.
func (t *tx) changeOnlyENI(i *instanceRecord, in modifyInstanceAttributeInput) error {
	e, err := t.onlyENI(i.ID)
	if err != nil {
		return err
	}
	if in.SourceDestCheck != nil {
		e.SourceDestCheck = in.SourceDestCheck.Value
		return nil
	}
	e.Groups, err = t.groupsFor(e.VPC, in.GroupId)
	return err
}

// changeType changes an instance's type. The new type must take the existing interfaces
// and addresses.
func (t *tx) changeType(i *instanceRecord, name string) error {
	limits, ok := instancetypes.All()[name]
	if !ok {
		return invalidParameter("Invalid value '%s' for InstanceType.", name)
	}
	if err := fitsImage(limits); err != nil {
		return err
	}
	if i.Nested && !limits.Nested {
		return noNested(name)
	}
	if err := t.fitsType(i, name); err != nil {
		return err
	}
	i.Type = name
	return nil
}

type cpuOptionsInput struct {
	CoreCount            *int
	ThreadsPerCore       *int
	NestedVirtualization string
}

// cpuOptions returns an instance's processor options.
func cpuOptions(i *instanceRecord) cpuOptionsXML {
	limits := instancetypes.All()[i.Type]
	x := cpuOptionsXML{Cores: limits.Cores, Threads: limits.VCPUs / max(1, limits.Cores)}
	switch {
	case i.Nested:
		x.Nested = "enabled"
	case limits.Nested:
		x.Nested = "disabled"
	}
	return x
}

// kvm reports whether the instance has the processor's virtualization extensions: bare
// metal does, and a virtual instance with nested virtualization on (EC2 User Guide,
// amazon-ec2-nested-virtualization).
func (i *instanceRecord) kvm() bool { return i.Nested || instancetypes.Metal(i.Type) }

// noNested has the code that Karpenter expects of such launches
// (aws/karpenter-provider-aws, designs/cpu-options-nested-virtualization.md); the text is
// the lab's.
func noNested(instanceType string) error {
	return unsupported("The instance type %s does not support nested virtualization", instanceType)
}

// changeCPU checks and sets processor options. The lab's instances have all the cores
// and threads of their type. Bare metal has no options (EC2 User Guide,
// instance-cpu-options-rules); users report the code and the text.
func (i *instanceRecord) changeCPU(in cpuOptionsInput) error {
	if instancetypes.Metal(i.Type) && in != (cpuOptionsInput{}) {
		return unsupported("The %s instance type does not support specifying CpuOptions.", i.Type)
	}
	now := cpuOptions(i)
	if in.CoreCount != nil && *in.CoreCount != now.Cores || in.ThreadsPerCore != nil && *in.ThreadsPerCore != now.Threads {
		return unsupported("The lab's instances have all cores and threads of their type: %d and %d", now.Cores, now.Threads)
	}
	switch {
	case !slices.Contains([]string{"", "enabled", "disabled"}, in.NestedVirtualization):
		return invalidParameter("Invalid value '%s' for nestedVirtualization.", in.NestedVirtualization)
	case in.NestedVirtualization == "enabled" && !instancetypes.All()[i.Type].Nested:
		return noNested(i.Type)
	case in.NestedVirtualization != "":
		i.Nested = in.NestedVirtualization == "enabled"
	}
	return nil
}

type modifyCPUInput struct {
	dryRun
	Instance *instanceRecord `form:"InstanceId,required"`
	cpuOptionsInput
}

type modifyCPUOutput struct {
	response
	ID string `xml:"instanceId"`
	cpuOptionsXML
}

// modifyInstanceCpuOptions requires a stopped instance (EC2 API Reference,
// ModifyInstanceCpuOptions).
func modifyInstanceCpuOptions(_ *tx, in modifyCPUInput) (*modifyCPUOutput, error) {
	i := in.Instance
	if i.State != stateStopped {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	if in.CoreCount == nil && in.ThreadsPerCore == nil && in.NestedVirtualization == "" {
		return nil, missingParameter("coreCount, threadsPerCore or nestedVirtualization")
	}
	if err := i.changeCPU(in.cpuOptionsInput); err != nil {
		return nil, err
	}
	return &modifyCPUOutput{ID: i.ID, cpuOptionsXML: cpuOptions(i)}, nil
}
