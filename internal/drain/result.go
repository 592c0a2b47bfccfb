// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/hint"
)

// Result is what has become of a node's guests.
type Result struct {
	Node   string    `json:"node"`
	Guests []Outcome `json:"guests"`
}

// Outcome is what has become of a guest. Of To, Gone and Stayed exactly one is set.
type Outcome struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Project string `json:"project"` // name
	Flavor  string `json:"flavor"`
	How     How    `json:"how,omitempty"` // empty if nothing was done in this run
	// To is the node where it is now; a guest that is shelved is in Glance, and on none.
	To string `json:"to,omitempty"`
	// Gone means that somebody has deleted it meanwhile.
	Gone bool `json:"gone,omitempty"`
	// Stayed is why it has not moved, Hint what the operator can do about that.
	Stayed string `json:"stayed,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// noNode is To of a guest that is on no node.
const noNode = "no node: it is shelved"

func (r *Result) sort() {
	slices.SortFunc(
		r.Guests,
		func(a, b Outcome) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) },
	)
}

// Left are the guests that are still on the node.
func (r Result) Left() []Outcome {
	return slices.DeleteFunc(slices.Clone(r.Guests), func(o Outcome) bool { return o.Stayed == "" })
}

// Err returns an error that names the guests that are still on the node, with what can be done about each.
func (r Result) Err() error {
	left := r.Left()
	if len(left) == 0 {
		return nil
	}
	var names []string
	for _, o := range left {
		names = append(names, fmt.Sprintf("%s of project %s (%s): %s", o.Name, o.Project, o.ID, o.Stayed))
	}
	err := fmt.Errorf(
		"%d of %d guests are still on node %s: %s",
		len(left),
		len(r.Guests),
		r.Node,
		strings.Join(names, "; "),
	)
	var said []string
	for _, o := range left {
		if o.Hint != "" && !slices.Contains(said, o.Hint) {
			said = append(said, o.Hint)
			err = hint.With(err, "%s: %s", o.Name, o.Hint)
		}
	}
	return err
}
