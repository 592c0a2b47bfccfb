package ec2

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
)

// maxUserData is in bytes, before base64 (EC2 User Guide, user-data).
const maxUserData = 16 << 10

type nicInput struct {
	DeviceIndex         *int
	NetworkCardIndex    int
	NetworkInterfaceId  string
	DeleteOnTermination *bool
	eniSpec
	AssociatePublicIpAddress bool
}

type metadataInput struct {
	HttpTokens              string
	HttpPutResponseHopLimit int
	HttpEndpoint            string
	HttpProtocolIpv6        string
	InstanceMetadataTags    string
}

// blockDevice is taken and not looked at: the lab has no volumes, a machine's
// disk is as big as the host's.
type blockDevice struct {
	DeviceName string
	Ebs        struct {
		VolumeSize, Iops, Throughput   int
		VolumeType, SnapshotId         string
		KmsKeyId                       string
		DeleteOnTermination, Encrypted bool
	}
}

type runInstancesInput struct {
	dryRun
	tagged
	ImageId                           string `form:",required"`
	InstanceType                      string
	MinCount                          int `form:",required"`
	MaxCount                          int `form:",required"`
	KeyName                           string
	UserData                          string // base64
	ClientToken                       string
	SubnetId                          string
	PrivateIpAddress                  string
	SecurityGroupId                   []string
	NetworkInterface                  []nicInput
	MetadataOptions                   metadataInput
	InstanceInitiatedShutdownBehavior string
	DisableApiTermination             bool
	EbsOptimized                      bool
	BlockDeviceMapping                []blockDevice
	CpuOptions                        struct{ NestedVirtualization string }
	Placement                         struct{ AvailabilityZone, Tenancy string }
	Monitoring                        struct{ Enabled bool }
}

type runInstancesOutput struct {
	response
	reservationXML
}

// runInstances makes the records; the machines are launched afterwards.
func runInstances(t *tx, in runInstancesInput) (*runInstancesOutput, error) {
	reservation, again, err := t.replay(in.ClientToken)
	if err != nil {
		return nil, err
	}
	if !again {
		reservation = newID("r")
		template, err := t.launchTemplate(in, reservation)
		if err != nil {
			return nil, err
		}
		for index := range in.MaxCount {
			if err := t.launch(in, *template, index); err != nil {
				return nil, err
			}
		}
		t.remember(in.ClientToken, reservation)
	}
	instances := slices.DeleteFunc(byID(t.Instances), func(i *instanceRecord) bool { return i.Reservation != reservation })
	if len(instances) == 0 {
		return nil, fail("IdempotentInstanceTerminated", "The instance of the former request has been terminated.")
	}
	return &runInstancesOutput{reservationXML: t.reservations(instances).Items[0]}, nil
}

// launchTemplate checks what all instances of the launch have in common.
func (t *tx) launchTemplate(in runInstancesInput, reservation string) (*instanceRecord, error) {
	i := &instanceRecord{Reservation: reservation, Image: in.ImageId, Type: cmp.Or(in.InstanceType, "t3.micro"), KeyName: in.KeyName,
		State: statePending, Launched: t.now, Token: in.ClientToken, Protected: in.DisableApiTermination,
		TerminateOnShutdown: in.InstanceInitiatedShutdownBehavior == "terminate"}
	if in.MinCount < 1 || in.MaxCount < in.MinCount {
		return nil, invalidParameter("Invalid value '%d' for min/max count", in.MinCount)
	}
	named := slices.ContainsFunc(in.NetworkInterface, func(n nicInput) bool { return n.NetworkInterfaceId != "" || n.PrivateIpAddress != "" })
	if in.MaxCount > 1 && (named || in.PrivateIpAddress != "") {
		return nil, badCombination("Network interfaces and private addresses can be named for one instance only")
	}
	if err := t.launchable(in.ImageId); err != nil {
		return nil, err
	}
	limits, known := instanceTypes[i.Type]
	if !known {
		return nil, invalidParameter("Invalid value '%s' for InstanceType.", i.Type)
	}
	if in.KeyName != "" {
		k, known := t.KeyPairs[in.KeyName]
		if !known {
			return nil, kindKeyPair.missing(in.KeyName)
		}
		i.PublicKey = k.Public
	}
	var err error
	if i.UserData, err = base64.StdEncoding.DecodeString(in.UserData); err != nil {
		return nil, invalidParameter("Invalid BASE64 encoding of user data.")
	}
	if len(i.UserData) > maxUserData {
		return nil, invalidParameter("User data is limited to %d bytes", maxUserData)
	}
	if in.CpuOptions.NestedVirtualization == "enabled" {
		if !limits.Nested {
			return nil, unsupported("The instance type %s does not support nested virtualization", i.Type)
		}
		i.Nested = true
	}
	i.Metadata = metadataOptions{Tokens: "required", HopLimit: 2, Endpoint: "enabled", Tags: "disabled", IPv6: "disabled", State: "applied"}
	if err := i.Metadata.change(in.MetadataOptions); err != nil {
		return nil, err
	}
	i.Tags, err = in.tagsFor(kindInstance, kindENI, kind{tagType: "volume"})
	return i, err
}

