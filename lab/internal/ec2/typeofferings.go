// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"slices"

	"macaw.example/lab/internal/instancetypes"
)

type offeringXML struct {
	Type         string `xml:"instanceType" filter:"instance-type"`
	LocationType string `xml:"locationType"`
	Location     string `xml:"location" filter:"location"`
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

// offers reports whether a zone has a type. On AWS few types are in every zone.
func (c *Config) offers(zone, name string) bool { return c.Settings.Settings().Offers(zone, name) }

// notOffered is EC2's refusal to launch a type that the zone lacks (EC2 User Guide,
// troubleshooting-launch, "The requested configuration is currently not supported").
func (t *tx) notOffered(zone, name string) error {
	others := slices.DeleteFunc(slices.Clone(t.cfg.Zones), func(z string) bool { return !t.cfg.offers(z, name) })
	return fail("Unsupported", "Your requested instance type (%s) is not supported in your requested Availability Zone "+
		"(%s). Please retry your request by not specifying an Availability Zone or choosing %s.",
		name, zone, joinComma(others))
}

// describeInstanceTypeOfferings lists the types available in each location (EC2 API
// Reference, DescribeInstanceTypeOfferings).
func describeInstanceTypeOfferings(t *tx, in describeOfferingsInput) (*describeOfferingsOutput, error) {
	var locations []string
	zone := map[string]string{} // by location
	switch in.LocationType {
	case "", "region":
		in.LocationType, locations = "region", []string{t.cfg.Region}
	case "availability-zone":
		for _, z := range t.cfg.Zones {
			locations = append(locations, z)
			zone[z] = z
		}
	case "availability-zone-id":
		for _, z := range t.cfg.Zones {
			locations = append(locations, t.cfg.zoneID(z))
			zone[t.cfg.zoneID(z)] = z
		}
	default:
		return nil, invalidParameter("Invalid value '%s' for locationType.", in.LocationType)
	}
	var all []item[offeringXML]
	for _, name := range instancetypes.Names() {
		for _, location := range locations {
			if t.cfg.offers(zone[location], name) {
				all = append(all, item[offeringXML]{name + " " + location, offeringXML{name, in.LocationType, location}})
			}
		}
	}
	page, next, err := choose(kind{name: "offering", prefix: "offering"}, all, nil, in.query)
	if err != nil {
		return nil, err
	}
	return &describeOfferingsOutput{Offerings: page, NextToken: next}, nil
}
