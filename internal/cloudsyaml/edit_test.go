// SPDX-License-Identifier: Apache-2.0

package cloudsyaml

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const entry = `auth:
  auth_url: http://198.51.100.10:5000/v3
  username: admin
  password: "p: #'\"x"
region_name: RegionOne
`

// block is the entry in a file, below "clouds:".
const block = `  lab:
    auth:
      auth_url: http://198.51.100.10:5000/v3
      username: admin
      password: "p: #'\"x"
    region_name: RegionOne
`

// odd are files in users' styles. In want, @ is the entry; a file without want is refused for the
// reason.
var odd = []struct{ name, text, want, reason string }{
	{"no file", "", "clouds: # added by macaw\n@", ""},
	{"only comments", "# mine\n", "# mine\nclouds: # added by macaw\n@", ""},
	{"only a document's begin", "---\n", "---\nclouds: # added by macaw\n@", ""},
	{"begin and end", "---\n...\n", "---\nclouds: # added by macaw\n@...\n", ""},
	{"clouds is null", "clouds:\n", "clouds:\n@", ""},
	{"clouds is null, commented", "clouds: # none yet\n# end\n", "clouds: # none yet\n@# end\n", ""},
	{"comments everywhere", "# top\nclouds: # here\n  # at work\n  work: # mine\n    # the VPN\n    region_name: x # " +
		"y\n# tail\ncache: {}\n",
		"# top\nclouds: # here\n@  # at work\n  work: # mine\n    # the VPN\n    region_name: x # y\n# tail\ncache: {}\n",
		""},
	{"anchors, aliases, merge keys",
		"x: &base\n  verify: no\nclouds: &c\n  a: &a {<<: *base}\n  b:\n    <<: *base\n  c: *a\ny: *c\n",
		"x: &base\n  verify: no\nclouds: &c\n@  a: &a {<<: *base}\n  b:\n    <<: *base\n  c: *a\ny: *c\n", ""},
	{"a BOM", "\ufeffclouds:\n  a: {}\n", "\ufeffclouds:\n@  a: {}\n", ""},
	{"a BOM and braces", "\ufeffclouds: {a: {}}\n", "", "braces"},
	{"booleans and numbers of YAML 1.1",
		"clouds:\n  a: {verify: no, x: yes, y: on, z: off, n: 0o17, m: 017, t: 1:30, big: 36893488147419103232, f: .inf, " +
			"d: 2001-01-01}\n",
		"clouds:\n@  a: {verify: no, x: yes, y: on, z: off, n: 0o17, m: 017, t: 1:30, big: 36893488147419103232, f: .inf, " +
			"d: 2001-01-01}\n", ""},
	{"escaped control characters", "clouds:\n  a:\n    password: \"\\t\\e\\x07\\0\\u2028\"\n    other: '\t'\n",
		"clouds:\n@  a:\n    password: \"\\t\\e\\x07\\0\\u2028\"\n    other: '\t'\n", ""},
	{"CRLF", "# a\r\nclouds:\r\n  a:\r\n    x: 1\r\n", "# a\r\nclouds:\r\n@  a:\r\n    x: 1\r\n", ""},
	{"duplicate keys elsewhere", "clouds:\n  a: {x: 1, x: 2}\n  a: {x: 3}\nz: 1\nz: 2\n",
		"clouds:\n@  a: {x: 1, x: 2}\n  a: {x: 3}\nz: 1\nz: 2\n", ""},
	{"no newline at the end", "clouds:\n  a:\n    x: 1", "clouds:\n@  a:\n    x: 1", ""},
	{"no newline behind clouds", "clouds:", "clouds:\n@-", ""},
	{"no newline and no clouds", "cache:\n  x: 1", "cache:\n  x: 1\nclouds: # added by macaw\n@-", ""},
	{"ends within text", "note: |\n  hello", "clouds: # added by macaw\n@note: |\n  hello", ""},
	{"ends with text that keeps its end", "note: |+\n  hello\n\n\n", "note: |+\n  hello\n\n\nclouds: # added by macaw\n@",
		""},
	{"text that looks like keys", "clouds:\n  a:\n    note: |\n      clouds:\n        lab: no\n     \n    x: 'y\n\n    " +
		"  lab: z'\n", "clouds:\n@  a:\n    note: |\n      clouds:\n        lab: no\n     \n    x: 'y\n\n      lab: z'\n",
		""},
	{"other keys before and after", "a: 1\nclouds:\n  b: {}\nz: 2\n", "a: 1\nclouds:\n@  b: {}\nz: 2\n", ""},
	{"other keys only", "a: 1\n", "a: 1\nclouds: # added by macaw\n@", ""},
	{"the root is indented", "  clouds:\n    a: {}\n", "  clouds:\n@@  a: {}\n", "-"},
	{"document markers", "%YAML 1.1\n---\nclouds:\n  a: {}\n...\n", "%YAML 1.1\n---\nclouds:\n@  a: {}\n...\n", ""},
	{"lists that are not indented", "clouds:\n  a:\n    regions:\n    - x\n    - y\n",
		"clouds:\n@  a:\n    regions:\n    - x\n    - y\n", ""},
	{"tabs", "clouds:\n  a: \"x\ty\" #\tz\n", "clouds:\n@  a: \"x\ty\" #\tz\n", ""},
	{"other line ends of YAML 1.1", "x: \"a\u2028b\"\n# \u0085clouds:\n  a: {}\n",
		"x: \"a\u2028b\"\n# \u0085clouds:\n@  a: {}\n", ""},
	{"clouds in braces, empty", "clouds: {}\n", "", "braces"},
	{"all in braces", "# c\n{clouds: {a: {x: 1}}, z: 2}\n", "", "braces"},
	{"clouds on the next line, in braces", "clouds:\n  {a: {x: 1}}\n", "", "braces"},

	{"two documents", "clouds:\n  a: {}\n---\nb: 1\n", "", "line 3: there is a second document"},
	{"a document that ends and another", "clouds:\n  a: {}\n...\n---\nb: 1\n", "", "second document"},
	{"clouds is a list", "clouds: [a]\n", "", `line 1: "clouds" is not a mapping`},
	{"clouds is an alias", "x: &c {}\nclouds: *c\n", "", `line 2: "clouds" is not a mapping`},
	{"clouds is null in words", "clouds: ~\n", "", "can't be changed without touching others"},
	{"clouds twice", "clouds:\n  a: {}\nclouds:\n  b: {}\n", "", "lines 1 and 3"},
	{"lab twice", "clouds:\n  lab: {}\n  a: {}\n  'lab': {}\n", "", "lines 2 and 4"},
	{"no mapping", "- a\n", "", "line 1: it is not a mapping"},
	{"not YAML", "clouds:\n  a: [\n", "", "line 2"},
	{"a tab for indentation", "clouds:\n\ta: 1\n", "", "line 2"},
	{"a raw control character", "clouds:\n  a: \"\x1b\"\n", "", "control characters are not allowed"},
	{"not UTF-8", "clouds:\n  a: \xff\n", "", "not UTF-8"},
	{"UTF-16", "\xff\xfec\x00:\x00\n\x00", "", "not UTF-8"},
	{"an anchor on a line of its own", "clouds:\n  &c\n  a: {}\n", "", "can't be changed without touching others"},
	{"explicit keys", "? clouds\n:\n  a: {}\n", "", "can't be changed without touching others"},
}

