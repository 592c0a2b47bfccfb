// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// monthHours is the length of a month in AWS's own estimates (AWS Pricing Calculator).
const monthHours = 730

// Item is something that costs money.
type Item struct {
	// Name says what it is for: "instance cloud-1".
	Name string `json:"name"`
	// Type is an instance type or one of [GP3], [PublicIPv4] and [NATGateway].
	Type string `json:"type"`
	// Count is how many there are, of [GP3] in GiB.
	Count int `json:"count"`
	// Spot means that it is a Spot Instance, whose price AWS changes and no price list has (EC2 User Guide,
	// using-spot-instances-history).
	Spot bool `json:"spot,omitempty"`
}

// text describes the item in a line of the estimate.
func (i Item) text() string {
	switch i.Type {
	case GP3:
		return fmt.Sprintf("%s, %d GiB %s", i.Name, i.Count, i.Type)
	case PublicIPv4:
		return fmt.Sprintf("%d %s", i.Count, i.Name)
	case NATGateway:
		return i.Name
	}
	if i.Spot {
		return i.Name + ", " + i.Type + " spot"
	}
	return i.Name + ", " + i.Type
}

// Amount is a cost in USD.
type Amount struct {
	Hour  float64 `json:"hour"`
	Month float64 `json:"month"` // of 730 hours
}

func (a Amount) plus(b Amount, times float64) Amount {
	return Amount{a.Hour + times*b.Hour, a.Month + times*b.Month}
}

// rounded drops what is not shown, so that JSON has no 0.30000000000000004.
func (a Amount) rounded() Amount {
	round := func(x, digits float64) float64 { return math.Round(x*digits)/digits + 0 } // no -0
	return Amount{round(a.Hour, 1e5), round(a.Month, 1e2)}
}

// Line is an item of the cloud with its cost, nil if the price is unknown.
type Line struct {
	Item
	Cost *Amount `json:"cost"`
}

// Estimate is what a cloud costs: Lines and Total after the plan, Change what the plan adds. They are
// without traffic.
type Estimate struct {
	Region   string `json:"region"`
	Currency string `json:"currency"`
	Lines    []Line `json:"lines"`
	Total    Amount `json:"total"`
	Change   Amount `json:"change"`
	// Incomplete and ChangeIncomplete mean that a price is unknown: the costs are higher.
	Incomplete       bool `json:"incomplete"`
	ChangeIncomplete bool `json:"changeIncomplete"`
	// Sources are the tables that the prices are from.
	Sources []string `json:"sources"`
	// Notes name unknown prices, and what may come on top.
	Notes []string `json:"notes"`
}

// Estimate returns the cost of what a cloud has now and will have.
func (t *Table) Estimate(region string, now, then []Item) *Estimate {
	e := &Estimate{Region: region, Currency: "USD", Lines: []Line{}, Notes: []string{}}
	sources, unknown, spot := map[string]bool{}, map[string]bool{}, map[string]bool{}
	price := func(i Item) (Amount, bool) {
		usd, from, ok := t.find(region, i.Type)
		if !ok || i.Spot {
			return Amount{}, false
		}
		sources[from.Name] = true
		return amount(i, usd), true
	}
	for _, i := range then {
		cost, ok := price(i)
		line := Line{Item: i}
		if ok {
			e.Total = e.Total.plus(cost, 1)
			shown := cost.rounded()
			line.Cost = &shown
		} else {
			e.Incomplete, unknown[i.Type] = true, unknown[i.Type] || !i.Spot
			spot[i.Type] = spot[i.Type] || i.Spot
		}
		e.Lines = append(e.Lines, line)
	}
	for i, times := range difference(now, then) {
		cost, ok := price(i)
		e.Change = e.Change.plus(cost, float64(times))
		e.ChangeIncomplete = e.ChangeIncomplete || !ok
	}
	e.Total, e.Change = e.Total.rounded(), e.Change.rounded()
	e.Sources = append([]string{}, slices.Sorted(maps.Keys(sources))...)
	for _, item := range slices.Sorted(maps.Keys(spot)) {
		if spot[item] {
			e.Notes = append(e.Notes, t.spotNote(region, item))
		}
	}
	for _, item := range slices.Sorted(maps.Keys(unknown)) {
		if !unknown[item] {
			continue
		}
		note := fmt.Sprintf("the price of %s in %s is not in %s", item, region, t.Name)
		if !t.live {
			note += "; --prices asks AWS"
		}
		e.Notes = append(e.Notes, note)
	}
	e.Notes = append(e.Notes, t.natNote(region, then)...)
	e.Notes = append(e.Notes, burstable(then)...)
	return e
}

