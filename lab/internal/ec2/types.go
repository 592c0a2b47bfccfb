// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	_ "embed"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
)

// instanceType holds the properties of a type that the lab uses.
type instanceType struct {
	VCPUs, Cores int
	MemoryMB     int // MiB
	// Cards holds the maximum of network interfaces of each network card.
	Cards []int
	// Addresses is the maximum of private IPv4 addresses of an interface, including the
	// primary, and also that of IPv6 addresses. A delegated prefix counts as one.
	Addresses int
	// TCPTimeout is the idle timeout of tracked TCP connections, in seconds, unless the
	// interface sets its own.
	TCPTimeout   int
	Performance  string // of the network, in AWS's words
	Manufacturer string // of the processor
	Current      bool
	// Nested is set if a virtual instance of the type can run KVM guests.
	Nested bool
}

// instancesCSV holds facts of AWS's own DescribeInstanceTypes, as published in
// getmoto/moto (moto/ec2/resources/instance_types.json, Apache-2.0, August 2026).
//
//go:embed instancetypes.csv
var instancesCSV string

var instanceTypes = parseTypes(instancesCSV)

// parseTypes panics on malformed data: it is embedded.
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
		t := instanceType{
			VCPUs: number(row[1]), Cores: number(row[2]), MemoryMB: number(row[3]), Addresses: number(row[5]),
			TCPTimeout: number(row[6]), Performance: row[7], Manufacturer: row[8],
			Current: row[9] == "current", Nested: row[10] == "nested-virtualization",
		}
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
	ENIs        int                 `xml:"maximumNetworkInterfaces" filter:"maximum-network-interfaces"`
	Cards       int                 `xml:"maximumNetworkCards" filter:"maximum-network-cards"`
	DefaultCard int                 `xml:"defaultNetworkCardIndex"`
	NetworkCard set[networkCardXML] `xml:"networkCards"`
	IPv4        int                 `xml:"ipv4AddressesPerInterface" filter:"ipv4-addresses-per-interface"`
	IPv6        int                 `xml:"ipv6AddressesPerInterface" filter:"ipv6-addresses-per-interface"`
	IPv6Support bool                `xml:"ipv6Supported" filter:"ipv6-supported"`
	ENA         string              `xml:"enaSupport"`
	Tracking    trackingDefaultsXML `xml:"connectionTrackingConfiguration"`
}

type processorInfoXML struct {
	Architectures set[string] `xml:"supportedArchitectures" filter:"supported-architecture"`
	Features      set[string] `xml:"supportedFeatures" filter:"supported-features"`
	Manufacturer  string      `xml:"manufacturer"`
}

type typeXML struct {
	Name           string           `xml:"instanceType" filter:"instance-type"`
	Current        bool             `xml:"currentGeneration" filter:"current-generation"`
	FreeTier       bool             `xml:"freeTierEligible" filter:"free-tier-eligible"`
	InRegion       bool             `xml:"supportedInRegion" filter:"supported-in-region"`
	Metal          bool             `xml:"bareMetal" filter:"bare-metal"`
	Burstable      bool             `xml:"burstablePerformanceSupported" filter:"burstable-performance-supported"`
	Hypervisor     string           `xml:"hypervisor,omitempty" filter:"hypervisor"`
	UsageClasses   set[string]      `xml:"supportedUsageClasses"`
	RootDevices    set[string]      `xml:"supportedRootDeviceTypes"`
	Virtualization set[string]      `xml:"supportedVirtualizationTypes"`
	Processor      processorInfoXML `xml:"processorInfo" filter:"processor-info"`
	VCPUs          int              `xml:"vCpuInfo>defaultVCpus" filter:"vcpu-info.default-vcpus"`
	Cores          int              `xml:"vCpuInfo>defaultCores" filter:"vcpu-info.default-cores"`
	Threads        int              `xml:"vCpuInfo>defaultThreadsPerCore"`
	MemoryMB       int              `xml:"memoryInfo>sizeInMiB" filter:"memory-info.size-in-mib"`
	Network        networkInfoXML   `xml:"networkInfo" filter:"network-info"`
}

func (r instanceType) xml(name string) typeXML {
	list := func(values ...string) set[string] { return set[string]{Items: values} }
	x := typeXML{Name: name, Current: r.Current, FreeTier: slices.Contains(freeTier, name), InRegion: true,
		Metal:     isMetal(name),
		Burstable: strings.HasPrefix(name, "t"), Hypervisor: "nitro",
		UsageClasses: list("on-demand"), RootDevices: list("ebs"), Virtualization: list("hvm"),
		VCPUs: r.VCPUs, Cores: r.Cores, Threads: r.VCPUs / r.Cores, MemoryMB: r.MemoryMB,
		Processor: processorInfoXML{Architectures: list("x86_64"), Manufacturer: r.Manufacturer},
		Network: networkInfoXML{Performance: r.Performance, ENIs: r.ENIs(), Cards: len(r.Cards),
			IPv4: r.Addresses, IPv6: r.Addresses, IPv6Support: true, ENA: "required",
			Tracking: trackingDefaultsXML{TCP: r.TCPTimeout, UDP: 30, UDPStream: 180}}}
	if x.Metal {
		x.Hypervisor = ""
	}
	if r.Nested {
		x.Processor.Features = list("nested-virtualization")
	}
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
		if _, ok := instanceTypes[name]; !ok {
			return nil, fail("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", name)
		}
	}
	var all []item[typeXML]
	for _, name := range sortedKeys(instanceTypes) {
		all = append(all, item[typeXML]{name, instanceTypes[name].xml(name)})
	}
	page, next, err := choose(kind{name: "instance type", prefix: "type"}, all, in.InstanceType, in.query,
		pages{most: 100, usual: 100})
	if err != nil {
		return nil, err
	}
	return &describeTypesOutput{Types: page, NextToken: next}, nil
}