func TestOddFilesStayAsTheyAre(t *testing.T) {
	var texts [][2]string
	for _, tt := range odd {
		t.Run(tt.name, func(t *testing.T) {
			with, err := Set([]byte(tt.text), "lab", []byte(entry))
			if tt.want == "" && tt.reason != "braces" {
				var oddity *OddError
				if !errors.As(err, &oddity) || !strings.Contains(err.Error(), tt.reason) {
					t.Fatalf("Set: %v, want an OddError with %q; made\n%s", err, tt.reason, with)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.want != "" && tt.reason == "" {
				if diff := cmp.Diff(expand(tt.want, tt.text), string(with)); diff != "" {
					t.Errorf("with the entry (-want +got):\n%s", diff)
				}
			}
			again, err := Set(with, "lab", []byte(entry))
			if err != nil || !bytes.Equal(again, with) {
				t.Errorf("a second time: %v\n%s", err, cmp.Diff(string(with), string(again)))
			}
			other, err := Set(with, "lab", []byte("auth: {auth_url: x}\nlist: [1, two]\n"))
			if err != nil {
				t.Fatalf("another entry: %v", err)
			}
			for _, text := range [][]byte{with, other} {
				without, err := Remove(text, "lab")
				if err != nil || string(without) != tt.text {
					t.Errorf("without the entry again: %v\n%s", err, cmp.Diff(tt.text, string(without)))
				}
			}
			texts = append(texts, [2]string{tt.text, string(with)})
		})
	}
	samePyYAML(t, texts)
}

// expand replaces the @ in want by the entry, with the line breaks of text. After "-" the last line
// break is missing.
func expand(want, text string) string {
	e := block
	if strings.Contains(text, "\r\n") {
		e = strings.ReplaceAll(block, "\n", "\r\n")
	}
	want = strings.ReplaceAll(want, "@", e)
	if short, ok := strings.CutSuffix(want, "\n-"); ok {
		return short
	}
	return want
}

// pyYAML compares what PyYAML, which OpenStack's clients use, reads in texts without and with the
// entry.
const pyYAML = `
import json, sys, yaml
for before, after in json.load(sys.stdin):
    was, now = yaml.safe_load(before) or {}, yaml.safe_load(after)
    assert now["clouds"].pop("lab")["auth"]["password"] == "p: #'\"x", after
    for c in was, now:
        if not c.get("clouds"): c.pop("clouds", None)
    assert repr(was) == repr(now), (before, after)
`

func samePyYAML(t *testing.T, texts [][2]string) {
	t.Helper()
	if exec.Command("python3", "-c", "import yaml").Run() != nil {
		t.Log("not compared: no python3-yaml")
		return
	}
	b, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", pyYAML)
	cmd.Stdin = bytes.NewReader(b)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("PyYAML reads something else: %v\n%s", err, out)
	}
}

func TestAnEntryInItsPlace(t *testing.T) {
	const theirs = "  a:\n    x: 1\n"
	old := "  'lab':\n    # mine\n    auth: {}\n\n    more:\n    - 1\n"
	for name, text := range map[string]string{
		"first": "clouds:\n" + old + theirs, "last": "clouds:\n" + theirs + old,
		"in the middle":      "clouds:\n" + theirs + old + "\n  # b\n  b: 1\n",
		"last before others": "clouds:\n" + theirs + old + "\n# z\nz: 1\n",
	} {
		got, err := Set([]byte(text), "lab", []byte(entry))
		if want := strings.Replace(text, old, block, 1); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(want, string(got)))
		}
		got, err = Remove([]byte(text), "lab")
		if want := strings.Replace(text, old, "", 1); err != nil || string(got) != want {
			t.Errorf("%s, removed: %v\n%s", name, err, cmp.Diff(want, string(got)))
		}
	}
}

func FuzzEdit(f *testing.F) {
	for _, tt := range odd {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		with, err := Set(text, "lab", []byte(entry))
		var oddity *OddError
		if errors.As(err, &oddity) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		before, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		after, err := parse(with)
		if err != nil {
			t.Fatal(err)
		}
		if err := before.differs(after, "lab"); err != nil {
			t.Fatal(err)
		}
		had, err := before.entry("lab")
		if err != nil {
			t.Fatal(err)
		}
		without, err := Remove(with, "lab")
		if errors.As(err, &oddity) && had != nil {
			return
		}
		if err != nil {
			t.Fatalf("what was put in can't be taken out: %v", err)
		}
		if had == nil && !bytes.Equal(without, text) {
			t.Fatalf("put in and taken out:\n%s", cmp.Diff(string(text), string(without)))
		}
	})
}
