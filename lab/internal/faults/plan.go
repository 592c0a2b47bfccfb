// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"macaw.example/internal/model"
)

// The names of faults.
const (
	Throttle     = "throttle"
	Error        = "error"
	Timeout      = "timeout"
	Latency      = "latency"
	Lag          = "lag"
	IMDSLag      = "imds-lag"
	Late         = "late"
	PowerOff     = "power-off"
	NICDown      = "nic-down"
	PPSAllowance = "pps-allowance"
	ZoneDown     = "zone-down"
	// A rebalance recommendation, and an interruption notice with its end, of a Spot Instance.
	SpotRebalance    = "spot-rebalance"
	SpotInterruption = "spot-interruption"
)

// When an error or a timeout strikes: instead of the call's effect, after it, or either at
// random.
const (
	Before = "before"
	After  = "after"
	Either = "either"
)

// Plan lists the active faults. It is a value: Set and Clear return a new one.
type Plan struct {
	// Seed makes a run repeatable: the same sequence of calls of each action meets the same
	// faults.
	Seed   uint64  `json:"seed"`
	Faults []Fault `json:"faults"`
}

// Fault is one fault with its settings; settings that its kind lacks are zero.
type Fault struct {
	Name string `json:"name"`
	// Target is the ID of an instance or a network interface, or the name of an
	// availability zone.
	Target string `json:"target,omitempty"`
	// Action is a pattern for the affected calls, with * and ?.
	Action string `json:"action,omitempty"`
	// Rate is the share of those calls that the fault strikes, more than 0, at most 1.
	Rate float64 `json:"rate,omitempty"`
	When string  `json:"when,omitempty"`
	Code string  `json:"code,omitempty"`
	// Min and Max bound a duration, drawn anew each time. Both or Max may be omitted.
	Min Duration `json:"min,omitempty"`
	Max Duration `json:"max,omitempty"`
	// Limit is a number of packets per second.
	Limit int `json:"limit,omitempty"`
}

// Duration is a time.Duration that is a string in JSON, such as 500ms.
type Duration = model.Duration

// Kind describes a kind of fault.
type Kind struct {
	Name  string
	Short string // one line
	Long  string // AWS's behaviour, with its source
	// Target describes the target; empty if the kind has none.
	Target string
	// Action, Chance, Code, Times and Limit tell which settings the kind has.
	Action, Chance, Code, Times, Limit bool
	// Default holds the defaults of the settings.
	Default Fault
}

// Codes are the codes that Error can return, with their HTTP status (EC2 API Reference,
// errors-overview, "Server error codes").
var Codes = map[string]int{"InternalError": 500, "ServiceUnavailable": 503, "Unavailable": 503,
	"RequestLimitExceeded": 503}

// maxLimit bounds Limit; no instance type passes more.
const maxLimit = 100_000_000

// maxTime bounds all durations: the lab keeps past states for that long.
const maxTime = 2 * time.Minute

func span(min, max time.Duration) Fault { return Fault{Min: Duration(min), Max: Duration(max)} }

func defaults(f Fault, action, when, code string, rate float64) Fault {
	f.Action, f.When, f.Code, f.Rate = action, when, code, rate
	return f
}

