// SPDX-License-Identifier: Apache-2.0

package ec2query

// Set is a list in EC2's form: <xxxSet><item>..</item></xxxSet>, present even if empty.
type Set[T any] struct {
	Items []T `xml:"item"`
}

// SetOf renders records.
func SetOf[R, T any](records []R, render func(R) T) Set[T] {
	s := Set[T]{Items: make([]T, 0, len(records))}
	for _, r := range records {
		s.Items = append(s.Items, render(r))
	}
	return s
}

// List is a set of values.
func List[T any](values ...T) Set[T] { return Set[T]{Items: values} }
