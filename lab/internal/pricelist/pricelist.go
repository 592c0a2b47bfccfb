// SPDX-License-Identifier: Apache-2.0

package pricelist

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"macaw.example/lab/internal/awsquery"
	"macaw.example/lab/internal/instancetypes"
)

// Target is the prefix of X-Amz-Target in calls to the Price List API (botocore, pricing 2017-10-15).
const Target = "AWSPriceListService."

// Regions are those that have an endpoint of the API (AWS General Reference, billing-pricing).
var Regions = []string{"us-east-1", "eu-central-1", "ap-south-1"}

// mostResults is the largest page, and the usual one (Price List API Reference, GetProducts).
const mostResults = 100

// request is that of GetProducts.
type request struct {
	ServiceCode, FormatVersion, NextToken string
	Filters                               []struct{ Type, Field, Value string }
	MaxResults                            *int
}

// Answer is that of GetProducts.
type Answer struct {
	FormatVersion string
	NextToken     string `json:",omitempty"`
	// PriceList has a JSON document for each product.
	PriceList []string
}

// GetProducts answers a call about the products of a region.
func GetProducts(region string, body []byte) (any, *awsquery.Error) {
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fail("SerializationException", "Unable to parse the request")
	}
	size, first := mostResults, 0
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if in.NextToken != "" {
		n, err := strconv.Atoi(in.NextToken)
		if err != nil || n < 1 {
			return nil, fail("InvalidNextTokenException", "The pagination token is invalid.")
		}
		first = n
	}
	switch {
	case in.ServiceCode != "AmazonEC2":
		return nil, fail("InvalidParameterException", "Service code %q is invalid: the lab has AmazonEC2.", in.ServiceCode)
	case cmp.Or(in.FormatVersion, "aws_v1") != "aws_v1":
		return nil, fail("InvalidParameterException", "Format version %q is invalid.", in.FormatVersion)
	case size < 1 || size > mostResults:
		return nil, fail("InvalidParameterException", "MaxResults must be between 1 and %d.", mostResults)
	}
	for _, f := range in.Filters {
		if f.Type != "TERM_MATCH" {
			return nil, fail("InvalidParameterException", "Filter type %q is invalid: the lab has TERM_MATCH.", f.Type)
		}
	}
	out := &Answer{FormatVersion: "aws_v1", PriceList: []string{}}
	// The token is the number of the product at which the next page begins.
	for n, p := range products(region) {
		switch {
		case n < first || !p.matches(in):
		case len(out.PriceList) == size:
			out.NextToken = strconv.Itoa(n)
			return out, nil
		default:
			out.PriceList = append(out.PriceList, p.text(n))
		}
	}
	return out, nil
}

func fail(code, format string, args ...any) *awsquery.Error {
	return awsquery.Errorf(http.StatusBadRequest, code, format, args...)
}

// product is one line of the list.
type product struct {
	family     string
	attributes map[string]string
	unit       string
	usd        float64
}

// matches reports whether a product passes all filters. A field that the product lacks has no value.
func (p product) matches(in request) bool {
	for _, f := range in.Filters {
		value, ok := p.attributes[f.Field]
		if f.Field == "productFamily" {
			value, ok = p.family, true
		}
		if !ok || value != f.Value {
			return false
		}
	}
	return true
}

// variants are the products of an instance type, with what they cost compared with Linux on shared
// hardware.
var variants = []struct {
	system, installed, tenancy, capacity string
	times                                float64
}{
	{"Linux", "NA", "Shared", "Used", 1},
	{"Linux", "NA", "Shared", "UnusedCapacityReservation", 1},
	{"Linux", "NA", "Shared", "AllocatedCapacityReservation", 0},
	{"Linux", "SQL Std", "Shared", "Used", 3},
	{"Linux", "NA", "Dedicated", "Used", 1.1},
	{"Windows", "NA", "Shared", "Used", 2},
}

// The lab's prices in USD: of a vCPU and of a GiB of memory by the hour.
const (
	vcpuPrice   = 0.03
	memoryPrice = 0.004
)

// volumePrices are those of a GB by the month.
var volumePrices = map[string]float64{"gp2": 0.12, "gp3": 0.07}

func products(region string) (all []product) {
	types := instancetypes.All()
	for _, name := range slices.Sorted(maps.Keys(types)) {
		t := types[name]
		usd := vcpuPrice*float64(t.VCPUs) + memoryPrice*float64(t.MemoryMB)/1024
		for _, v := range variants {
			all = append(all, product{family: "Compute Instance", unit: "Hrs", usd: usd * v.times, attributes: map[string]string{
				"regionCode": region, "servicecode": "AmazonEC2", "instanceType": name, "vcpu": strconv.Itoa(t.VCPUs),
				"operatingSystem": v.system, "preInstalledSw": v.installed, "tenancy": v.tenancy, "capacitystatus": v.capacity,
			}})
		}
	}
	for name, usd := range volumePrices {
		all = append(all, product{family: "Storage", unit: "GB-Mo", usd: usd, attributes: map[string]string{
			"regionCode": region, "servicecode": "AmazonEC2", "volumeApiName": name, "volumeType": "General Purpose",
		}})
	}
	slices.SortFunc(all[len(all)-len(volumePrices):], func(x, y product) int {
		return cmp.Compare(x.attributes["volumeApiName"], y.attributes["volumeApiName"])
	})
	return append(all, natGateways(region)...)
}

// natGateways are the products of NAT gateways. In usage types the region has a notation of its own, and none in
// us-east-1; the lab has one for all others.
func natGateways(region string) (all []product) {
	prefix := ""
	if region != "us-east-1" {
		prefix = "LAB1-"
	}
	for _, p := range []struct {
		usage, operation, unit string
		usd                    float64
	}{
		{"NatGateway-Hours", "NatGateway", "Hrs", 0.04},
		{"NatGateway-Bytes", "NatGateway", "GB", 0.03},
		{"NatGateway-Prvd-Bytes", "NatGateway", "GB", 0},
		{"NatGateway-Prvd-Hours", "NatGateway", "Gbps-hrs", 1},
		{"RegionalNatGateway-Hours", "RegionalNatGateway", "Hrs", 0.05},
		{"RegionalNatGateway-Bytes", "RegionalNatGateway", "GB", 0.05},
	} {
		all = append(all, product{family: "NAT Gateway", unit: p.unit, usd: p.usd, attributes: map[string]string{
			"regionCode": region, "servicecode": "AmazonEC2", "group": "NGW:NatGateway", "operation": p.operation,
			"usagetype": prefix + p.usage,
		}})
	}
	return all
}

// text is a product with its On-Demand price, in the form of AWS's price list (Billing and Cost Management
// User Guide, reading-service-price-list-file).
func (p product) text(n int) string {
	sku := fmt.Sprintf("LAB%013d", n)
	term := sku + ".JRTCKXETXF" // the code of On-Demand
	rate := term + ".6YS6EN2CT7"
	document := map[string]any{
		"product":     map[string]any{"productFamily": p.family, "sku": sku, "attributes": p.attributes},
		"serviceCode": "AmazonEC2",
		"terms": map[string]any{"OnDemand": map[string]any{term: map[string]any{"sku": sku,
			"priceDimensions": map[string]any{rate: map[string]any{"rateCode": rate, "unit": p.unit,
				"pricePerUnit": map[string]string{"USD": strconv.FormatFloat(p.usd, 'f', 10, 64)}}}}}},
	}
	text, _ := json.Marshal(document) // strings and maps of them
	return string(text)
}
