package ec2

import (
	"strings"
)

// instanceType is what the lab must know of a type.
type instanceType struct {
	VCPUs    int
	MemoryGB int // GiB
	// ENIs is the number of network interfaces, Addresses the number of
	// private IPv4 addresses of each, the primary included.
	ENIs, Addresses int
	// Nested says that a virtual instance of the type can run KVM guests.
	Nested bool
}

// instanceTypes holds the numbers of the EC2 User Guide, "Maximum IP addresses
// per network interface", and of DescribeInstanceTypes.
var instanceTypes = map[string]instanceType{
	"t3.micro":   {2, 1, 2, 2, false},
	"t3.small":   {2, 2, 3, 4, false},
	"t3.medium":  {2, 4, 3, 6, false},
	"t3.large":   {2, 8, 3, 12, false},
	"t3.xlarge":  {4, 16, 4, 15, false},
	"t3.2xlarge": {8, 32, 4, 15, false},

	"m5.large":   {2, 8, 3, 10, false},
	"m5.xlarge":  {4, 16, 4, 15, false},
	"m5.2xlarge": {8, 32, 4, 15, false},
	"m5.4xlarge": {16, 64, 8, 30, false},
	"m5.metal":   {96, 384, 15, 50, false},

	"c5.large":  {2, 4, 3, 10, false},
	"c5.metal":  {96, 192, 15, 50, false},
	"c5n.metal": {72, 192, 15, 50, false},
	"z1d.metal": {48, 384, 15, 50, false},
	"m6i.metal": {128, 512, 15, 50, false},

	"m8i.large":   {2, 8, 3, 20, true},
	"m8i.xlarge":  {4, 16, 4, 30, true},
	"m8i.2xlarge": {8, 32, 4, 30, true},
	"m8i.4xlarge": {16, 64, 8, 50, true},
	"m8i.8xlarge": {32, 128, 10, 50, true},

	"m8i-flex.large": {2, 8, 3, 20, true},
	"c8i.large":      {2, 4, 3, 20, true},
	"c8i.2xlarge":    {8, 16, 4, 30, true},
	"r8i.large":      {2, 16, 3, 20, true},
	"r8i.xlarge":     {4, 32, 4, 30, true},
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
		case "processor-info.supported-architecture":
			return one("x86_64")
		case "processor-info.supported-features":
			if r.Nested {
				return one("nested-virtualization")
			}
			return none()
		case "current-generation", "supported-in-region":
			return flag(true)
		}
		return nil, false
	},
	maxPage: 100,
}

type networkInfoXML struct {
	ENIs        int    `xml:"maximumNetworkInterfaces"`
	Cards       int    `xml:"maximumNetworkCards"`
	DefaultCard int    `xml:"defaultNetworkCardIndex"`
	IPv4        int    `xml:"ipv4AddressesPerInterface"`
	IPv6        int    `xml:"ipv6AddressesPerInterface"`
	IPv6Support bool   `xml:"ipv6Supported"`
	ENA         string `xml:"enaSupport"`
}

type processorInfoXML struct {
	Architectures set[string] `xml:"supportedArchitectures"`
	Features      set[string] `xml:"supportedFeatures"`
	Manufacturer  string      `xml:"manufacturer"`
}

type typeXML struct {
	Name       string           `xml:"instanceType"`
	Current    bool             `xml:"currentGeneration"`
	Metal      bool             `xml:"bareMetal"`
	Hypervisor string           `xml:"hypervisor,omitempty"`
	Processor  processorInfoXML `xml:"processorInfo"`
	VCPUs      int              `xml:"vCpuInfo>defaultVCpus"`
	MemoryMB   int              `xml:"memoryInfo>sizeInMiB"`
	Network    networkInfoXML   `xml:"networkInfo"`
}

func (r *typeRecord) xml() typeXML {
	x := typeXML{Name: r.name, Current: true, Metal: isMetal(r.name), VCPUs: r.VCPUs, MemoryMB: r.MemoryGB << 10,
		Network:   networkInfoXML{ENIs: r.ENIs, Cards: 1, IPv4: r.Addresses, IPv6: r.Addresses, IPv6Support: true, ENA: "required"},
		Processor: processorInfoXML{Architectures: set[string]{Items: []string{"x86_64"}}, Manufacturer: "Intel"}}
	if !x.Metal {
		x.Hypervisor = "nitro"
	}
	if r.Nested {
		x.Processor.Features.Items = []string{"nested-virtualization"}
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

func unknownTypes(names []string) error {
	for _, name := range names {
		if _, known := instanceTypes[name]; !known {
			return fail("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", name)
		}
	}
	return nil
}

func describeInstanceTypes(_ *tx, in describeTypesInput) (*describeTypesOutput, error) {
	if err := unknownTypes(in.InstanceType); err != nil {
		return nil, err
	}
	types, next, err := choose(selectTypes, allTypes(), in.InstanceType, in.query)
	if err != nil {
		return nil, err
	}
	return &describeTypesOutput{Types: setOf(types, (*typeRecord).xml), NextToken: next}, nil
}

type offeringXML struct {
	Type         string `xml:"instanceType"`
	LocationType string `xml:"locationType"`
	Location     string `xml:"location"`
}

type describeOfferingsInput struct {
	query
	LocationType string
}

type describeOfferingsOutput struct {
	response
	Offerings set[offeringXML] `xml:"instanceTypeOfferingSet"`
	NextToken string           `xml:"nextToken,omitempty"`
}

// describeInstanceTypeOfferings says that every type is to be had everywhere.
func describeInstanceTypeOfferings(t *tx, in describeOfferingsInput) (*describeOfferingsOutput, error) {
	var locations []string
	switch in.LocationType {
	case "", "region":
		in.LocationType, locations = "region", []string{t.cfg.Region}
	case "availability-zone":
		locations = t.cfg.Zones
	case "availability-zone-id":
		for _, z := range t.cfg.Zones {
			locations = append(locations, t.cfg.zoneID(z))
		}
	default:
		return nil, invalidParameter("Invalid value '%s' for locationType.", in.LocationType)
	}
	var all []*offeringXML
	for _, r := range allTypes() {
		for _, location := range locations {
			all = append(all, &offeringXML{r.name, in.LocationType, location})
		}
	}
	offerings, next, err := choose(selection[offeringXML]{
		kind: kind{name: "offering", prefix: "offering"},
		id:   func(o *offeringXML) string { return o.Type + " " + o.Location },
		values: func(o *offeringXML, name string) ([]string, bool) {
			switch name {
			case "instance-type":
				return one(o.Type)
			case "location":
				return one(o.Location)
			}
			return nil, false
		},
	}, all, nil, in.query)
	if err != nil {
		return nil, err
	}
	return &describeOfferingsOutput{Offerings: setOf(offerings, func(o *offeringXML) offeringXML { return *o }), NextToken: next}, nil
}
