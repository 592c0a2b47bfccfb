// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"encoding/base64"
	"maps"
	"reflect"
	"slices"

	"macaw.example/lab/internal/instancetypes"
)

// maxUserData is in bytes, before base64 (EC2 User Guide, user-data).
const maxUserData = 16 << 10

type nicInput struct {
	DeviceIndex         *int
	NetworkCardIndex    int
	NetworkInterfaceId  string
	DeleteOnTermination *bool
	eniSpec
	AssociatePublicIpAddress *bool
}

type metadataInput struct {
	HttpTokens              string
	HttpPutResponseHopLimit int
	HttpEndpoint            string
	HttpProtocolIpv6        string
	InstanceMetadataTags    string
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
	Ipv6Address                       []address6Input
	Ipv6AddressCount                  *int
	SecurityGroupId                   []string
	NetworkInterface                  []nicInput
	IamInstanceProfile                profileInput
	MetadataOptions                   metadataInput
	InstanceInitiatedShutdownBehavior string
	DisableApiTermination             bool
	DisableApiStop                    bool
	EbsOptimized                      bool
	BlockDeviceMapping                []blockDevice
	CpuOptions                        cpuOptionsInput
	Placement                         struct{ AvailabilityZone, Tenancy string }
	Monitoring                        struct{ Enabled bool }
	PrivateDnsNameOptions             dnsNameOptionsInput
	CreditSpecification               creditInput
	InstanceMarketOptions             marketInput
	launchDefaultsInput
}

type runInstancesOutput struct {
	response
	reservationXML
}

// runInstances creates the records; the machines are launched afterwards.
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
	return &runInstancesOutput{reservationXML: t.reservation(instances...)}, nil
}

// launchTemplate checks what all instances of a launch share.
func (t *tx) launchTemplate(in runInstancesInput, reservation string) (*instanceRecord, error) {
	i := &instanceRecord{
		Reservation: reservation, Image: in.ImageId, Type: cmp.Or(in.InstanceType, "t3.micro"), KeyName: in.KeyName,
		State: statePending, Launched: t.now, Created: t.now, Token: in.ClientToken,
		Protected: in.DisableApiTermination, StopProtected: in.DisableApiStop,
		EBSOptimized: in.EbsOptimized, Monitored: in.Monitoring.Enabled,
	}
	if err := i.onShutdown(cmp.Or(in.InstanceInitiatedShutdownBehavior, shutdownStop)); err != nil {
		return nil, err
	}
	if in.MinCount < 1 || in.MaxCount < in.MinCount {
		return nil, invalidParameter("Invalid value '%d' for min/max count", in.MinCount)
	}
	named := slices.ContainsFunc(in.NetworkInterface, func(n nicInput) bool {
		return n.NetworkInterfaceId != "" || n.PrivateIpAddress != ""
	})
	if in.MaxCount > 1 && (named || in.PrivateIpAddress != "" || len(in.Ipv6Address) > 0) {
		return nil, badCombination("Network interfaces and private addresses can be named for one instance only")
	}
	if err := t.launchable(in.ImageId); err != nil {
		return nil, err
	}
	limits, ok := instancetypes.All()[i.Type]
	if !ok {
		return nil, invalidParameter("Invalid value '%s' for InstanceType.", i.Type)
	}
	if err := fitsImage(limits); err != nil {
		return nil, err
	}
	if err := in.InstanceMarketOptions.apply(i, limits); err != nil {
		return nil, err
	}
	if in.KeyName != "" {
		k, ok := t.KeyPairs[in.KeyName]
		if !ok {
			return nil, kindKeyPair.missing(in.KeyName)
		}
		i.PublicKey = k.Public
	}
	var err error
	if i.UserData, err = parseUserData(in.UserData); err != nil {
		return nil, err
	}
	if err := i.changeCPU(in.CpuOptions); err != nil {
		return nil, err
	}
	if err := i.changeCredits(in.CreditSpecification); err != nil {
		return nil, err
	}
	if err := in.launchDefaultsInput.check(); err != nil {
		return nil, err
	}
	if i.Profile, err = in.IamInstanceProfile.find(t); err != nil {
		return nil, err
	}
	if in.Placement.Tenancy != "" && in.Placement.Tenancy != "default" {
		return nil, fail("InvalidTenancy", "The lab has only the tenancy 'default'")
	}
	i.Metadata = metadataOptions{Tokens: "required", HopLimit: 2, Endpoint: "enabled", Tags: "disabled",
		IPv6: "disabled", State: "applied"}
	if err := i.Metadata.change(in.MetadataOptions); err != nil {
		return nil, err
	}
	if err := t.permitted(i); err != nil {
		return nil, err
	}
	i.Tags, err = in.tagsFor(kindInstance, kindENI, kindVolume)
	return i, err
}

// parseUserData decodes user data from base64.
func parseUserData(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, invalidParameter("Invalid BASE64 encoding of user data.")
	}
	if len(data) > maxUserData {
		return nil, invalidParameter("User data is limited to %d bytes", maxUserData)
	}
	return data, nil
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

