package ec2

import (
	"strconv"
	"time"
)

// The states of an instance.
const (
	statePending      = "pending"
	stateRunning      = "running"
	stateShuttingDown = "shutting-down"
	stateTerminated   = "terminated"
	stateStopping     = "stopping"
	stateStopped      = "stopped"
)

var stateCodes = map[string]int{statePending: 0, stateRunning: 16, stateShuttingDown: 32, stateTerminated: 48, stateStopping: 64, stateStopped: 80}

type reasonXML struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

// The reasons of a state (EC2 API Reference, StateReason).
var (
	reasonUser       = reasonXML{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	reasonItself     = reasonXML{"Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown"}
	reasonLaunchFail = reasonXML{"Server.InternalError", "Server.InternalError: Internal error on launch"}
)

type metadataOptions struct {
	Tokens   string `xml:"httpTokens"` // required or optional
	HopLimit int    `xml:"httpPutResponseHopLimit"`
	Endpoint string `xml:"httpEndpoint"` // enabled or disabled
	Tags     string `xml:"instanceMetadataTags"`
	IPv6     string `xml:"httpProtocolIpv6"`
	State    string `xml:"state"`
}

type instanceRecord struct {
	ID          string
	Reservation string
	LaunchIndex int
	Image       string
	Type        string
	KeyName     string
	// PublicKey outlives the key pair it came from.
	PublicKey string
	UserData  []byte
	VPC       string
	Subnet    string
	Zone      string
	State     string
	Reason    reasonXML
	Launched  time.Time
	Ended     time.Time // when it was terminated
	Token     string
	Metadata  metadataOptions
	// Made says that the machine exists: it is started, not launched.
	Made bool
	// Reboot says that a reboot was asked for and has not been done.
	Reboot              bool
	TerminateOnShutdown bool
	Protected           bool // from TerminateInstances
	StopProtected       bool // from StopInstances
	EBSOptimized        bool
	Nested              bool
	Profile             profileRecord
	tagHolder
}

type stateXML struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

func newStateXML(name string) stateXML { return stateXML{stateCodes[name], name} }

type placementXML struct {
	Zone    string `xml:"availabilityZone"`
	ZoneID  string `xml:"availabilityZoneId"`
	Group   string `xml:"groupName"`
	Tenancy string `xml:"tenancy"`
}

// blockDeviceXML is a volume as an instance has it.
type blockDeviceXML struct {
	Device              string `xml:"deviceName"`
	Volume              string `xml:"ebs>volumeId"`
	Status              string `xml:"ebs>status"`
	At                  string `xml:"ebs>attachTime"`
	DeleteOnTermination bool   `xml:"ebs>deleteOnTermination"`
}

type cpuOptionsXML struct {
	Cores   int    `xml:"coreCount"`
	Threads int    `xml:"threadsPerCore"`
	Nested  string `xml:"nestedVirtualization,omitempty"`
}

type instanceXML struct {
	ID              string              `xml:"instanceId"`
	Image           string              `xml:"imageId"`
	State           stateXML            `xml:"instanceState"`
	PrivateDNS      string              `xml:"privateDnsName"`
	PublicDNS       string              `xml:"dnsName"`
	Reason          string              `xml:"reason"`
	KeyName         string              `xml:"keyName,omitempty"`
	LaunchIndex     int                 `xml:"amiLaunchIndex"`
	Type            string              `xml:"instanceType"`
	Launched        string              `xml:"launchTime"`
	Placement       placementXML        `xml:"placement"`
	Monitoring      string              `xml:"monitoring>state"`
	Subnet          string              `xml:"subnetId,omitempty"`
	VPC             string              `xml:"vpcId,omitempty"`
	Address         string              `xml:"privateIpAddress,omitempty"`
	Public          string              `xml:"ipAddress,omitempty"`
	IPv6            string              `xml:"ipv6Address,omitempty"`
	SourceDestCheck *bool               `xml:"sourceDestCheck"`
	Groups          set[groupRefXML]    `xml:"groupSet"`
	StateReason     *reasonXML          `xml:"stateReason"`
	Architecture    string              `xml:"architecture"`
	RootType        string              `xml:"rootDeviceType"`
	RootName        string              `xml:"rootDeviceName"`
	Devices         set[blockDeviceXML] `xml:"blockDeviceMapping"`
	Profile         *profileXML         `xml:"iamInstanceProfile"`
	Virtualization  string              `xml:"virtualizationType"`
	Hypervisor      string              `xml:"hypervisor"`
	Token           string              `xml:"clientToken"`
	Tags            set[tagXML]         `xml:"tagSet"`
	Interfaces      set[eniXML]         `xml:"networkInterfaceSet"`
	EBSOptimized    bool                `xml:"ebsOptimized"`
	ENA             bool                `xml:"enaSupport"`
	CPU             cpuOptionsXML       `xml:"cpuOptions"`
	Metadata        metadataOptions     `xml:"metadataOptions"`
	Platform        string              `xml:"platformDetails"`
	Usage           string              `xml:"usageOperation"`
}

func (t *tx) instanceXML(i *instanceRecord) instanceXML {
	x := instanceXML{ID: i.ID, Image: i.Image, State: newStateXML(i.State), KeyName: i.KeyName, LaunchIndex: i.LaunchIndex,
		Type: i.Type, Launched: timestamp(i.Launched), Monitoring: "disabled", Token: i.Token, Tags: i.Tags.xml(),
		Placement:    placementXML{i.Zone, t.cfg.zoneID(i.Zone), "", "default"},
		Architecture: "x86_64", RootType: "ebs", RootName: rootDevice, Virtualization: "hvm", Hypervisor: "xen", ENA: true,
		CPU: cpuOptions(i), Metadata: i.Metadata, Platform: "Linux/UNIX", Usage: "RunInstances",
		EBSOptimized: i.EBSOptimized, Profile: i.Profile.xml(), Devices: setOf(t.volumesOf(i.ID), (*volumeRecord).deviceXML)}
	if i.Reason.Code != "" {
		x.StateReason, x.Reason = &i.Reason, i.Reason.Message
	}
	enis := t.enisOf(i.ID)
	x.Interfaces = setOf(enis, t.eniXML)
	if i.State == stateTerminated || len(enis) == 0 {
		return x
	}
	e := enis[0]
	x.Subnet, x.VPC, x.Address, x.SourceDestCheck = e.Subnet, e.VPC, e.primary().String(), &e.SourceDestCheck
	x.Groups, x.PrivateDNS = setOf(e.Groups, t.groupRef), t.cfg.privateDNS(e.primary())
	if len(e.IPv6) > 0 {
		x.IPv6 = e.IPv6[0].String()
	}
	if public, _ := t.publicOn(e, e.primary()); public.IsValid() {
		x.Public = public.String()
		if t.dnsHostnames(e.VPC) {
			x.PublicDNS = t.cfg.publicDNS(public)
		}
	}
	return x
}

type reservationXML struct {
	ID        string           `xml:"reservationId"`
	Owner     string           `xml:"ownerId"`
	Groups    set[groupRefXML] `xml:"groupSet"`
	Instances set[instanceXML] `xml:"instancesSet"`
}

// reservations puts together the instances of one launch.
func (t *tx) reservations(instances []*instanceRecord) set[reservationXML] {
	var all set[reservationXML]
	place := map[string]int{}
	for _, i := range instances {
		at, seen := place[i.Reservation]
		if !seen {
			at = len(all.Items)
			place[i.Reservation] = at
			all.Items = append(all.Items, reservationXML{ID: i.Reservation, Owner: t.cfg.Account})
		}
		all.Items[at].Instances.Items = append(all.Items[at].Instances.Items, t.instanceXML(i))
	}
	return all
}

func (t *tx) selectInstances() selection[instanceRecord] {
	return selection[instanceRecord]{
		kind:   kindInstance,
		id:     func(i *instanceRecord) string { return i.ID },
		tags:   func(i *instanceRecord) tags { return i.Tags },
		values: t.instanceValues,
	}
}

type describeInstancesInput struct {
	query
	InstanceId []string
}

type describeInstancesOutput struct {
	response
	Reservations set[reservationXML] `xml:"reservationSet"`
	NextToken    string              `xml:"nextToken,omitempty"`
}

func describeInstances(t *tx, in describeInstancesInput) (*describeInstancesOutput, error) {
	instances, next, err := choose(t.selectInstances(), byID(t.Instances), in.InstanceId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeInstancesOutput{Reservations: t.reservations(instances), NextToken: next}, nil
}

func (t *tx) instanceValues(i *instanceRecord, name string) (values []string, ok bool) {
	nics := func(value func(*eniRecord) string) ([]string, bool) { return mapped(t.enisOf(i.ID), value), true }
	switch name {
	case "instance-id":
		return one(i.ID)
	case "image-id":
		return one(i.Image)
	case "instance-type":
		return one(i.Type)
	case "instance-state-name":
		return one(i.State)
	case "instance-state-code":
		return one(strconv.Itoa(stateCodes[i.State]))
	case "key-name":
		return one(i.KeyName)
	case "vpc-id", "network-interface.vpc-id":
		return one(i.VPC)
	case "subnet-id":
		return one(i.Subnet)
	case "availability-zone":
		return one(i.Zone)
	case "reservation-id":
		return one(i.Reservation)
	case "client-token":
		return one(i.Token)
	case "owner-id":
		return one(t.cfg.Account)
	case "architecture":
		return one("x86_64")
	case "private-ip-address":
		return one(t.instanceXML(i).Address)
	case "ip-address":
		return one(t.instanceXML(i).Public)
	case "private-dns-name":
		return one(t.instanceXML(i).PrivateDNS)
	case "dns-name":
		return one(t.instanceXML(i).PublicDNS)
	case "launch-time":
		return one(timestamp(i.Launched))
	case "launch-index":
		return one(strconv.Itoa(i.LaunchIndex))
	case "reason":
		return one(i.Reason.Message)
	case "state-reason-code":
		return one(i.Reason.Code)
	case "state-reason-message":
		return one(i.Reason.Message)
	case "root-device-type":
		return one("ebs")
	case "root-device-name", "block-device-mapping.device-name":
		return one(rootDevice)
	case "block-device-mapping.volume-id":
		return mapped(t.volumesOf(i.ID), func(v *volumeRecord) string { return v.ID }), true
	case "iam-instance-profile.arn":
		return one(i.Profile.ARN)
	case "iam-instance-profile.id":
		return one(i.Profile.ID)
	case "tenancy":
		return one("default")
	case "instance.group-id":
		return mapped(t.instanceXML(i).Groups.Items, func(g groupRefXML) string { return g.ID }), true
	case "instance.group-name":
		return mapped(t.instanceXML(i).Groups.Items, func(g groupRefXML) string { return g.Name }), true
	case "network-interface.network-interface-id":
		return nics(func(e *eniRecord) string { return e.ID })
	case "network-interface.availability-zone":
		return nics(t.zoneOf)
	case "network-interface.group-id":
		var all []string
		for _, e := range t.enisOf(i.ID) {
			all = append(all, e.Groups...)
		}
		return all, true
	case "network-interface.ipv6-addresses.ipv6-address":
		var all []string
		for _, e := range t.enisOf(i.ID) {
			all = append(all, texts(e.IPv6)...)
		}
		return all, true
	case "network-interface.subnet-id":
		return nics(func(e *eniRecord) string { return e.Subnet })
	case "network-interface.addresses.private-ip-address":
		var all []string
		for _, e := range t.enisOf(i.ID) {
			for _, a := range e.Addresses {
				all = append(all, a.String())
			}
		}
		return all, true
	}
	return nil, false
}
