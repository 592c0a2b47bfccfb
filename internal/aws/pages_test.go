// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// book has pages of items; AWS refuses a nil page.
type book [][]int

type page struct{ items []int }

type settings struct{}

func (b *book) HasMorePages() bool { return len(*b) > 0 }

var errTorn = errors.New("torn out")

func (b *book) NextPage(context.Context, ...func(*settings)) (*page, error) {
	items := (*b)[0]
	*b = (*b)[1:]
	if items == nil {
		return nil, errTorn
	}
	return &page{items}, nil
}

func TestCollect(t *testing.T) {
	items := func(p *page) []int { return p.items }
	got, err := Collect(t.Context(), &book{{1, 2}, {}, {3}}, items)
	if err != nil || !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := Collect(t.Context(), &book{{1}, nil, {2}}, items); !errors.Is(err, errTorn) || got != nil {
		t.Errorf("with a page that is refused: %v, %v", got, err)
	}
	left := &book{{1}, {2}, {3}}
	for p := range Pages(t.Context(), left) {
		if p.items[0] == 2 {
			break
		}
	}
	if len(*left) != 1 {
		t.Errorf("asked for pages that nobody wanted: %v are left", *left)
	}
}
