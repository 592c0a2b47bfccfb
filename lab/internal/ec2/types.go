package ec2

import (
	_ "embed"
	"encoding/csv"
	"strconv"
	"strings"
)

// instanceType is what the lab must know of a type.
type instanceType struct {
	VCPUs, Cores int
	MemoryMB     int // MiB
	// Cards are the numbers of network interfaces that each network card takes.
	Cards []int
	// Addresses is the number of private IPv4 addresses of an interface, the
	// primary included, and the number of IPv6 addresses. A delegated prefix
	// counts as one.
	Addresses int
	// TCPTimeout is how long an idle TCP connection is tracked, in seconds,
	// unless the interface says otherwise.
	TCPTimeout   int
	Performance  string // of the network, in AWS's words
	Manufacturer string // of the processor
	Current      bool
	// Nested says that a virtual instance of the type can run KVM guests.
	Nested bool
}

// instancesCSV holds facts of AWS's own DescribeInstanceTypes, as published in
// getmoto/moto (moto/ec2/resources/instance_types.json, Apache-2.0, August 2026).
//
//go:embed instancetypes.csv
var instancesCSV string

var instanceTypes = parseTypes(instancesCSV)

// parseTypes panics on data that is not as it is built in.
func parseTypes(text string) map[string]instanceType {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		panic(err)
	}
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		return n
	}
	all := map[string]instanceType{}
	for _, row := range rows[1:] {
		t := instanceType{VCPUs: number(row[1]), Cores: number(row[2]), MemoryMB: number(row[3]), Addresses: number(row[5]),
			TCPTimeout: number(row[6]), Performance: row[7], Manufacturer: row[8], Current: row[9] == "current", Nested: row[10] == "nested-virtualization"}
		for card := range strings.SplitSeq(row[4], "+") {
			t.Cards = append(t.Cards, number(card))
		}
		all[row[0]] = t
	}
	return all
}

// ENIs is the number of network interfaces of an instance of the type.
func (t instanceType) ENIs() int {
	n := 0
	for _, card := range t.Cards {
		n += card
	}
	return n
}

func isMetal(name string) bool { return strings.Contains(name, ".metal") }

// typeRecord is a type under its name.
type typeRecord struct {
	name string
	instanceType
}

func allTypes() []*typeRecord {
	var all []*typeRecord
	for _, name := range sortedKeys(instanceTypes) {
		all = append(all, &typeRecord{name, instanceTypes[name]})
	}
	return all
}

var selectTypes = selection[typeRecord]{
	kind: kind{name: "instance type", prefix: "type", malformed: "InvalidInstanceType"},
	id:   func(r *typeRecord) string { return r.name },
	values: func(r *typeRecord, name string) ([]string, bool) {
		switch name {
		case "instance-type":
			return one(r.name)
		case "bare-metal":
			return flag(isMetal(r.name))
		case "burstable-performance-supported":
			return flag(strings.HasPrefix(r.name, "t"))
		case "current-generation":
			return flag(r.Current)
		case "hypervisor":
			return one(r.hypervisor())
		case "memory-info.size-in-mib":
			return one(strconv.Itoa(r.MemoryMB))
		case "network-info.maximum-network-interfaces":
			return one(strconv.Itoa(r.ENIs()))
		case "network-info.maximum-network-cards":
			return one(strconv.Itoa(len(r.Cards)))
		case "network-info.ipv4-addresses-per-interface", "network-info.ipv6-addresses-per-interface":
			return one(strconv.Itoa(r.Addresses))
		case "network-info.ipv6-supported", "supported-in-region":
			return flag(true)
		case "processor-info.supported-architecture":
			return one("x86_64")
		case "processor-info.supported-features":
			return r.features(), true
		case "vcpu-info.default-vcpus":
			return one(strconv.Itoa(r.VCPUs))
		case "vcpu-info.default-cores":
			return one(strconv.Itoa(r.Cores))
		}
		return nil, false
	},
	minPage: 5, maxPage: 100, page: 100,
}

func (r *typeRecord) hypervisor() string {
	if isMetal(r.name) {
		return ""
	}
	return "nitro"
}

func (r *typeRecord) features() []string {
	if r.Nested {
		return []string{"nested-virtualization"}
	}
	return nil
}

