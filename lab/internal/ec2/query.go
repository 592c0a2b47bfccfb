// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"slices"
	"strings"

	"macaw.example/lab/internal/ec2query"
)

// query holds the parameters common to Describe calls. Calls without pages embed it
// too: their clients send neither MaxResults nor NextToken.
type query struct {
	DryRun     bool
	Filter     []ec2query.Filter
	MaxResults *int
	NextToken  string
}

// described is the response of a call made by describe.
type described[X any] struct {
	response
	Set       namedSet[X]
	NextToken string `xml:"nextToken,omitempty"`
}

type namedSet[X any] struct {
	XMLName xml.Name
	set[X]
}

// describe returns a Describe call without special parameters. It shows the records
// whose IDs are in a parameter, or all, in an element of the response.
func describe[R, X any](ids, element string, show func(*tx, *R) X, limits ...pages) Handler {
	type input struct {
		query
		IDs []string
	}
	return readAs(map[string]string{"IDs": ids}, func(t *tx, in input) (*described[X], error) {
		return list(t, element, show, in.IDs, in.query, limits...)
	})
}

// list answers a Describe call about the records of a resource.
func list[R, X any](t *tx, element string, show func(*tx, *R) X, ids []string, q query,
	limits ...pages) (*described[X], error) {
	r := resourceOf[R]()
	records := r.records(t.model)
	var all []item[X]
	for _, id := range sortedKeys(records) {
		all = append(all, item[X]{id, show(t, records[id])})
	}
	page, next, err := choose(r.kind, all, ids, q, limits...)
	if err != nil {
		return nil, err
	}
	return newDescribed(element, page, next), nil
}

func newDescribed[X any](element string, page set[X], next string) *described[X] {
	return &described[X]{Set: namedSet[X]{xml.Name{Local: element}, page}, NextToken: next}
}

// item is one entry that a Describe call may show.
type item[X any] struct {
	id    string
	shown X
}

// pages are the limits of MaxResults (default 5 and 1000), and the page size of a
// request without MaxResults (default: everything).
type pages struct{ least, most, usual int }

// choose selects the items of a Describe call: those with the given IDs, or all, that
// pass the filters; one page of them, ordered by ID.
func choose[X any](k kind, all []item[X], ids []string, q query,
	limits ...pages) (page set[X], next string, err error) {
	if len(ids) > 0 {
		if q.MaxResults != nil {
			return page, "", badCombination("The parameter %ss and the parameter maxResults cannot both be specified", k.name)
		}
		if all, err = withIDs(k, all, ids); err != nil {
			return page, "", err
		}
	}
	filters, err := ec2query.CompileFilters(ec2query.FilterableOf[X](), q.Filter)
	if err != nil {
		return page, "", err
	}
	found := all
	if len(filters) > 0 {
		found = slices.DeleteFunc(slices.Clone(all),
			func(i item[X]) bool { return !ec2query.FilterableOf(i.shown).Passes(filters) })
	}
	found, next, err = paginate(k, found, q, append(limits, pages{})[0])
	return ec2query.SetOf(found, func(i item[X]) X { return i.shown }), next, err
}

func withIDs[X any](k kind, all []item[X], ids []string) ([]item[X], error) {
	byID := map[string]*item[X]{}
	for n := range all {
		byID[all[n].id] = &all[n]
	}
	var found []item[X]
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		i, err := find(k, byID, id)
		if err != nil {
			return nil, err
		}
		found = append(found, *i)
	}
	return found, nil
}

// paginate cuts a page. The token holds the ID after which the next page begins, so
// records created or deleted in between cause neither repetitions nor gaps.
func paginate[X any](k kind, found []item[X], q query, limits pages) (page []item[X], next string, err error) {
	if q.NextToken != "" {
		token, err := base64.URLEncoding.DecodeString(q.NextToken)
		last, ok := strings.CutPrefix(string(token), k.prefix+" ")
		if err != nil || !ok {
			return nil, "", fail("InvalidNextToken", "The token '%s' is invalid", q.NextToken)
		}
		for len(found) > 0 && found[0].id <= last {
			found = found[1:]
		}
	}
	size := limits.usual
	if q.MaxResults != nil {
		size = *q.MaxResults
		if least, most := cmp.Or(limits.least, 5), cmp.Or(limits.most, 1000); size < least || size > most {
			return nil, "", invalidParameter("Value ( %d ) for parameter maxResults is invalid. "+
				"Expecting a value between %d and %d.", size, least, most)
		}
	}
	if size == 0 || len(found) <= size {
		return found, "", nil
	}
	page = found[:size]
	return page, base64.URLEncoding.EncodeToString([]byte(k.prefix + " " + page[size-1].id)), nil
}

func joinComma(s []string) string { return strings.Join(s, ", ") }