// Kinds are all kinds of fault, in listing order.
var Kinds = []Kind{
	{Name: Throttle, Short: "Refuse calls that come faster than AWS's published token buckets allow",
		Long: "Each action has a bucket: so many calls at once, so many a second thereafter. A call too\nmany is " +
			"RequestLimitExceeded (EC2 Developer Guide, ec2-api-throttling)."},
	{Name: Error, Short: "Answer some calls with a server error, before or after their effect", Action: true, Chance: true,
		Code: true,
		Long: "A server error does not say whether the call has had its effect (EC2 API Reference,\nerrors-overview). " +
			"Callers must look, and must be able to repeat.",
		Default: defaults(Fault{}, "*", Before, "InternalError", 0.1)},
	{Name: Timeout, Short: "Do not answer some calls: the connection is closed after a while", Action: true, Chance: true,
		Times:   true,
		Long:    "The caller learns nothing, not even whether the call has had its effect.",
		Default: defaults(span(10*time.Second, 10*time.Second), "*", Before, "", 0.1)},
	{Name: Latency, Short: "Make calls take longer", Action: true, Times: true,
		Default: defaults(span(50*time.Millisecond, 500*time.Millisecond), "*", "", "", 0)},
	{Name: Lag, Short: "Make Describe and Get calls show a state of some seconds ago", Action: true, Times: true,
		Long: "EC2's API is eventually consistent: what a call has made may be NotFound to the next, and\none answer " +
			"may be older than the one before it (EC2 Developer Guide, eventual-consistency).",
		Default: defaults(span(time.Second, 5*time.Second), "*", "", "", 0)},
	{Name: IMDSLag, Short: "Make the metadata service show a state of some seconds ago", Times: true,
		Long:    "It lags behind the API, independently of it, and longer; it never goes back.",
		Default: span(5*time.Second, 30*time.Second)},
	{Name: Late, Short: "Make the network follow the API late", Times: true,
		Long: "Remapping an address is asynchronous: the call returns, packets follow later (EC2 API\nReference, " +
			"AssignPrivateIpAddresses). Changes keep their order.",
		Default: span(500*time.Millisecond, 6*time.Second)},
	{Name: PowerOff, Short: "Pull the plug of a machine", Target: "INSTANCE",
		Long: "Its hardware has failed: EC2 goes on calling it running, its status checks are impaired.\nStop and start " +
			"it, as on AWS, and it is elsewhere and whole. Cleared, it boots again."},
	{Name: NICDown, Short: "Pass no frame from or to a network interface", Target: "ENI"},
	{Name: PPSAllowance, Short: "Drop what exceeds so many packets per second at a network interface", Target: "ENI",
		Limit: true,
		Long: "An instance may send and receive so many packets per second, depending on its type; AWS\nqueues and then " +
			"drops the rest, and only the ENA driver tells: pps_allowance_exceeded of\nethtool -S (EC2 User Guide, " +
			"monitoring-network-performance-ena). AWS publishes no numbers.\nA machine of the lab has no ENA driver: " +
			"\"macaw lab drops\" shows the frames.",
		Default: Fault{Limit: 1000}},
	{Name: ZoneDown, Short: "Take the power from an availability zone", Target: "ZONE",
		Long: "Its machines are off, its network interfaces are dead, nothing can be launched or started in\nit " +
			"(InsufficientInstanceCapacity). The API goes on."},
	{Name: SpotRebalance, Short: "Tell a Spot Instance that the risk of its interruption is higher", Target: "INSTANCE",
		Long: "Its metadata has a rebalance recommendation, at events/recommendations/rebalance (EC2 User\nGuide, " +
			"rebalance-recommendations). Nothing else need follow."},
	{Name: SpotInterruption, Short: "Interrupt a Spot Instance in two minutes", Target: "INSTANCE",
		Long: "Its metadata has an interruption notice at once, at spot/instance-action and\nspot/termination-time, and a " +
			"rebalance recommendation if there was none. Two minutes later\nthe instance is terminated, with the reason " +
			"Server.SpotInstanceTermination (EC2 User Guide,\nspot-instance-termination-notices). Cleared before, it goes " +
			"on, which AWS does not offer."},
}

// KindOf returns the kind of a name.
func KindOf(name string) (Kind, bool) {
	at := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
	if at < 0 {
		return Kind{}, false
	}
	return Kinds[at], true
}