// natNote tells of the charge for what passes a NAT gateway (Amazon VPC pricing, NAT gateways).
func (t *Table) natNote(region string, then []Item) []string {
	if !slices.ContainsFunc(then, func(i Item) bool { return i.Type == NATGateway }) {
		return nil
	}
	note := "what passes the NAT gateway is charged, in both directions, in addition to traffic"
	if usd, from, ok := t.find(region, NATGatewayGB); ok {
		return []string{note + fmt.Sprintf(": %.3f USD for each GB (%s)", usd, from.Name)}
	}
	return []string{note + ": the price of a GB in " + region + " is not in " + t.Name}
}

// difference is what to add to one set of items to get the other, negative for what goes. Addresses and
// GiB differ by their counts.
func difference(now, then []Item) map[Item]int {
	d := map[Item]int{}
	for _, i := range then {
		d[Item{i.Name, i.Type, 1, i.Spot}] += i.Count
	}
	for _, i := range now {
		d[Item{i.Name, i.Type, 1, i.Spot}] -= i.Count
	}
	maps.DeleteFunc(d, func(_ Item, times int) bool { return times == 0 })
	return d
}

// spotNote says what a Spot Instance of a type costs at most: AWS charges the Spot price, and takes the
// instance away if that exceeds the on-demand price (EC2 User Guide, how-spot-instances-work).
func (t *Table) spotNote(region, item string) string {
	note := "the price of Spot Instances of " + item + " changes: aws ec2 describe-spot-price-history shows it"
	usd, _, ok := t.find(region, item)
	if ok {
		note += fmt.Sprintf("; it is at most %.4f/hour, the price of others", usd)
	}
	return note
}

func amount(i Item, usd float64) Amount {
	usd *= float64(i.Count)
	if i.Type == GP3 {
		return Amount{usd / monthHours, usd}
	}
	return Amount{usd, usd * monthHours}
}

// burstable notes what T instances cost beyond their price (EC2 User Guide,
// burstable-performance-instances-unlimited-mode-concepts; the rate is that of the EC2 On-Demand
// pricing page for Linux).
func burstable(items []Item) []string {
	for _, i := range items {
		if strings.HasPrefix(i.Type, "t3") {
			return []string{i.Type + " earns CPU credits: work beyond them is charged, 0.05 USD for each vCPU and hour"}
		}
	}
	return nil
}

// String formats the estimate, a line for each item.
func (e *Estimate) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Cost on AWS in %s, in USD, without traffic and taxes (%s):\n", e.Region,
		cmp.Or(strings.Join(e.Sources, "; "), "no prices"))
	width := len("this plan adds")
	for _, l := range e.Lines {
		width = max(width, len(l.text()))
	}
	row := func(text string, a *Amount, rest string) {
		if a == nil {
			fmt.Fprintf(&b, "  %-*s  price unknown\n", width, text)
			return
		}
		fmt.Fprintf(&b, "  %-*s  %9.4f/hour  %10.2f/month%s\n", width, text, a.Hour, a.Month, rest)
	}
	least := func(incomplete bool) string {
		if incomplete {
			return "  incomplete: prices are unknown"
		}
		return ""
	}
	for _, l := range e.Lines {
		row(l.text(), l.Cost, "")
	}
	row("total", &e.Total, least(e.Incomplete))
	row("this plan adds", &e.Change, least(e.ChangeIncomplete))
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	return b.String()
}
