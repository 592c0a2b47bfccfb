// SPDX-License-Identifier: Apache-2.0

package cloudsyaml

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// lines is a text split into lines, each with its line break. Lines end where YAML 1.1 (5.4) says,
// because a parser's line numbers follow it.
type lines struct{ all []string }

func splitLines(text []byte) *lines {
	l := &lines{}
	for rest := string(text); rest != ""; {
		n := len(rest)
		if i := strings.IndexAny(rest, "\n\r\u0085\u2028\u2029"); i >= 0 {
			_, size := utf8.DecodeRuneInString(rest[i:])
			n = i + size
			if strings.HasPrefix(rest[i:], "\r\n") {
				n = i + 2
			}
		}
		l.all = append(l.all, rest[:n])
		rest = rest[n:]
	}
	return l
}

func (l *lines) text() []byte { return []byte(strings.Join(l.all, "")) }

// eol is the text's first line break.
func (l *lines) eol() string {
	if len(l.all) > 0 && strings.HasSuffix(l.all[0], "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// unfinished reports whether the last line has no line break.
func (l *lines) unfinished() bool {
	return len(l.all) > 0 && strings.TrimRight(l.all[len(l.all)-1], "\n\r\u0085\u2028\u2029") == l.all[len(l.all)-1]
}

// end is the index at which appended lines belong: the end of the text, or of the document.
func (l *lines) end() int {
	for i, line := range l.all {
		if rest, ok := strings.CutPrefix(line, "..."); ok && strings.TrimRight(rest, " \t\r\n") == "" {
			return i
		}
	}
	return len(l.all)
}

func (l *lines) insert(at int, with []string) []byte {
	return l.replace(min(at, len(l.all)), min(at, len(l.all)), with)
}

// replace returns the text with some lines replaced. If the last line has no line break, that stays
// so, so that removing the lines restores the text.
func (l *lines) replace(from, to int, with []string) []byte {
	open := l.unfinished() && to == len(l.all)
	var b bytes.Buffer
	for _, line := range l.all[:from] {
		b.WriteString(line)
	}
	if open && from == to && from > 0 {
		b.WriteString(l.eol())
	}
	for _, line := range with {
		b.WriteString(line)
	}
	for _, line := range l.all[to:] {
		b.WriteString(line)
	}
	out := b.Bytes()
	if open && len(out) > 0 {
		for _, eol := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
			if cut, ok := bytes.CutSuffix(out, []byte(eol)); ok {
				return cut
			}
		}
	}
	return out
}

// blockEnd returns the line after the block that begins at from: the one after the last line that
// is indented more and is not a comment.
func (l *lines) blockEnd(from, indent int) int {
	end := from + 1
	for i := from + 1; i < len(l.all); i++ {
		content := strings.TrimLeft(l.all[i], " ")
		if strings.TrimSpace(content) == "" || content[0] == '#' {
			continue
		}
		if len(l.all[i])-len(content) <= indent {
			break
		}
		end = i + 1
	}
	return end
}

// offset is the byte offset of a node's start; negative if it is not in the text.
func (l *lines) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(l.all) {
		return -1
	}
	offset := 0
	for _, line := range l.all[:n.Line-1] {
		offset += len(line)
	}
	line := l.all[n.Line-1]
	if n.Line == 1 {
		if rest, ok := strings.CutPrefix(line, "\ufeff"); ok {
			offset += len(line) - len(rest)
			line = rest
		}
	}
	for range n.Column - 1 { // a parser counts characters
		_, size := utf8.DecodeRuneInString(line)
		if size == 0 {
			return -1
		}
		offset += size
		line = line[size:]
	}
	if line == "" {
		return -1
	}
	return offset
}
