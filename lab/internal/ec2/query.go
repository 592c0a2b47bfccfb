package ec2

import (
	"cmp"
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// query is what Describe calls share. Calls without pages embed it too: their
// clients send neither MaxResults nor NextToken.
type query struct {
	DryRun     bool
	Filter     []filter
	MaxResults *int
	NextToken  string
}

type filter struct {
	Name  string
	Value []string
}

// values are what a record has under a filter's name; ok is false for a name
// that the call doesn't know. It must answer for an empty record too.
type values[R any] func(r *R, name string) (values []string, ok bool)

// selection is how one kind of record is asked for.
type selection[R any] struct {
	kind   kind
	id     func(*R) string
	tags   func(*R) tags // nil if the kind has none
	values values[R]
	// Limits of MaxResults; zero means 5 and 1000.
	minPage, maxPage int
	// page is what a call without MaxResults gets; zero means all.
	page int
}

// choose answers a Describe call: the records of the IDs asked for, or all,
// that pass the filters, one page of them.
func choose[R any](s selection[R], all []*R, ids []string, q query) (page []*R, next string, err error) {
	if len(ids) > 0 {
		if q.MaxResults != nil {
			return nil, "", badCombination("The parameter %ss and the parameter maxResults cannot both be specified", s.kind.name)
		}
		if all, err = withIDs(s, all, ids); err != nil {
			return nil, "", err
		}
	}
	var found []*R
	matchers, err := compileFilters(s, q.Filter)
	if err != nil {
		return nil, "", err
	}
	for _, r := range all {
		if !slices.ContainsFunc(matchers, func(match func(*R) bool) bool { return !match(r) }) {
			found = append(found, r)
		}
	}
	return paginate(s, found, q)
}

func withIDs[R any](s selection[R], all []*R, ids []string) ([]*R, error) {
	byID := map[string]*R{}
	for _, r := range all {
		byID[s.id(r)] = r
	}
	var found []*R
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		r, err := find(s.kind, byID, id)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// compileFilters makes a predicate of each filter. The filters of a call are
// joined with AND, the values of a filter with OR (EC2 User Guide,
// Using_Filtering).
func compileFilters[R any](s selection[R], filters []filter) ([]func(*R) bool, error) {
	var matchers []func(*R) bool
	for _, f := range filters {
		if len(f.Value) == 0 {
			return nil, invalidParameter("The filter '%s' must have at least one value", f.Name)
		}
		have := func(r *R) []string { v, _ := s.values(r, f.Name); return v }
		if key, isTag := strings.CutPrefix(f.Name, "tag:"); isTag && s.tags != nil {
			have = func(r *R) []string {
				if v, ok := s.tags(r)[key]; ok {
					return []string{v}
				}
				return nil
			}
		} else if f.Name == "tag-key" && s.tags != nil {
			have = func(r *R) []string { return sortedKeys(s.tags(r)) }
		} else if _, known := s.values(new(R), f.Name); !known {
			return nil, invalidParameter("The filter '%s' is invalid", f.Name)
		}
		patterns := make([]*regexp.Regexp, len(f.Value))
		for i, v := range f.Value {
			patterns[i] = wildcard(v)
		}
		matchers = append(matchers, func(r *R) bool {
			return slices.ContainsFunc(have(r), func(v string) bool {
				return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(v) })
			})
		})
	}
	return matchers, nil
}

// wildcard compiles a filter's value: * is any text, ? any character, and a
// backslash takes the next character as it is.
func wildcard(pattern string) *regexp.Regexp {
	var b strings.Builder
	escaped := false
	for _, c := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(c)))
			escaped = false
		case c == '\\':
			escaped = true
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(`(?s)\A` + b.String() + `\z`)
}

// paginate cuts a page. The token holds the ID after which the next page
// begins, so records that come and go in between neither repeat nor hide others.
func paginate[R any](s selection[R], found []*R, q query) ([]*R, string, error) {
	if q.NextToken != "" {
		after, err := base64.URLEncoding.DecodeString(q.NextToken)
		if err != nil || !strings.HasPrefix(string(after), s.kind.prefix+" ") {
			return nil, "", fail("InvalidNextToken", "The token '%s' is invalid", q.NextToken)
		}
		last := strings.TrimPrefix(string(after), s.kind.prefix+" ")
		for len(found) > 0 && s.id(found[0]) <= last {
			found = found[1:]
		}
	}
	page := s.page
	if q.MaxResults != nil {
		page = *q.MaxResults
		if least, most := cmp.Or(s.minPage, 5), cmp.Or(s.maxPage, 1000); page < least || page > most {
			return nil, "", invalidParameter("Value ( %d ) for parameter maxResults is invalid. Expecting a value between %d and %d.", page, least, most)
		}
	}
	if page == 0 || len(found) <= page {
		return found, "", nil
	}
	found = found[:page]
	last := s.id(found[len(found)-1])
	return found, base64.URLEncoding.EncodeToString([]byte(s.kind.prefix + " " + last)), nil
}

func joinComma(s []string) string { return strings.Join(s, ", ") }

func one(v string) ([]string, bool) { return []string{v}, true }
func flag(b bool) ([]string, bool)  { return one(strconv.FormatBool(b)) }
func none() ([]string, bool)        { return nil, true }
