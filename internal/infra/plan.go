// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Verb says what an action does to a resource.
type Verb string

// The verbs of a plan.
const (
	Create Verb = "create"
	Change Verb = "change"
	Start  Verb = "start"
	Delete Verb = "delete"
)

// Action is one step of a plan: some calls that belong together and can be
// repeated as a whole.
type Action struct {
	// ID names the action in its plan.
	ID string `json:"id"`
	// Verb and Object say what is done to what, Detail how exactly.
	Verb   Verb   `json:"verb"`
	Object string `json:"object"`
	Detail string `json:"detail,omitempty"`
	// Needs holds the IDs of the actions that come first.
	Needs []string `json:"needs,omitempty"`

	do step
}

// String returns the action as a line of the plan.
func (a Action) String() string {
	sign := map[Verb]string{Create: "+", Change: "~", Start: "~", Delete: "-"}[a.Verb]
	return strings.TrimRight(fmt.Sprintf("%s %s %s %s", sign, a.Verb, a.Object, a.Detail), " ")
}

// Drift is a difference that Macaw reports and leaves alone, because putting
// it right would destroy something.
type Drift struct {
	Object string `json:"object"`
	// Text says what differs, Hint what could be done.
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// String returns the drift as a line of the plan.
func (d Drift) String() string { return fmt.Sprintf("! %s: %s", d.Object, d.Text) }

// Plan is what it takes to get from what AWS has to what is wanted: a graph of
// actions, in an order in which they could be done one by one.
type Plan struct {
	Cloud   string   `json:"cloud"`
	Actions []Action `json:"actions"`
	Drift   []Drift  `json:"drift,omitempty"`
	// Kept is what stays when the cloud is removed, because others stand on it.
	Kept []Kept `json:"kept,omitempty"`
	// Needs says for people what of the account's quotas it takes.
	Needs []string `json:"needs,omitempty"`

	// wanted is nil in a plan that removes the cloud.
	wanted *Wanted
	// ids has the resources that exist already, by part.
	ids map[string]string
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Actions) == 0 }

// Destroys returns the instances that the plan removes, whose data is lost.
func (p *Plan) Destroys() []Action {
	var out []Action
	for _, a := range p.Actions {
		if a.Verb == Delete && a.Object == "instance" {
			out = append(out, a)
		}
	}
	return out
}

// String returns the plan for people, a line for each action.
func (p *Plan) String() string {
	var b strings.Builder
	for _, a := range p.Actions {
		fmt.Fprintln(&b, a)
	}
	for _, d := range p.Drift {
		fmt.Fprintln(&b, d)
		if d.Hint != "" {
			fmt.Fprintf(&b, "    hint: %s\n", d.Hint)
		}
	}
	for _, k := range p.Kept {
		fmt.Fprintf(&b, "! %s\n", k)
	}
	for _, a := range p.Destroys() {
		if p.wanted != nil {
			fmt.Fprintf(&b, "  destroys instance %s and its data: the file has no such node\n", a.Detail)
		}
	}
	for _, n := range p.Needs {
		fmt.Fprintf(&b, "  needs %s\n", n)
	}
	return b.String()
}

// MarshalJSON returns the plan for machines.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	q := plain(*p)
	if q.Actions == nil {
		q.Actions = []Action{}
	}
	return json.Marshal(q)
}

// create, change, start and remove append an action of that kind, which comes after
// those that it needs.

func (p *Plan) create(id, object, detail string, do step, needs ...string) {
	p.add(Action{ID: id, Verb: Create, Object: object, Detail: detail, Needs: needs, do: do})
}

func (p *Plan) change(id, object, detail string, do step, needs ...string) {
	p.add(Action{ID: id, Verb: Change, Object: object, Detail: detail, Needs: needs, do: do})
}

func (p *Plan) start(id, object, detail string, do step, needs ...string) {
	p.add(Action{ID: id, Verb: Start, Object: object, Detail: detail, Needs: needs, do: do})
}

func (p *Plan) remove(id, object, detail string, do step, needs ...string) {
	p.add(Action{ID: id, Verb: Delete, Object: object, Detail: detail, Needs: needs, do: do})
}

// add appends an action. Needs that are no action of the plan are done already
// and dropped.
func (p *Plan) add(a Action) {
	var needs []string
	for _, n := range a.Needs {
		if slices.ContainsFunc(p.Actions, func(b Action) bool { return b.ID == n }) {
			needs = append(needs, n)
		}
	}
	a.Needs = needs
	p.Actions = append(p.Actions, a)
}