type trackingDefaultsXML struct {
	TCP       int `xml:"defaultTcpEstablishedTimeout"`
	UDP       int `xml:"defaultUdpTimeout"`
	UDPStream int `xml:"defaultUdpStreamTimeout"`
}

type networkCardXML struct {
	Index       int    `xml:"networkCardIndex"`
	Performance string `xml:"networkPerformance"`
	ENIs        int    `xml:"maximumNetworkInterfaces"`
}

type networkInfoXML struct {
	Performance string              `xml:"networkPerformance"`
	ENIs        int                 `xml:"maximumNetworkInterfaces"`
	Cards       int                 `xml:"maximumNetworkCards"`
	DefaultCard int                 `xml:"defaultNetworkCardIndex"`
	NetworkCard set[networkCardXML] `xml:"networkCards"`
	IPv4        int                 `xml:"ipv4AddressesPerInterface"`
	IPv6        int                 `xml:"ipv6AddressesPerInterface"`
	IPv6Support bool                `xml:"ipv6Supported"`
	ENA         string              `xml:"enaSupport"`
	Tracking    trackingDefaultsXML `xml:"connectionTrackingConfiguration"`
}

type processorInfoXML struct {
	Architectures set[string] `xml:"supportedArchitectures"`
	Features      set[string] `xml:"supportedFeatures"`
	Manufacturer  string      `xml:"manufacturer"`
}

type typeXML struct {
	Name           string           `xml:"instanceType"`
	Current        bool             `xml:"currentGeneration"`
	InRegion       bool             `xml:"supportedInRegion"`
	Metal          bool             `xml:"bareMetal"`
	Burstable      bool             `xml:"burstablePerformanceSupported"`
	Hypervisor     string           `xml:"hypervisor,omitempty"`
	UsageClasses   set[string]      `xml:"supportedUsageClasses"`
	RootDevices    set[string]      `xml:"supportedRootDeviceTypes"`
	Virtualization set[string]      `xml:"supportedVirtualizationTypes"`
	Processor      processorInfoXML `xml:"processorInfo"`
	VCPUs          int              `xml:"vCpuInfo>defaultVCpus"`
	Cores          int              `xml:"vCpuInfo>defaultCores"`
	Threads        int              `xml:"vCpuInfo>defaultThreadsPerCore"`
	MemoryMB       int              `xml:"memoryInfo>sizeInMiB"`
	Network        networkInfoXML   `xml:"networkInfo"`
}

func (r *typeRecord) xml() typeXML {
	list := func(values ...string) set[string] { return set[string]{Items: values} }
	x := typeXML{Name: r.name, Current: r.Current, InRegion: true, Metal: isMetal(r.name), Burstable: strings.HasPrefix(r.name, "t"),
		Hypervisor: r.hypervisor(), UsageClasses: list("on-demand"), RootDevices: list("ebs"), Virtualization: list("hvm"),
		VCPUs: r.VCPUs, Cores: r.Cores, Threads: r.VCPUs / r.Cores, MemoryMB: r.MemoryMB,
		Processor: processorInfoXML{Architectures: list("x86_64"), Features: list(r.features()...), Manufacturer: r.Manufacturer},
		Network: networkInfoXML{Performance: r.Performance, ENIs: r.ENIs(), Cards: len(r.Cards), IPv4: r.Addresses, IPv6: r.Addresses,
			IPv6Support: true, ENA: "required", Tracking: trackingDefaultsXML{TCP: r.TCPTimeout, UDP: 30, UDPStream: 180}}}
	for i, n := range r.Cards {
		x.Network.NetworkCard.Items = append(x.Network.NetworkCard.Items, networkCardXML{i, r.Performance, n})
	}
	return x
}

type describeTypesInput struct {
	query
	InstanceType []string
}

type describeTypesOutput struct {
	response
	Types     set[typeXML] `xml:"instanceTypeSet"`
	NextToken string       `xml:"nextToken,omitempty"`
}

func describeInstanceTypes(_ *tx, in describeTypesInput) (*describeTypesOutput, error) {
	for _, name := range in.InstanceType {
		if _, known := instanceTypes[name]; !known {
			return nil, fail("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", name)
		}
	}
	types, next, err := choose(selectTypes, allTypes(), in.InstanceType, in.query)
	if err != nil {
		return nil, err
	}
	return &describeTypesOutput{Types: setOf(types, (*typeRecord).xml), NextToken: next}, nil
}
