// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type innerXML struct {
	Name string `xml:"name" filter:"name"`
	Up   string `xml:"up,omitempty" filter:"up,../up"`
	Top  int    `xml:"top" filter:"/top"`
}

type outerXML struct {
	ID     string        `xml:"id" filter:"outer-id,outerId"`
	On     bool          `xml:"on" filter:"on"`
	Hidden string        `xml:"hidden"`
	List   set[innerXML] `xml:"list" filter:"list"`
	One    *innerXML     `xml:"one" filter:"a.b"`
	Here   innerXML      `xml:"here" filter:""`
	Texts  set[string]   `xml:"texts" filter:"text"`
	Tags   set[tagXML]   `xml:"tags" filter:""`
}

// A filter's values are those of the fields with its name in their tag.
func TestFilterable(t *testing.T) {
	x := outerXML{ID: "o", Hidden: "h", Here: innerXML{"here", "", 7}, Texts: set[string]{[]string{"s", "t"}},
		List: set[innerXML]{[]innerXML{{"a", "ua", 1}, {"b", "", 2}}}, Tags: tags{"k": "v"}.xml()}
	want := filterable{"outer-id": {"o"}, "outerId": {"o"}, "on": {"false"}, "list.name": {"a", "b"}, "list.up": {"ua"},
		"up": {"ua"}, "a.b.name": nil, "a.b.up": nil, "a.up": nil, "name": {"here"}, "top": {"7"}, "text": {"s", "t"},
		"tag-key": {"k"}, "tag:k": {"v"}}
	if diff := cmp.Diff(want, filterableOf(x)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	names := filterableOf[outerXML]()
	for name, values := range names {
		if _, ok := want[name]; !ok || len(values) > 0 {
			t.Errorf("of the type alone: %s %v", name, values)
		}
	}
	if len(names) != len(want)-1 {
		t.Errorf("of the type alone: %v", sortedKeys(names))
	}
}