func (o *metadataOptions) change(in metadataInput) error {
	for _, option := range []struct {
		name, value string
		allowed     []string
		into        *string
	}{
		{"HttpTokens", in.HttpTokens, []string{"required", "optional"}, &o.Tokens},
		{"HttpEndpoint", in.HttpEndpoint, []string{"enabled", "disabled"}, &o.Endpoint},
		{"HttpProtocolIpv6", in.HttpProtocolIpv6, []string{"disabled"}, &o.IPv6},
		{"InstanceMetadataTags", in.InstanceMetadataTags, []string{"enabled", "disabled"}, &o.Tags},
	} {
		switch {
		case option.value == "":
		case !slices.Contains(option.allowed, option.value):
			return invalidParameter("Invalid value '%s' for %s", option.value, option.name)
		default:
			*option.into = option.value
		}
	}
	if in.HttpPutResponseHopLimit < 0 || in.HttpPutResponseHopLimit > 64 {
		return invalidParameter("Invalid value '%d' for HttpPutResponseHopLimit", in.HttpPutResponseHopLimit)
	}
	o.HopLimit = cmp.Or(in.HttpPutResponseHopLimit, o.HopLimit)
	return nil
}

// launch makes one instance with its interfaces.
func (t *tx) launch(in runInstancesInput, i instanceRecord, index int) error {
	i.ID, i.LaunchIndex = kindInstance.newID(), index
	i.Tags = maps.Clone(i.Tags)
	nics := in.NetworkInterface
	if len(nics) == 0 {
		if in.SubnetId == "" {
			return fail("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
		}
		nics = []nicInput{{eniSpec: eniSpec{SubnetId: in.SubnetId, PrivateIpAddress: in.PrivateIpAddress, SecurityGroupId: in.SecurityGroupId}}}
	} else if in.SubnetId != "" || len(in.SecurityGroupId) > 0 || in.PrivateIpAddress != "" {
		return badCombination("Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request")
	}
	nics = slices.Clone(nics)
	slices.SortFunc(nics, func(a, b nicInput) int { return a.device() - b.device() })
	if nics[0].device() != 0 {
		return invalidParameter("A network interface at device index 0 is required")
	}
	t.Instances[i.ID] = &i
	for _, n := range nics {
		if err := t.launchNIC(in, &i, n); err != nil {
			return err
		}
	}
	return nil
}

func (n nicInput) device() int {
	if n.DeviceIndex == nil {
		return 0
	}
	return *n.DeviceIndex
}

// launchNIC attaches an interface that exists or makes one for the instance,
// which then goes with it unless told otherwise (EC2 API Reference,
// InstanceNetworkInterfaceSpecification).
func (t *tx) launchNIC(in runInstancesInput, i *instanceRecord, n nicInput) error {
	if n.AssociatePublicIpAddress {
		return unsupported("The lab has no public addresses but Elastic IPs")
	}
	var e *eniRecord
	var err error
	temporary := n.NetworkInterfaceId == ""
	if temporary {
		if e, err = t.newENI(n.eniSpec); err != nil {
			return err
		}
		if e.Tags, err = in.tagsFor(kindENI, kindInstance, kind{tagType: "volume"}); err != nil {
			return err
		}
	} else if e, err = find(kindENI, t.ENIs, n.NetworkInterfaceId); err != nil {
		return err
	} else if n.SubnetId != "" || len(n.SecurityGroupId) > 0 || n.PrivateIpAddress != "" || len(n.PrivateIpAddresses) > 0 || n.SecondaryPrivateIpAddressCount != 0 {
		return badCombination("A network interface may not specify both a network interface ID and a subnet, groups or addresses")
	}
	if n.device() == 0 {
		i.VPC, i.Subnet, i.Zone = e.VPC, e.Subnet, t.zoneOf(e)
	}
	deleteOnTermination := temporary
	if n.DeleteOnTermination != nil {
		deleteOnTermination = *n.DeleteOnTermination
	}
	return t.attach(e, i, n.device(), attached, deleteOnTermination)
}

type modifyMetadataOptionsInput struct {
	dryRun
	InstanceId string `form:",required"`
	metadataInput
}

type modifyMetadataOptionsOutput struct {
	response
	ID       string          `xml:"instanceId"`
	Metadata metadataOptions `xml:"instanceMetadataOptions"`
}

func modifyInstanceMetadataOptions(t *tx, in modifyMetadataOptionsInput) (*modifyMetadataOptionsOutput, error) {
	i, err := find(kindInstance, t.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if err := i.Metadata.change(in.metadataInput); err != nil {
		return nil, err
	}
	return &modifyMetadataOptionsOutput{ID: i.ID, Metadata: i.Metadata}, nil
}