// Names returns the names of all kinds.
func Names() []string {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

// Complete fills in defaults and refuses invalid settings.
func (f Fault) Complete() (Fault, error) {
	k, known := KindOf(f.Name)
	if !known {
		return f, fmt.Errorf("there is no fault %q: want one of %s", f.Name, strings.Join(Names(), ", "))
	}
	d := k.Default
	fill(&f.Action, d.Action)
	fill(&f.When, d.When)
	fill(&f.Code, d.Code)
	fill(&f.Rate, d.Rate)
	fill(&f.Limit, d.Limit)
	switch {
	case f.Min == 0 && f.Max == 0:
		f.Min, f.Max = d.Min, d.Max
	case f.Max == 0:
		f.Max = max(f.Min, d.Max)
	}
	if err := f.check(k); err != nil {
		return f, fmt.Errorf("fault %s: %w", f.Name, err)
	}
	return f, nil
}

func fill[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func (f Fault) check(k Kind) error {
	if (k.Target != "") != (f.Target != "") {
		if k.Target != "" {
			return fmt.Errorf("which %s is not said", k.Target)
		}
		return fmt.Errorf("it has no target, got %q", f.Target)
	}
	for _, s := range []struct {
		name       string
		taken, set bool
	}{{"action", k.Action, f.Action != ""}, {"rate", k.Chance, f.Rate != 0}, {"when", k.Chance, f.When != ""},
		{"code", k.Code, f.Code != ""}, {"min or max", k.Times, f.Min != 0 || f.Max != 0},
		{"limit", k.Limit, f.Limit != 0}} {
		if s.set && !s.taken {
			return fmt.Errorf("it takes no %s", s.name)
		}
	}
	if _, err := path.Match(f.Action, ""); err != nil {
		return fmt.Errorf("action %q is no pattern: only * and ? are special", f.Action)
	}
	if k.Chance && (f.Rate <= 0 || f.Rate > 1) {
		return fmt.Errorf("rate %v: want more than 0 and at most 1", f.Rate)
	}
	if k.Chance && !slices.Contains([]string{Before, After, Either}, f.When) {
		return fmt.Errorf("when %q: want before, after or either", f.When)
	}
	if _, known := Codes[f.Code]; k.Code && !known {
		return fmt.Errorf("code %q: want InternalError, ServiceUnavailable, Unavailable or RequestLimitExceeded", f.Code)
	}
	if k.Limit && (f.Limit < 1 || f.Limit > maxLimit) {
		return fmt.Errorf("limit %d: want 1 to %d packets per second", f.Limit, maxLimit)
	}
	switch {
	case f.Min < 0:
		return errors.New("min is negative")
	case f.Max < f.Min:
		return fmt.Errorf("max %v is less than min %v", time.Duration(f.Max), time.Duration(f.Min))
	case time.Duration(f.Max) > maxTime:
		return fmt.Errorf("max %v: want at most %v", time.Duration(f.Max), maxTime)
	}
	return nil
}

// Set turns a fault on. It replaces one of the same name, target and action.
func (p Plan) Set(f Fault) (Plan, error) {
	f, err := f.Complete()
	if err != nil {
		return p, err
	}
	kept := slices.DeleteFunc(slices.Clone(p.Faults), func(o Fault) bool {
		return o.Name == f.Name && o.Target == f.Target && o.Action == f.Action
	})
	p.Faults = append(kept, f)
	slices.SortStableFunc(p.Faults,
		func(a, b Fault) int { return slices.Index(Names(), a.Name) - slices.Index(Names(), b.Name) })
	return p, nil
}

// Clear turns faults off: all of a name, or the one with a target or an action pattern. An
// empty name means all faults.
func (p Plan) Clear(name, which string) (Plan, error) {
	if _, known := KindOf(name); !known && name != "" {
		return p, fmt.Errorf("there is no fault %q: want one of %s", name, strings.Join(Names(), ", "))
	}
	before := len(p.Faults)
	p.Faults = slices.DeleteFunc(slices.Clone(p.Faults), func(f Fault) bool {
		return (name == "" || f.Name == name) && (which == "" || f.Target == which || f.Action == which)
	})
	if name != "" && len(p.Faults) == before {
		return p, fmt.Errorf("fault %s is not on", strings.TrimSpace(name+" "+which))
	}
	return p, nil
}

// all returns the faults of a name.
func (p Plan) all(name string) []Fault {
	return slices.DeleteFunc(slices.Clone(p.Faults), func(f Fault) bool { return f.Name != name })
}

// one returns the fault of a name without target and action.
func (p Plan) one(name string) (Fault, bool) {
	for _, f := range p.Faults {
		if f.Name == name {
			return f, true
		}
	}
	return Fault{}, false
}

// befalls tells whether a fault concerns an action.
func (f Fault) befalls(action string) bool {
	is, err := path.Match(f.Action, action)
	return err == nil && is
}

// Describe describes a fault's effect for users.
func (f Fault) Describe() string {
	var parts []string
	if f.Target != "" {
		parts = append(parts, f.Target)
	}
	if f.Action != "" {
		parts = append(parts, "calls "+f.Action)
	}
	if f.Rate > 0 {
		parts = append(parts, fmt.Sprintf("%g%% of them", f.Rate*100))
	}
	if f.Code != "" {
		parts = append(parts, f.Code)
	}
	switch f.When {
	case Before:
		parts = append(parts, "instead of the effect")
	case After:
		parts = append(parts, "after the effect")
	case Either:
		parts = append(parts, "before or after the effect")
	}
	if f.Limit > 0 {
		parts = append(parts, fmt.Sprintf("%d packets per second", f.Limit))
	}
	if f.Max > 0 {
		parts = append(parts, fmt.Sprintf("%v to %v", time.Duration(f.Min), time.Duration(f.Max)))
	}
	return strings.Join(parts, ", ")
}
