// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"
)

// Error is one mistake in a cloud file.
type Error struct {
	File         string
	Line, Column int // both counted from 1
	Message      string
	// Hint suggests a correction; it may be empty.
	Hint string
}

// Error returns "file:line:column: message".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// places has the position of each value in the cloud file.
type places struct {
	file string
	at   map[string]position
}

// find returns the position of a value; for a default, its parent's; at last, the file's start.
func (p places) find(path string) position {
	for at := path; ; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
		if found, ok := p.at[at]; ok {
			return found
		}
		if at == "" {
			return position{1, 1}
		}
	}
}

// Reject returns an error, of type Errors, for the value at path, such as "nodes[0].type". It is
// for checks that the file's parser cannot make.
func (c *Cloud) Reject(path, hint, format string, args ...any) error {
	at := c.places.find(path)
	return Errors{{File: c.places.file, Line: at.line, Column: at.column,
		Message: path + ": " + fmt.Sprintf(format, args...), Hint: hint}}
}

// Place returns where the cloud file has the value at path: "file:line:column".
func (c *Cloud) Place(path string) string {
	at := c.places.find(path)
	return fmt.Sprintf("%s:%d:%d", c.places.file, at.line, at.column)
}

// FileName is the path of the cloud file, as given.
func (c *Cloud) FileName() string { return c.places.file }

// Beside returns a path that the cloud file names, which may be relative to that file.
func (c *Cloud) Beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.places.file), path)
}

// Errors are all mistakes in a cloud file, in the file's order.
type Errors []*Error

// Error returns a line for each error and an indented one for each hint.
func (es Errors) Error() string {
	var b strings.Builder
	for i, e := range es {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
		if e.Hint != "" {
			b.WriteString("\n    hint: " + e.Hint)
		}
	}
	return b.String()
}

func (es Errors) sort() {
	sort.SliceStable(es, func(i, j int) bool {
		if es[i].Line != es[j].Line {
			return es[i].Line < es[j].Line
		}
		return es[i].Column < es[j].Column
	})
}

// closest returns the word that was probably meant, or the empty string.
func closest(word string, words []string) string {
	best, bestDistance := "", 3
	if len(word) < 6 { // two letters of a short word make another one
		bestDistance = 2
	}
	for _, w := range words {
		d := distance(strings.ToLower(word), strings.ToLower(w))
		if d < bestDistance && d < len(w) {
			best, bestDistance = w, d
		}
	}
	return best
}

// distance is the Levenshtein distance, with a swap of neighbours as one step.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
