// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"fmt"
	"slices"

	awsapi "macaw.example/internal/aws"
)

type zoneXML struct {
	State       string `xml:"zoneState" filter:"state"`
	OptIn       string `xml:"optInStatus" filter:"opt-in-status"`
	Region      string `xml:"regionName" filter:"region-name"`
	Name        string `xml:"zoneName" filter:"zone-name"`
	ID          string `xml:"zoneId" filter:"zone-id"`
	Group       string `xml:"groupName" filter:"group-name"`
	BorderGroup string `xml:"networkBorderGroup"`
	Type        string `xml:"zoneType" filter:"zone-type"`
	// Messages would say that a zone is impaired or constrained.
	Messages set[zoneMessageXML] `xml:"messageSet" filter:""`
}

type zoneMessageXML struct {
	Text string `xml:"message" filter:"message"`
}

// zoneID is the zone's ID, which is the same in every account.
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

var kindZone = kind{name: "availability zone", prefix: "zone", malformed: "InvalidParameterValue",
	notFound: "InvalidParameterValue"}

func describeAvailabilityZones(t *tx, in describeZonesInput) (*describeZonesOutput, error) {
	var all []item[zoneXML]
	for _, zone := range t.cfg.Zones {
		id, region := t.cfg.zoneID(zone), t.cfg.Region
		if len(in.ZoneId) == 0 || slices.Contains(in.ZoneId, id) {
			all = append(all, item[zoneXML]{zone,
				zoneXML{State: "available", OptIn: "opt-in-not-required", Region: region, Name: zone, ID: id, Group: region,
					BorderGroup: region, Type: "availability-zone"}})
		}
	}
	zones, _, err := choose(kindZone, all, in.ZoneName, in.query)
	if err != nil {
		return nil, err
	}
	return &describeZonesOutput{Zones: zones}, nil
}

type regionXML struct {
	Name     string `xml:"regionName" filter:"region-name"`
	Endpoint string `xml:"regionEndpoint" filter:"endpoint"`
	OptIn    string `xml:"optInStatus" filter:"opt-in-status"`
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

func (c *Config) regionXML(name, optIn string) regionXML {
	return regionXML{name, "ec2." + name + "." + awsapi.Domain(name), optIn}
}

var kindRegion = kind{name: "region", prefix: "region", malformed: "InvalidParameterValue",
	notFound: "InvalidParameterValue"}

func describeRegions(t *tx, in describeRegionsInput) (*describeRegionsOutput, error) {
	region := t.cfg.Region
	all := []item[regionXML]{{region, t.cfg.regionXML(region, "opt-in-not-required")}}
	home := awsapi.HomeRegion(region)
	switch {
	case home == region:
	case t.settings().RegionDisabled && (in.AllRegions || len(in.RegionName) > 0):
		all = []item[regionXML]{{region, t.cfg.regionXML(region, "not-opted-in")}, {home, t.cfg.regionXML(home,
			"opt-in-not-required")}}
	case t.settings().RegionDisabled:
		all = []item[regionXML]{{home, t.cfg.regionXML(home, "opt-in-not-required")}}
	}
	regions, _, err := choose(kindRegion, all, in.RegionName, in.query)
	if err != nil {
		return nil, err
	}
	return &describeRegionsOutput{Regions: regions}, nil
}