// launch creates one instance with its interfaces and its root volume.
func (t *tx) launch(in runInstancesInput, i instanceRecord, index int) error {
	i.ID, i.LaunchIndex = kindInstance.newID(), index
	i.Tags = maps.Clone(i.Tags)
	if i.Profile.ARN != "" {
		i.Profile.Association = newID(kindProfileAssoc.prefix)
	}
	nics, err := in.nics()
	if err != nil {
		return err
	}
	for n := range nics {
		if nics[n].NetworkInterfaceId == "" && nics[n].SubnetId == "" {
			if nics[n].SubnetId, err = t.launchSubnet(in.Placement.AvailabilityZone); err != nil {
				return err
			}
		}
	}
	t.Instances[i.ID] = &i
	for _, n := range nics {
		if err := t.launchNIC(in, &i, n); err != nil {
			return err
		}
	}
	if zone := in.Placement.AvailabilityZone; zone != "" && zone != i.Zone {
		return invalidParameter("The availability zone '%s' is not that of the subnet, '%s'", zone, i.Zone)
	}
	if !t.cfg.offers(i.Zone, i.Type) {
		return t.notOffered(i.Zone, i.Type)
	}
	if err := t.roomFor(&i); err != nil {
		return err
	}
	v, err := t.newVolume(&i, in.BlockDeviceMapping)
	if err != nil {
		return err
	}
	if v.Tags, err = in.tagsFor(kindVolume, kindENI, kindInstance); err != nil {
		return err
	}
	return t.mapPublic(&i)
}

// nics returns the interfaces in the request, the primary first. Without a list,
// top-level parameters describe the only one.
func (in runInstancesInput) nics() ([]nicInput, error) {
	only := eniSpec{SubnetId: in.SubnetId, PrivateIpAddress: in.PrivateIpAddress, SecurityGroupId: in.SecurityGroupId,
		Ipv6Addresses: in.Ipv6Address, Ipv6AddressCount: in.Ipv6AddressCount}
	if len(in.NetworkInterface) == 0 {
		return []nicInput{{eniSpec: only}}, nil
	}
	if !only.empty() {
		return nil, badCombination("Network interfaces and an instance-level subnet ID or security groups " +
			"may not be specified on the same request")
	}
	nics := slices.Clone(in.NetworkInterface)
	slices.SortFunc(nics, func(a, b nicInput) int {
		return cmp.Or(a.NetworkCardIndex-b.NetworkCardIndex, orZero(a.DeviceIndex)-orZero(b.DeviceIndex))
	})
	if orZero(nics[0].DeviceIndex) != 0 || nics[0].NetworkCardIndex != 0 {
		return nil, invalidParameter("A network interface at device index 0 is required")
	}
	for _, n := range nics {
		switch public := n.AssociatePublicIpAddress; {
		case public == nil || !*public:
		case len(nics) > 1:
			return nil, badCombination("The associatePublicIPAddress parameter cannot be specified " +
				"when launching with multiple network interfaces.")
		case n.NetworkInterfaceId != "":
			return nil, badCombination("The associatePublicIPAddress parameter cannot be specified with a network interface ID")
		}
	}
	return nics, nil
}

// empty reports whether no parameter of the interface is set.
func (in eniSpec) empty() bool { return reflect.ValueOf(in).IsZero() }

// launchNIC attaches an existing interface, or creates one, which by default is deleted
// with the instance (EC2 API Reference, InstanceNetworkInterfaceSpecification).
func (t *tx) launchNIC(in runInstancesInput, i *instanceRecord, n nicInput) error {
	temporary := n.NetworkInterfaceId == ""
	nic := t.existingNIC
	if temporary {
		nic = t.newNIC
	}
	e, err := nic(in, n)
	if err != nil {
		return err
	}
	if i.VPC == "" { // the primary one, which comes first
		i.VPC, i.Subnet, i.Zone = e.VPC, e.Subnet, t.zoneOf(e)
		i.DNSNames = t.Subnets[e.Subnet].DNSNames
		names := in.PrivateDnsNameOptions
		err := i.DNSNames.change(names.HostnameType, names.EnableResourceNameDnsARecord,
			names.EnableResourceNameDnsAAAARecord)
		if err != nil {
			return err
		}
	}
	deleteOnTermination := temporary
	if n.DeleteOnTermination != nil {
		deleteOnTermination = *n.DeleteOnTermination
	}
	return t.attach(e, i, attachmentRecord{DeviceIndex: orZero(n.DeviceIndex), Card: n.NetworkCardIndex, Status: attached,
		DeleteOnTermination: deleteOnTermination})
}

func (t *tx) existingNIC(_ runInstancesInput, n nicInput) (*eniRecord, error) {
	e, err := t.ownENI(n.NetworkInterfaceId)
	if err == nil && !n.eniSpec.empty() {
		err = badCombination("A network interface may not specify both a network interface ID " +
			"and a subnet, groups or addresses")
	}
	return e, err
}

func (t *tx) newNIC(in runInstancesInput, n nicInput) (*eniRecord, error) {
	e, err := t.newENI(n.eniSpec)
	if err != nil {
		return nil, err
	}
	if e.Tags, err = in.tagsFor(kindENI, kindInstance, kindVolume); err != nil {
		return nil, err
	}
	e.MapPublic = t.Subnets[e.Subnet].MapPublicIP
	if n.AssociatePublicIpAddress != nil {
		e.MapPublic = *n.AssociatePublicIpAddress
	}
	return e, nil
}

type modifyMetadataOptionsInput struct {
	dryRun
	Instance *instanceRecord `form:"InstanceId,required"`
	metadataInput
}

type modifyMetadataOptionsOutput struct {
	response
	ID       string          `xml:"instanceId"`
	Metadata metadataOptions `xml:"instanceMetadataOptions"`
}

func modifyInstanceMetadataOptions(_ *tx, in modifyMetadataOptionsInput) (*modifyMetadataOptionsOutput, error) {
	i := in.Instance
	if err := i.Metadata.change(in.metadataInput); err != nil {
		return nil, err
	}
	return &modifyMetadataOptionsOutput{ID: i.ID, Metadata: i.Metadata}, nil
}
