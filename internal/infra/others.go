// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"strings"

	"macaw.example/internal/inventory"
)

// Kept is a resource that stays when its cloud is removed.
type Kept struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Detail string `json:"detail,omitempty"`
	// By names the resources of others that need it.
	By []string `json:"by"`
}

// String formats it as a line of the plan.
func (k Kept) String() string {
	not := "which is not the cloud's"
	if len(k.By) > 1 {
		not = "which are not the cloud's"
	}
	return fmt.Sprintf("%s %s stays: in use by %s, %s", k.Object, k.Detail, strings.Join(k.By, ", "), not)
}

// KeptError reports that a cloud was removed except for resources that others use.
type KeptError struct {
	Cloud string
	Kept  []Kept
}

// Error has a line for each resource that stays.
func (e *KeptError) Error() string {
	lines := []string{fmt.Sprintf("cloud %s was removed, except for resources that others use", e.Cloud)}
	for _, k := range e.Kept {
		lines = append(lines, k.String())
	}
	return strings.Join(lines, "\n")
}

// Hint suggests what to do.
func (e *KeptError) Hint() string {
	return "remove the resources of others, then run the same command again"
}

// blocked reports that a resource of others blocks a removal, added after the plan was made.
type blocked struct {
	by  []string
	err error
}

func (e *blocked) Error() string {
	return fmt.Sprintf("blocked by %s, which is not the cloud's: %v", strings.Join(e.by, ", "), e.err)
}

func (e *blocked) Unwrap() error { return e.err }

// Hint suggests what to do.
func (e *blocked) Hint() string { return (&KeptError{}).Hint() }

// blocks finds out why AWS refuses to remove a resource. It returns a blocked error if others use
// it, and nil if a retry may succeed.
func (a *applier) blocks(ctx context.Context, id string, refusal error) error {
	seen, err := inventory.See(ctx, a.api, a.iam, a.cloud)
	if err != nil {
		return nil // the caller retries
	}
	all, err := inventory.SeeOthers(ctx, a.api, seen)
	if err != nil {
		return nil
	}
	if by := inventory.Keepers(seen, all)[id]; len(by) > 0 {
		return &blocked{by, refusal}
	}
	return nil
}
