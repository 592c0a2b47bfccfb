// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
)

func TestHints(t *testing.T) {
	one, two := hint.With(errors.New("one"), "look at one"), hint.With(errors.New("two"), "look at two")
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"none", errors.New("one"), "error: one\n"},
		{"a chain", hint.With(fmt.Errorf("doing: %w", one), "look around"),
			"error: doing: one\nhint: look around\nhint: look at one\n"},
		{"joined", errors.Join(one, two), "error: one\nerror: two\nhint: look at one\nhint: look at two\n"},
		{"joined below", fmt.Errorf("doing: %w", errors.Join(errors.New("x"), fmt.Errorf("y: %w", two))),
			"error: doing: x\nerror: y: two\nhint: look at two\n"},
		{"two wrapped", fmt.Errorf("%w, and %w", one, two), "error: one, and two\nhint: look at one\nhint: look at two\n"},
		{"of a file", cloud.Errors{{File: "x", Line: 1, Column: 2, Message: "one", Hint: "look at one"},
			{File: "x", Line: 3, Column: 4, Message: "two"}},
			"error: x:1:2: one\nhint: look at one\nerror: x:3:4: two\n"},
		{"the same twice", errors.Join(one, one), "error: one\nerror: one\nhint: look at one\n"},
	} {
		var b strings.Builder
		if code := Report(&b, tt.err); b.String() != tt.want || code != ExitFailure {
			t.Errorf("%s: exit status %d:\n%s\nwant\n%s", tt.name, code, &b, tt.want)
		}
	}
	if code := Report(&strings.Builder{}, errors.Join(errors.New("x"), Usage(errors.New("y")))); code != ExitUsage {
		t.Errorf("exit status %d", code)
	}
}
