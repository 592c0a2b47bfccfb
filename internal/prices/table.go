// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	awsapi "macaw.example/internal/aws"
)

// What is priced besides instance types: GP3 by the GiB and month; PublicIPv4 and NATGateway by the hour, as
// instances are; NATGatewayGB by the GB that passes one, in either direction.
const (
	GP3          = "gp3"
	PublicIPv4   = "public-ipv4"
	NATGateway   = "nat-gateway"
	NATGatewayGB = "nat-gateway-gb"
)

// everywhere is the region of prices that all commercial regions share.
const everywhere = "*"

// Table has prices in USD, by region and item: an instance type, or one of the constants.
type Table struct {
	// Name says where the prices are from, and of which day, for display.
	Name   string
	prices map[string]map[string]float64
	// date is the day of the prices, as in time.DateOnly, and live means that AWS was asked just now.
	date string
	live bool
	// before is asked for what this table lacks; nil if there is none.
	before *Table
}

//go:embed prices.csv
var embedded []byte

// defaultDate is that of the embedded table: of its oldest part.
const defaultDate = "2026-01-19"

// Default is the table that the program carries.
var Default = sync.OnceValue(func() *Table {
	t, err := parse("Macaw's table of ", defaultDate, embedded)
	if err != nil {
		panic(fmt.Sprintf("prices.csv: %v", err)) // a test reads it
	}
	return t
})

func parse(name, date string, text []byte) (*Table, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	t := &Table{Name: name + date, date: date, prices: map[string]map[string]float64{}}
	for _, row := range rows[1:] { // the first one is the heading
		usd, err := strconv.ParseFloat(row[2], 64)
		if err != nil || usd <= 0 {
			return nil, fmt.Errorf("price %q of %s in %s: want a positive number", row[2], row[1], row[0])
		}
		if t.prices[row[0]] == nil {
			t.prices[row[0]] = map[string]float64{}
		}
		t.prices[row[0]][row[1]] = usd
	}
	return t, nil
}

// find returns an item's price in a region and the table that has it; ok is false if none has.
func (t *Table) find(region, item string) (usd float64, from *Table, ok bool) {
	for ; t != nil; t = t.before {
		usd, ok := t.own(region, item)
		if ok {
			return usd, t, true
		}
	}
	return 0, nil, false
}

func (t *Table) own(region, item string) (float64, bool) {
	usd, ok := t.prices[region][item]
	if !ok && awsapi.Partition(region) == "aws" {
		usd, ok = t.prices[everywhere][item]
	}
	if ok {
		return usd, true
	}
	// The sizes of a family are priced in proportion (a test compares with AWS's list); bare metal and the
	// exceptions have rows of their own.
	family, size, _ := strings.Cut(item, ".")
	wanted, ok := xlarges(size)
	if !ok {
		return 0, false
	}
	for _, other := range slices.Sorted(maps.Keys(t.prices[region])) {
		name, size, _ := strings.Cut(other, ".")
		have, ok := xlarges(size)
		if ok && name == family && !exceptions[other] {
			return t.prices[region][other] / have * wanted, true
		}
	}
	return 0, false
}

// exceptions are the types whose price is not in proportion.
var exceptions = map[string]bool{"x8i.96xlarge": true}

// xlarges is a size in units of xlarge; ok is false for bare metal.
func xlarges(size string) (n float64, ok bool) {
	small := map[string]float64{"nano": 1. / 32, "micro": 1. / 16, "small": 1. / 8, "medium": 1. / 4, "large": 1. / 2,
		"xlarge": 1}
	if n, ok := small[size]; ok {
		return n, true
	}
	count, ok := strings.CutSuffix(size, "xlarge")
	if !ok {
		return 0, false
	}
	whole, err := strconv.Atoi(count)
	return float64(whole), err == nil && whole > 0
}
