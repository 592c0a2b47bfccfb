// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/pricing/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
)

// Endpoint is the region whose endpoint answers for all commercial regions (Billing and Cost
// Management User Guide, price-list-api).
const Endpoint = "us-east-1"

// Lister is the subset of the Price List API that this package uses; *pricing.Client implements it.
type Lister interface {
	GetProducts(context.Context, *pricing.GetProductsInput, ...func(*pricing.Options)) (*pricing.GetProductsOutput, error)
}

// Ask returns a table with the prices of items in a region, as AWS lists them today. Items that AWS
// does not list are missing. What it lacks, the table before may have.
func Ask(ctx context.Context, api Lister, region string, items []string, today time.Time, before *Table) (
	*Table, error) {
	if p := awsapi.Partition(region); p != "aws" {
		return nil, fmt.Errorf("asking AWS for prices: partition %s has other price lists, which macaw does not read", p)
	}
	var mu sync.Mutex
	var reads []func(context.Context) error
	found := map[string]float64{}
	for _, item := range items {
		reads = append(reads, func(ctx context.Context) error {
			usd, err := ask(ctx, api, region, item)
			if code := awsapi.Code(err); code == "AccessDeniedException" {
				return hint.With(fmt.Errorf("asking AWS for the price of %s: %w", item, err),
					"--prices needs the right pricing:GetProducts")
			}
			if err != nil {
				return fmt.Errorf("asking AWS for the price of %s in %s: %w", item, region, err)
			}
			if usd > 0 {
				mu.Lock()
				defer mu.Unlock()
				found[item] = usd
			}
			return nil
		})
	}
	if err := awsapi.Reads(ctx, reads...); err != nil {
		return nil, err
	}
	t := asked(region, found, today.Format(time.DateOnly), before)
	t.live = true
	return t, nil
}

func asked(region string, found map[string]float64, day string, before *Table) *Table {
	return &Table{Name: "AWS's price list of " + day, date: day, prices: map[string]map[string]float64{region: found},
		before: before}
}

// filtersOf select the one product that an item is. An instance type has many: by operating system,
// installed software, tenancy, and for reserved capacity with and without an instance in it.
func filtersOf(region, item string) map[string]string {
	switch item {
	case GP3:
		return map[string]string{"regionCode": region, "productFamily": "Storage", "volumeApiName": item}
	case NATGateway, NATGatewayGB:
		return map[string]string{"regionCode": region, "productFamily": "NAT Gateway"}
	}
	return map[string]string{"regionCode": region, "instanceType": item, "operatingSystem": "Linux",
		"preInstalledSw": "NA", "tenancy": "Shared", "capacitystatus": "Used"}
}

// units are those of the items, where they are not hours.
var units = map[string]string{GP3: "GB-Mo", NATGatewayGB: "GB"}

// usages are the usage types of items that no filter finds, since a usage type begins with the region in a notation
// of its own, or in us-east-1 does not: EU-NatGateway-Hours. There are others of regional NAT gateways and of
// provisioned bandwidth.
var usages = map[string]string{NATGateway: "NatGateway-Hours", NATGatewayGB: "NatGateway-Bytes"}

// ask returns an item's price, 0 if AWS does not list it.
func ask(ctx context.Context, api Lister, region, item string) (float64, error) {
	in := &pricing.GetProductsInput{ServiceCode: aws.String("AmazonEC2")}
	filters := filtersOf(region, item)
	for _, field := range slices.Sorted(maps.Keys(filters)) {
		in.Filters = append(in.Filters, types.Filter{Type: types.FilterTypeTermMatch, Field: aws.String(field),
			Value: aws.String(filters[field])})
	}
	products, err := awsapi.Collect(ctx, pricing.NewGetProductsPaginator(api, in),
		func(out *pricing.GetProductsOutput) []string { return out.PriceList })
	if err != nil {
		return 0, err
	}
	var all []float64
	for _, text := range products {
		some, err := onDemand(text, cmp.Or(units[item], "Hrs"), usages[item])
		if err != nil {
			return 0, fmt.Errorf("reading a product: %w", err)
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > 1 {
		return 0, fmt.Errorf("AWS lists several prices: %v", all)
	}
	return append(all, 0)[0], nil
}

// onDemand returns the prices of a product's On-Demand terms (Billing and Cost Management User
// Guide, reading-service-price-list-file), none if it is of another usage type. Prices of 0 are those of what is not
// charged.
func onDemand(text, unit, usage string) (all []float64, err error) {
	var product struct {
		Product struct {
			Attributes struct {
				UsageType string `json:"usagetype"`
			} `json:"attributes"`
		} `json:"product"`
		Terms struct {
			OnDemand map[string]struct {
				PriceDimensions map[string]struct {
					Unit         string            `json:"unit"`
					PricePerUnit map[string]string `json:"pricePerUnit"`
				} `json:"priceDimensions"`
			}
		} `json:"terms"`
	}
	if err := json.Unmarshal([]byte(text), &product); err != nil {
		return nil, err
	}
	if is := product.Product.Attributes.UsageType; usage != "" && is != usage && !strings.HasSuffix(is, "-"+usage) {
		return nil, nil
	}
	for _, term := range product.Terms.OnDemand {
		for _, d := range term.PriceDimensions {
			if d.Unit != unit {
				continue
			}
			usd, err := strconv.ParseFloat(d.PricePerUnit["USD"], 64)
			if err != nil || usd < 0 {
				return nil, errors.New("its price is not a number of USD")
			}
			if usd > 0 {
				all = append(all, usd)
			}
		}
	}
	return all, nil
}
