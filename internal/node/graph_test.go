package node

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
)

func TestRunGraph(t *testing.T) {
	broken := errors.New("broken")
	var mu sync.Mutex
	var order []string
	does := func(name string, err error) func(context.Context) error {
		return func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return err
		}
	}
	got := map[string]State{}
	err := runGraph(t.Context(), []step{
		{"c", []string{"b"}, does("c", nil)},
		{"b", []string{"a"}, does("b", errNothingToDo)},
		{"a", nil, does("a", nil)},
		{"bad", []string{"c"}, does("bad", broken)},
		{"never", []string{"bad", "a"}, does("never", nil)},
		{"nor this", []string{"never"}, does("nor this", nil)},
	}, func(e Event) { got[e.Step] = e.State })
	if !errors.Is(err, broken) {
		t.Errorf("error = %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "bad"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	want := map[string]State{"a": Done, "b": Skipped, "c": Done, "bad": Failed, "never": Skipped, "nor this": Skipped}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("last states (-want +got):\n%s", diff)
	}
}

func TestCheckGraph(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"circle", []step{{name: "a", needs: []string{"b"}}, {name: "b", needs: []string{"a"}}}, "need each other: a -> b -> a"},
		{"unknown", []step{{name: "a", needs: []string{"b"}}}, `needs "b", which does not exist`},
		{"twice", []step{{name: "a"}, {name: "a"}}, "occurs twice"},
	} {
		if err := checkGraph(tt.steps); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestSteps(t *testing.T) {
	for _, roles := range [][]model.Role{{model.Controller, model.Compute, model.Gateway}, {model.Controller}, {model.Compute}, {model.Gateway}, {model.Controller, model.Gateway}} {
		n := &node{spec: allInOne()}
		n.spec.Roles = roles
		if err := checkGraph(n.steps()); err != nil {
			t.Errorf("roles %v: %v", roles, err)
		}
	}
	// On a node with every role, no need may have been dropped as another node's.
	n := &node{spec: allInOne()}
	if err := checkGraph(n.everyStep()); err != nil {
		t.Error(err)
	}
}
