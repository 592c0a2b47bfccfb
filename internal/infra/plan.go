// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/inventory"
	"macaw.example/internal/prices"
)

// Verb is what an action does to a resource.
type Verb string

// The verbs of a plan.
const (
	Create Verb = "create"
	Change Verb = "change"
	Start  Verb = "start"
	Stop   Verb = "stop"
	Delete Verb = "delete"
)

// Action is one step of a plan: calls that belong together and can be repeated as a unit.
type Action struct {
	// ID is unique in the plan.
	ID string `json:"id"`
	// Verb and Object are the operation and the kind of resource, Detail its specifics.
	Verb   Verb   `json:"verb"`
	Object string `json:"object"`
	Detail string `json:"detail,omitempty"`
	// Needs holds the IDs of the actions that come first.
	Needs []string `json:"needs,omitempty"`

	do step
}

// String formats the action as a line of the plan.
func (a Action) String() string {
	sign := map[Verb]string{Create: "+", Change: "~", Start: "~", Stop: "~", Delete: "-"}[a.Verb]
	return sign + " " + a.Text()
}

// Text describes the action: "create route table", "start instance cloud-1". For a change, Detail is
// what will be true: "change elastic ip: associated with 10.0.1.64".
func (a Action) Text() string {
	object := a.Object
	if a.Verb == Change {
		object += ":"
	}
	return strings.TrimRight(fmt.Sprintf("%s %s %s", a.Verb, object, a.Detail), " ")
}

