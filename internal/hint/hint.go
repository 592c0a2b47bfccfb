// SPDX-License-Identifier: Apache-2.0

// Package hint adds hints to errors: what the reader can do.
//
// Any error can have a hint by a method Hint() string; [With] adds one to an error, and [All]
// returns the hints of an error and of everything that it wraps. Commands print them below the
// error as "hint:" lines. The package never changes an error's text, nor what errors.Is and
// errors.As find in it.
package hint

import (
	"fmt"
	"slices"
)

// Hinter is an error with a hint.
type Hinter interface {
	error
	// Hint suggests what the reader can do: a command to run, a setting to check; it may be empty.
	Hint() string
}

type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }
func (e *hinted) Hint() string  { return e.hint }

// With adds a hint to an error; nil stays nil.
func With(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// All returns the hints of an error and of all errors that it wraps, the outermost first and each
// once.
func All(err error) (hints []string) {
	var walk func(error)
	walk = func(err error) {
		if h, ok := err.(Hinter); ok && h.Hint() != "" && !slices.Contains(hints, h.Hint()) {
			hints = append(hints, h.Hint())
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, one := range e.Unwrap() {
				walk(one)
			}
		}
	}
	walk(err)
	return hints
}
