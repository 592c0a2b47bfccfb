// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"iter"
)

// Paginator is a paginator of the SDK, for responses O and a service's options F.
type Paginator[O, F any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*F)) (*O, error)
}

// Pages requests one page after the other. An error ends the sequence.
func Pages[O, F any](ctx context.Context, p Paginator[O, F]) iter.Seq2[*O, error] {
	return func(yield func(*O, error) bool) {
		for p.HasMorePages() {
			page, err := p.NextPage(ctx)
			if !yield(page, err) || err != nil {
				return
			}
		}
	}
}

// Collect returns the items of all pages.
func Collect[O, F, T any](ctx context.Context, p Paginator[O, F], items func(*O) []T) ([]T, error) {
	var all []T
	for page, err := range Pages(ctx, p) {
		if err != nil {
			return nil, err
		}
		all = append(all, items(page)...)
	}
	return all, nil
}
