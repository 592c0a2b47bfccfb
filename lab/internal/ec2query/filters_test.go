// SPDX-License-Identifier: Apache-2.0

package ec2query

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type innerXML struct {
	Name string `xml:"name" filter:"name"`
	Up   string `xml:"up,omitempty" filter:"up,../up"`
	Top  int    `xml:"top" filter:"/top"`
}

type tagXML struct {
	Key   string `xml:"key" filter:"tag-key"`
	Value string `xml:"value"`
}

func (t tagXML) Tag() (key, value string) { return t.Key, t.Value }

type outerXML struct {
	ID     string        `xml:"id" filter:"outer-id,outerId"`
	On     bool          `xml:"on" filter:"on"`
	Hidden string        `xml:"hidden"`
	List   Set[innerXML] `xml:"list" filter:"list"`
	One    *innerXML     `xml:"one" filter:"a.b"`
	Here   innerXML      `xml:"here" filter:""`
	inner  innerXML      `filter:"private"`
	Texts  Set[string]   `xml:"texts" filter:"text"`
	Tags   Set[tagXML]   `xml:"tags" filter:""`
}

// A filter's values are those of the fields with its name in their tag.
func TestFilterable(t *testing.T) {
	x := outerXML{ID: "o", Hidden: "h", Here: innerXML{"here", "", 7}, inner: innerXML{Name: "in"},
		Texts: Set[string]{[]string{"s", "t"}},
		List:  Set[innerXML]{[]innerXML{{"a", "ua", 1}, {"b", "", 2}}}, Tags: Set[tagXML]{[]tagXML{{"k", "v"}}}}
	want := Filterable{"outer-id": {"o"}, "outerId": {"o"}, "on": {"false"}, "list.name": {"a", "b"}, "list.up": {"ua"},
		"up": {"ua"}, "a.b.name": nil, "a.b.up": nil, "a.up": nil, "name": {"here"}, "top": {"7"}, "text": {"s", "t"},
		"tag-key": {"k"}, "private.name": {"in"}, "private.up": nil, "tag:k": {"v"}}
	if diff := cmp.Diff(want, FilterableOf(x)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	names := FilterableOf[outerXML]()
	for name, values := range names {
		if _, ok := want[name]; !ok || len(values) > 0 {
			t.Errorf("of the type alone: %s %v", name, values)
		}
	}
	if len(names) != len(want)-1 {
		t.Errorf("of the type alone: %v", names)
	}
}
