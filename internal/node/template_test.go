// SPDX-License-Identifier: Apache-2.0

package node

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestExpand(t *testing.T) {
	known := tags{"one": "1", "lines": "a = 1\nb = 2", "section": "[x]\ny = 1\n", "nothing": "",
		"auth nova": "user = nova", "braces": "{{one}}"}
	for _, tt := range []struct {
		name, source, want, err string
	}{
		{"no tags", "a\n\n%{b} }} {c}\n", "a\n\n%{b} }} {c}\n", ""},
		{"several on a line", "{{one}}: {{one}}\n", "1: 1\n", ""},
		{"of several words", "{{auth nova}}\n", "user = nova\n", ""},
		{"of several lines", "x\n{{lines}}\ny\n", "x\na = 1\nb = 2\ny\n", ""},
		{"a section", "{{section}}\n[z]\n", "[x]\ny = 1\n\n[z]\n", ""},
		{"lines with nothing to say", "x\n{{nothing}}\n{{nothing}}{{nothing}}\n\ny\n", "x\n\ny\n", ""},
		{"nothing in a line", "x = {{nothing}}\n", "x = \n", ""},
		{"no newline at the end", "x\n{{one}}", "x\n1", ""},
		{"values are not read again", "{{braces}}\n", "{{one}}\n", ""},
		{"unknown", "x\ny = {{two}}\n", "", "a.conf, line 2: unknown tag {{two}}"},
		{"unknown word", "{{auth cinder}}\n", "", "a.conf, line 1: unknown tag {{auth cinder}}"},
		{"no words", "{{}}\n", "", "a.conf, line 1: unknown tag {{}}"},
		{"no end", "x\nurl = {{one}\n}}\n", "", "a.conf, line 2: a tag without an end: url = {{one}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := expand(fstest.MapFS{"a.conf": {Data: []byte(tt.source)}}, "a.conf", known)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The content of units is part of the packages' hash, so it must not depend on a node.
func TestRenderUnitsKnowNoNode(t *testing.T) {
	_, err := renderUnits([]service{{systemd: []configFile{{template: "system-id.conf",
		path: "/etc/systemd/system/x.service"}}}})
	if err == nil || !strings.Contains(err.Error(),
		"/etc/systemd/system/x.service: files/system-id.conf, line 1: unknown tag {{node}}") {
		t.Errorf("a unit that names its node: error %v", err)
	}
}
