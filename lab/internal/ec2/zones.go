package ec2

import (
	"fmt"
	"slices"
)

type zoneXML struct {
	State       string `xml:"zoneState"`
	OptIn       string `xml:"optInStatus"`
	Region      string `xml:"regionName"`
	Name        string `xml:"zoneName"`
	ID          string `xml:"zoneId"`
	Group       string `xml:"groupName"`
	BorderGroup string `xml:"networkBorderGroup"`
	Type        string `xml:"zoneType"`
}

// zoneID is the name of a zone that is the same in every account.
func (c *Config) zoneID(zone string) string {
	return fmt.Sprintf("lab1-az%d", 1+slices.Index(c.Zones, zone))
}

type describeZonesInput struct {
	query
	AllAvailabilityZones bool
	ZoneName             []string
	ZoneId               []string
}

type describeZonesOutput struct {
	response
	Zones set[zoneXML] `xml:"availabilityZoneInfo"`
}

func (t *tx) selectZones() selection[string] {
	return selection[string]{
		kind: kind{name: "availability zone", prefix: "zone", malformed: "InvalidParameterValue", notFound: "InvalidParameterValue"},
		id:   func(z *string) string { return *z },
		values: func(z *string, name string) ([]string, bool) {
			switch name {
			case "zone-name":
				return one(*z)
			case "zone-id":
				return one(t.cfg.zoneID(*z))
			case "region-name", "group-name":
				return one(t.cfg.Region)
			case "state":
				return one("available")
			case "zone-type":
				return one("availability-zone")
			case "opt-in-status":
				return one("opt-in-not-required")
			}
			return nil, false
		},
	}
}

func describeAvailabilityZones(t *tx, in describeZonesInput) (*describeZonesOutput, error) {
	var all []*string
	for _, zone := range t.cfg.Zones {
		if len(in.ZoneId) == 0 || slices.Contains(in.ZoneId, t.cfg.zoneID(zone)) {
			all = append(all, &zone)
		}
	}
	zones, _, err := choose(t.selectZones(), all, in.ZoneName, in.query)
	if err != nil {
		return nil, err
	}
	return &describeZonesOutput{Zones: setOf(zones, func(zone *string) zoneXML {
		return zoneXML{"available", "opt-in-not-required", t.cfg.Region, *zone, t.cfg.zoneID(*zone),
			t.cfg.Region, t.cfg.Region, "availability-zone"}
	})}, nil
}

type regionXML struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}

type describeRegionsInput struct {
	query
	AllRegions bool
	RegionName []string
}

type describeRegionsOutput struct {
	response
	Regions set[regionXML] `xml:"regionInfo"`
}

var selectRegions = selection[string]{
	kind: kind{name: "region", prefix: "region", malformed: "InvalidParameterValue", notFound: "InvalidParameterValue"},
	id:   func(r *string) string { return *r },
	values: func(r *string, name string) ([]string, bool) {
		switch name {
		case "region-name":
			return one(*r)
		case "endpoint":
			return one("ec2." + *r + ".amazonaws.com")
		case "opt-in-status":
			return one("opt-in-not-required")
		}
		return nil, false
	},
}

func describeRegions(t *tx, in describeRegionsInput) (*describeRegionsOutput, error) {
	regions, _, err := choose(selectRegions, []*string{&t.cfg.Region}, in.RegionName, in.query)
	if err != nil {
		return nil, err
	}
	return &describeRegionsOutput{Regions: setOf(regions, func(r *string) regionXML {
		return regionXML{*r, "ec2." + *r + ".amazonaws.com", "opt-in-not-required"}
	})}, nil
}
