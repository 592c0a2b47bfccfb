// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
)

type inner struct {
	List []string       `json:"list"`
	None []string       `json:"none,omitempty"`
	More map[string]any `json:"more,omitempty"`
}

type outer struct {
	inner // not exported, and embedded
	Also  `json:"also"`
	Ptr   *inner     `json:"ptr"`
	Nil   *inner     `json:"nil"`
	All   []inner    `json:"all"`
	Any   any        `json:"any"`
	Addr  netip.Addr `json:"addr"`
	Bytes []byte     `json:"bytes"`
	quiet []string
}

// Also is exported, and embedded.
type Also struct {
	Lists [][]int `json:"lists"`
}

func TestListsAreNeverNull(t *testing.T) {
	v := outer{
		Also: Also{Lists: [][]int{nil}}, Ptr: &inner{More: map[string]any{"a": []int(nil)}}, All: make([]inner, 1),
		Any: inner{}, Addr: netip.MustParseAddr("10.0.1.64"), quiet: []string{"stays"},
	}
	var out bytes.Buffer
	term := New(&out, &out)
	term.Output = "json"
	if err := term.Print(v, nil); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, out.Bytes()); err != nil {
		t.Fatal(err)
	}
	want := `{"list":[],"also":{"lists":[[]]},"ptr":{"list":[],"more":{"a":[]}},"nil":null,"all":[{"list":[]}],` +
		`"any":{"list":[]},"addr":"10.0.1.64","bytes":null}`
	if got.String() != want {
		t.Errorf("got  %s\nwant %s", &got, want)
	}
	if v.Ptr.List != nil || len(v.quiet) != 1 {
		t.Error("the value itself was changed")
	}
}
