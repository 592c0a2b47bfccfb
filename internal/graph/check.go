// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Check finds duplicate names, unknown needs and cycles.
func Check(steps []Step) error {
	needs := map[string][]string{}
	for _, s := range steps {
		if _, ok := needs[s.Name]; ok {
			return fmt.Errorf("step %q occurs twice", s.Name)
		}
		needs[s.Name] = s.Needs
	}
	clean := map[string]bool{}
	var visit func(name string, path []string) error
	visit = func(name string, path []string) error {
		if clean[name] {
			return nil
		}
		if slices.Contains(path, name) {
			return fmt.Errorf("steps need each other: %s", strings.Join(append(path, name), " -> "))
		}
		for _, n := range needs[name] {
			if _, ok := needs[n]; !ok {
				return fmt.Errorf("step %q needs %q, which does not exist", name, n)
			}
			if err := visit(n, append(path, name)); err != nil {
				return err
			}
		}
		clean[name] = true
		return nil
	}
	for _, s := range steps {
		if err := visit(s.Name, nil); err != nil {
			return err
		}
	}
	return nil
}
