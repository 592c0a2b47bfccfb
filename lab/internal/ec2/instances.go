// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"time"

	"macaw.example/lab/internal/ec2query"
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

var stateCodes = map[string]int{statePending: 0, stateRunning: 16, stateShuttingDown: 32, stateTerminated: 48,
	stateStopping: 64, stateStopped: 80}

type reasonXML struct {
	Code    string `xml:"code" filter:"state-reason-code"`
	Message string `xml:"message" filter:"state-reason-message"`
}

// Reasons of state changes (EC2 API Reference, StateReason).
var (
	reasonUser   = reasonXML{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	reasonItself = reasonXML{"Client.InstanceInitiatedShutdown",
		"Client.InstanceInitiatedShutdown: Instance initiated shutdown"}
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
	Created   time.Time // when it was launched first
	Ended     time.Time // when it was terminated
	Token     string
	Metadata  metadataOptions
	// Made is set if the machine exists: it is then started, not launched.
	Made bool
	// Reboot is set while a requested reboot is outstanding.
	Reboot              bool
	TerminateOnShutdown bool
	Protected           bool // against TerminateInstances
	StopProtected       bool // against StopInstances
	EBSOptimized        bool
	Nested              bool
	Profile             profileRecord
	DNSNames            dnsNameOptions
	Monitored           bool
	Credits             string // standard or unlimited, of a burstable type
	Spot                bool
	SpotRequest         string // ID of the request that it fulfils
	Notices             spotNotices
	tagHolder
}

type stateXML struct {
	Code int    `xml:"code" filter:"instance-state-code"`
	Name string `xml:"name" filter:"instance-state-name"`
}

func newStateXML(name string) stateXML { return stateXML{stateCodes[name], name} }

type placementXML struct {
	Zone    string `xml:"availabilityZone" filter:"availability-zone"`
	ZoneID  string `xml:"availabilityZoneId"`
	Group   string `xml:"groupName"`
	Tenancy string `xml:"tenancy" filter:"tenancy"`
}

// blockDeviceXML is a volume in the description of its instance.
type blockDeviceXML struct {
	Device              string `xml:"deviceName" filter:"device-name"`
	Volume              string `xml:"ebs>volumeId" filter:"volume-id"`
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
	ID                  string              `xml:"instanceId" filter:"instance-id"`
	Image               string              `xml:"imageId" filter:"image-id"`
	State               stateXML            `xml:"instanceState" filter:""`
	PrivateDNS          string              `xml:"privateDnsName" filter:"private-dns-name"`
	PublicDNS           string              `xml:"dnsName" filter:"dns-name"`
	Reason              string              `xml:"reason" filter:"reason"`
	KeyName             string              `xml:"keyName,omitempty" filter:"key-name"`
	LaunchIndex         int                 `xml:"amiLaunchIndex" filter:"launch-index"`
	Type                string              `xml:"instanceType" filter:"instance-type"`
	Launched            string              `xml:"launchTime" filter:"launch-time"`
	Placement           placementXML        `xml:"placement" filter:""`
	Monitoring          string              `xml:"monitoring>state" filter:"monitoring-state"`
	Subnet              string              `xml:"subnetId,omitempty" filter:"subnet-id"`
	VPC                 string              `xml:"vpcId,omitempty" filter:"vpc-id"`
	Address             string              `xml:"privateIpAddress,omitempty" filter:"private-ip-address"`
	Public              string              `xml:"ipAddress,omitempty" filter:"ip-address"`
	IPv6                string              `xml:"ipv6Address,omitempty"`
	SourceDestCheck     *bool               `xml:"sourceDestCheck"`
	Groups              set[groupRefXML]    `xml:"groupSet" filter:"instance"`
	StateReason         *reasonXML          `xml:"stateReason" filter:""`
	Architecture        string              `xml:"architecture" filter:"architecture"`
	RootType            string              `xml:"rootDeviceType" filter:"root-device-type"`
	RootName            string              `xml:"rootDeviceName" filter:"root-device-name"`
	Devices             set[blockDeviceXML] `xml:"blockDeviceMapping" filter:"block-device-mapping"`
	Profile             *profileXML         `xml:"iamInstanceProfile" filter:"iam-instance-profile"`
	Virtualization      string              `xml:"virtualizationType"`
	Hypervisor          string              `xml:"hypervisor"`
	Lifecycle           string              `xml:"instanceLifecycle,omitempty" filter:"instance-lifecycle"`
	SpotRequest         string              `xml:"spotInstanceRequestId,omitempty" filter:"spot-instance-request-id"`
	Token               string              `xml:"clientToken" filter:"client-token"`
	Tags                set[tagXML]         `xml:"tagSet" filter:""`
	Interfaces          set[instanceENIXML] `xml:"networkInterfaceSet"`
	EBSOptimized        bool                `xml:"ebsOptimized"`
	ENA                 bool                `xml:"enaSupport"`
	CPU                 cpuOptionsXML       `xml:"cpuOptions"`
	Metadata            metadataOptions     `xml:"metadataOptions"`
	Platform            string              `xml:"platformDetails" filter:"platform-details"`
	Usage               string              `xml:"usageOperation" filter:"usage-operation"`
	instanceDefaultsXML `filter:""`
	DNSNames            *dnsNameOptionsXML `xml:"privateDnsNameOptions" filter:"private-dns-name-options"`
	// FilteredENIs are for filters, which know more of an interface than an answer shows.
	FilteredENIs set[eniXML] `xml:"-" filter:"network-interface"`
}

type operatorXML struct {
	Managed bool `xml:"managed" filter:"managed"`
}

type noProductCode struct {
	ID   string `xml:"productCode" filter:"product-code"`
	Type string `xml:"type" filter:"product-code.type"`
}

// instanceDefaultsXML are options that the lab's instances have in their default state
// only.
type instanceDefaultsXML struct {
	ProductCodes    set[noProductCode] `xml:"productCodes" filter:""`
	UsageSince      string             `xml:"usageOperationUpdateTime" filter:"usage-operation-update-time"`
	Reservation     string             `xml:"capacityReservationSpecification>capacityReservationPreference"`
	Hibernation     bool               `xml:"hibernationOptions>configured" filter:"hibernation-options.configured"`
	Enclave         bool               `xml:"enclaveOptions>enabled"`
	AutoRecovery    string             `xml:"maintenanceOptions>autoRecovery" filter:"maintenance-options.auto-recovery"`
	RebootMigration string             `xml:"maintenanceOptions>rebootMigration"`
	BootMode        string             `xml:"currentInstanceBootMode" filter:"current-instance-boot-mode"`
	Bandwidth       string             `xml:"networkPerformanceOptions>bandwidthWeighting"`
	Operator        operatorXML        `xml:"operator" filter:"operator"`
}

// defaults are an instance's; the boot mode is that of an image that names none (EC2 User
// Guide, ami-boot).
func (i *instanceRecord) defaults() instanceDefaultsXML {
	created := i.Created
	if created.IsZero() { // recorded by an older version
		created = i.Launched
	}
	return instanceDefaultsXML{UsageSince: timestamp(created), Reservation: "open", AutoRecovery: "default",
		RebootMigration: "default", BootMode: "legacy-bios", Bandwidth: "default"}
}

func (t *tx) instanceXML(i *instanceRecord) instanceXML {
	x := instanceXML{ID: i.ID, Image: i.Image, State: newStateXML(i.State), KeyName: i.KeyName, LaunchIndex: i.LaunchIndex,
		Type: i.Type, Launched: timestamp(i.Launched), Monitoring: i.monitoring(), Token: i.Token, Tags: i.Tags.xml(),
		Placement:    placementXML{i.Zone, t.cfg.zoneID(i.Zone), "", "default"},
		Architecture: architecture, RootType: "ebs", RootName: rootDevice, Virtualization: "hvm", Hypervisor: "xen",
		ENA: true,
		CPU: cpuOptions(i), Metadata: i.Metadata, Platform: "Linux/UNIX", Usage: "RunInstances",
		instanceDefaultsXML: i.defaults(), EBSOptimized: i.EBSOptimized, Profile: i.Profile.xml(),
		Devices: ec2query.SetOf(t.volumesOf(i.ID), (*volumeRecord).deviceXML)}
	if i.Spot {
		x.Lifecycle, x.SpotRequest = lifecycleSpot, i.SpotRequest
	}
	if i.Reason.Code != "" {
		x.StateReason, x.Reason = &i.Reason, i.Reason.Message
	}
	enis := t.enisOf(i.ID)
	x.FilteredENIs = ec2query.SetOf(enis, t.eniXML)
	x.Interfaces = ec2query.SetOf(x.FilteredENIs.Items, eniXML.ofInstance)
	if i.State == stateTerminated || len(enis) == 0 {
		return x
	}
	e := enis[0]
	x.Subnet, x.VPC, x.Address, x.SourceDestCheck = e.Subnet, e.VPC, e.primary().String(), &e.SourceDestCheck
	x.Groups, x.PrivateDNS = ec2query.SetOf(e.Groups, t.groupRef), t.hostnameOf(e)+"."+t.cfg.dnsDomain()
	names := i.DNSNames.xml()
	x.DNSNames = &names
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
	ID        string           `xml:"reservationId" filter:"reservation-id"`
	Owner     string           `xml:"ownerId" filter:"owner-id"`
	Groups    set[groupRefXML] `xml:"groupSet"`
	Instances set[instanceXML] `xml:"instancesSet" filter:""`
}

// reservation describes the instances of one launch.
func (t *tx) reservation(instances ...*instanceRecord) reservationXML {
	return reservationXML{ID: instances[0].Reservation, Owner: t.cfg.Account,
		Instances: ec2query.SetOf(instances, t.instanceXML)}
}

// joinReservations groups instances by launch.
func joinReservations(alone []reservationXML) set[reservationXML] {
	var all set[reservationXML]
	place := map[string]int{}
	for _, r := range alone {
		at, ok := place[r.ID]
		if !ok {
			place[r.ID] = len(all.Items)
			all.Items = append(all.Items, r)
			continue
		}
		joined := &all.Items[at].Instances
		joined.Items = append(joined.Items, r.Instances.Items...)
	}
	return all
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
	var all []item[reservationXML]
	for _, i := range byID(t.Instances) {
		all = append(all, item[reservationXML]{i.ID, t.reservation(i)})
	}
	page, next, err := choose(kindInstance, all, in.InstanceId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeInstancesOutput{Reservations: joinReservations(page.Items), NextToken: next}, nil
}
