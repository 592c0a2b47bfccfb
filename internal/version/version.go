// SPDX-License-Identifier: Apache-2.0

// Package version has the version of this build of Macaw.
//
// "make build" makes the linker write the tag and the commit into it; for a program made by "go
// install", Go itself records them.
package version

import (
	"runtime/debug"
	"strings"
)

// The linker sets these (-X): the tag of a release, such as v0.1.0, and for macaw itself the commit
// and its date.
var tag, commit, date string

// String is the version with its commit and the commit's date, such as "v0.1.0 (1a2b3c4d5e6f,
// 2026-11-29)", as far as they are known.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return describe(tag, commit, date, info)
}

func describe(tag, commit, date string, info *debug.BuildInfo) string {
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if commit == "" {
		commit = set["vcs.revision"]
		date, _, _ = strings.Cut(set["vcs.time"], "T")
		if set["vcs.modified"] == "true" {
			commit = short(commit) + "-dirty"
		}
	}
	if tag == "" && info.Main.Version != "(devel)" {
		tag = info.Main.Version
	}
	if tag == "" {
		tag = "devel"
	}
	var about []string
	for _, text := range []string{short(commit), date} {
		if text != "" {
			about = append(about, text)
		}
	}
	if len(about) == 0 {
		return tag
	}
	return tag + " (" + strings.Join(about, ", ") + ")"
}

// short abbreviates a commit's hash, and keeps a suffix such as "-dirty".
func short(commit string) string {
	hash, dirty, _ := strings.Cut(commit, "-")
	if hash = hash[:min(12, len(hash))]; dirty != "" {
		hash += "-" + dirty
	}
	return hash
}