// Drift is a difference that Macaw reports and leaves alone, because correcting it would destroy
// data or is the operator's decision.
type Drift struct {
	Object string `json:"object"`
	// Text describes the difference, Hint a remedy.
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// String formats the drift as a line of the plan.
func (d Drift) String() string { return fmt.Sprintf("! %s: %s", d.Object, d.Text) }

// Plan is the difference between what AWS has and what is wanted: a graph of actions, sorted so
// that each comes after those that it needs.
type Plan struct {
	Cloud string `json:"cloud"`
	// Identity is whose account it is for, if that is known.
	Identity *Identity `json:"identity,omitempty"`
	Actions  []Action  `json:"actions"`
	Drift    []Drift   `json:"drift,omitempty"`
	// Kept has the resources that stay when the cloud is removed, because others use them.
	Kept []Kept `json:"kept,omitempty"`
	// Losses has what Neutron may use and the plan gives up.
	Losses []Loss `json:"losses,omitempty"`
	// Needs lists, for display, what the plan consumes of the account's quotas.
	Needs []string `json:"needs,omitempty"`
	// Guests tells how the guests of each compute node run, if AWS was asked.
	Guests []Guests `json:"guests,omitempty"`
	// Cost is what the cloud costs on AWS, if it was estimated.
	Cost *prices.Estimate `json:"cost,omitempty"`

	// wanted is nil in a plan that removes the cloud. seen is what the plan was made of.
	wanted *Wanted
	seen   inventory.Seen
	// ids has the IDs of existing resources by part.
	ids map[string]string
}

// makes reports whether the plan has an action with this ID that is not a removal.
func (p *Plan) makes(id string) bool {
	return slices.ContainsFunc(p.Actions,
		func(a Action) bool { return a.ID == id && a.Verb != Delete && a.Verb != Start })
}

// Launches reports whether the plan makes the instance of a node, and Retypes whether it changes its
// type.
func (p *Plan) Launches(node string) bool { return p.makes(partInstance(node)) }
func (p *Plan) Retypes(node string) bool  { return p.makes(partInstance(node) + "/type") }

// Starts reports whether the plan starts the instance of a node that is stopped. A restart is none.
func (p *Plan) Starts(node string) bool {
	starts := func(a Action) bool { return a.ID == partInstance(node) && a.Verb == Start }
	return !p.makes(partInstance(node)+"/stop") && slices.ContainsFunc(p.Actions, starts)
}

// VPC returns the ID of the cloud's VPC, empty if the plan makes it.
func (p *Plan) VPC() string { return p.ids[partVPC] }

// ElasticIPs returns how many Elastic IPs the plan allocates, less those that it releases.
func (p *Plan) ElasticIPs() (more int) {
	for _, a := range p.Actions {
		switch {
		case a.Object != "elastic ip":
		case a.Verb == Create:
			more++
		case a.Verb == Delete:
			more--
		}
	}
	return more
}

// ElasticIPsAtOnce returns how many Elastic IPs the plan needs at the same time, more than there are: some are
// released only after others are allocated.
func (p *Plan) ElasticIPsAtOnce() (more int) {
	var before []string // released
	for _, a := range p.Actions {
		if a.Object == "elastic ip" && a.Verb == Create {
			more++
			before = append(before, a.Needs...)
		}
	}
	if more == 0 {
		return p.ElasticIPs()
	}
	for _, a := range p.Actions {
		if a.Object == "elastic ip" && a.Verb == Delete && slices.Contains(before, a.ID) {
			more--
		}
	}
	return more
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

// folded returns the actions for display: changes of a resource that the plan creates are part of its creation.
func (p *Plan) folded() []Action {
	var out []Action
	settings := map[string][]string{} // by ID of the creation
	for _, a := range p.Actions {
		sets := func(c Action) bool { return a.Verb == Change && c.Verb == Create && c.Object == a.Object }
		i := slices.IndexFunc(out, func(c Action) bool { return sets(c) && strings.HasPrefix(a.ID, c.ID+"/") })
		// A rule of one group may need another group that is created.
		if i < 0 && a.Object != "security group" {
			i = slices.IndexFunc(out, func(c Action) bool { return sets(c) && slices.Contains(a.Needs, c.ID) })
		}
		if i < 0 {
			out = append(out, a)
			continue
		}
		settings[out[i].ID] = append(settings[out[i].ID], setting(a.Detail, out[i].Detail))
	}
	for i, a := range out {
		if more := settings[a.ID]; more != nil {
			out[i].Detail = strings.TrimLeft(fmt.Sprintf("%s (%s)", a.Detail, strings.Join(more, "; ")), " ")
		}
	}
	return out
}

// setting is a change without what the creation of its resource says already.
func setting(change, creation string) string {
	if rest, ok := strings.CutPrefix(creation, "for "); ok {
		return strings.TrimSuffix(change, " with "+rest)
	}
	words, said := strings.Fields(change), strings.Fields(creation)
	for len(words) > 1 && len(said) > 0 && words[0] == said[0] {
		words, said = words[1:], said[1:]
	}
	return strings.Join(words, " ")
}

// Summary counts what the plan does, with changes of a resource as part of its creation.
func (p *Plan) Summary() string {
	create, change, destroy := 0, 0, 0
	for _, a := range p.folded() {
		switch a.Verb {
		case Create:
			create++
		case Delete:
			destroy++
		default:
			change++
		}
	}
	return fmt.Sprintf("%d to create, %d to change, %d to destroy", create, change, destroy)
}

// String formats the plan for display, a line for each action.
func (p *Plan) String() string {
	var b strings.Builder
	for _, a := range p.folded() {
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
	for _, l := range p.Losses {
		fmt.Fprintf(&b, "  gives up %s, which may be in use\n", l)
	}
	for _, n := range p.Needs {
		fmt.Fprintf(&b, "  needs %s\n", n)
	}
	return b.String()
}

// MarshalJSON encodes a plan without actions as an empty list of them.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	q := plain(*p)
	if q.Actions == nil {
		q.Actions = []Action{}
	}
	return json.Marshal(q)
}

// create, change, start and remove append an action of that kind, which comes after those that it
// needs.

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

// add appends an action. It drops needs that are no actions of the plan: those are done already.
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
