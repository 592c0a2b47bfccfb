// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"net/netip"
	"os"
	"regexp"
	"slices"
	"testing"
)

// README.md shows the steps of this package as they are.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, m := range regexp.MustCompile(`(?m)^ +[0-9.]+s ✓ verify    (.*)  [0-9.]+s$`).FindAllStringSubmatch(string(text), -1) {
		shown = append(shown, m[1])
	}
	want := []string{stepLogIn, stepBuild}
	for _, c := range (&tenant{}).checks(Config{
		Ping: netip.MustParseAddr("8.8.8.8"), Download: "http://www.example.com/bytes/1048576",
	}) {
		want = append(want, c.what)
	}
	if want = append(want, stepRemove); !slices.Equal(shown, want) {
		t.Errorf("README.md shows\n%q\nwant\n%q", shown, want)
	}
}
