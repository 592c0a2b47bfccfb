// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"

	"github.com/valyala/fasttemplate"
)

// tags maps the content of a file's {{...}} to its replacement. "auth nova" is one tag: a wrong
// word makes it unknown, not empty.
type tags map[string]string

// with returns t and more; t stays as it is.
func (t tags) with(more tags) tags {
	all := tags{}
	maps.Copy(all, t)
	maps.Copy(all, more)
	return all
}

// expand returns the file at path with its tags replaced. A line of only tags that are all empty is
// left out. A tag that is unknown, or does not end on its line, is an error that names file, line
// and tag.
//
// text/template is not used because it finds methods by name: in a program that does so the linker
// keeps every exported method of every type it reaches, and most of the AWS SDK is methods that
// nobody calls.
func expand(files fs.FS, path string, known tags) ([]byte, error) {
	source, err := fs.ReadFile(files, path)
	if err != nil {
		return nil, fmt.Errorf("reading a template: %w", err)
	}
	var expanded bytes.Buffer
	number := 0
	for line := range strings.Lines(string(source)) {
		number++
		t, err := fasttemplate.NewTemplate(line, "{{", "}}")
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: a tag without an end: %s", path, number, strings.TrimSpace(line))
		}
		text, err := t.ExecuteFuncStringWithErr(func(w io.Writer, tag string) (int, error) {
			value, ok := known[tag]
			if !ok {
				return 0, fmt.Errorf("%s, line %d: unknown tag {{%s}}", path, number, tag)
			}
			return io.WriteString(w, value)
		})
		if err != nil {
			return nil, err
		}
		if text == "\n" && line != "\n" {
			continue
		}
		expanded.WriteString(text)
	}
	return expanded.Bytes(), nil
}
