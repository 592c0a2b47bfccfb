package ec2

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
