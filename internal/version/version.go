// Package version says which version of Macaw a program is.
package version

import (
	"runtime/debug"
	"strings"
)

// tag is the version of a release, such as v0.1.0; the linker sets it (-X).
var tag string

// String is the version with its commit and the day of that, such as
// "v0.1.0 (1a2b3c4d5e6f, 2026-11-29)".
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return orDevel(tag)
	}
	return describe(tag, info)
}

func describe(tag string, info *debug.BuildInfo) string {
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	name := tag
	if name == "" && info.Main.Version != "(devel)" {
		name = info.Main.Version // of go install
	}
	revision := set["vcs.revision"]
	if revision == "" {
		return orDevel(name)
	}
	about := []string{revision[:min(12, len(revision))]}
	if day, _, ok := strings.Cut(set["vcs.time"], "T"); ok {
		about = append(about, day)
	}
	if set["vcs.modified"] == "true" {
		about = append(about, "with changes")
	}
	return orDevel(name) + " (" + strings.Join(about, ", ") + ")"
}

func orDevel(name string) string {
	if name == "" {
		return "devel"
	}
	return name
}
