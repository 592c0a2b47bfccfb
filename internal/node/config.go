// SPDX-License-Identifier: Apache-2.0

package node

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/tunnel"
)

//go:embed files
var templates embed.FS

// facts are what a node detects about its kernel.
type facts struct {
	KVM       bool          // guests use hardware virtualization, not emulation
	KernelOVS bool          // the kernel forwards for Open vSwitch
	Tunnel    tunnel.Config // of tunnels to other nodes; zero if there are none, or the kernel forwards
}

// render returns every configuration file of the node, sorted by path.
func render(s nodeapi.OpenStack, sec secrets, f facts) ([]file, error) {
	r := newRenderer(nodeTags(s, sec, f))
	for _, svc := range onNode(s) {
		for _, c := range svc.files {
			r.add(c, nil)
		}
		for _, a := range svc.api {
			r.add(configFile{template: "uwsgi.ini", path: "/etc/macaw/uwsgi/" + a.Unit + ".ini",
				readers: []string{a.Unit + ".service"}}, apiTags(a))
		}
	}
	r.addUnits(onNode(s))
	return r.sorted()
}

// renderUnits returns systemd's files for services. They are the same on every node, so the package
// step writes them.
func renderUnits(services []service) ([]file, error) {
	r := newRenderer(nil)
	r.addUnits(services)
	return r.sorted()
}

// renderer collects files by path.
type renderer struct {
	tags  tags
	files map[string]file
	err   error
}

func newRenderer(t tags) *renderer { return &renderer{tags: t, files: map[string]file{}} }

// add renders a file, with additional tags. A file that several services read is the same for all.
func (r *renderer) add(c configFile, more tags) {
	content, err := expand(templates, "files/"+c.template, r.tags.with(more))
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("rendering %s: %w", c.path, err)
	}
	mode := fs.FileMode(0o644)
	switch {
	case c.private:
		mode = 0o600
	case c.group != "":
		mode = 0o640
	case c.program:
		mode = 0o755
	}
	readers := slices.Concat(r.files[c.path].Readers, c.readers)
	slices.Sort(readers)
	r.files[c.path] = file{Path: c.path, Group: c.group, Mode: mode, Content: content, Readers: slices.Compact(readers)}
}

// addUnits renders the units of APIs that uWSGI runs, and others' differences to Debian's: the order at boot.
func (r *renderer) addUnits(services []service) {
	for _, svc := range services {
		for _, c := range svc.systemd {
			r.add(c, nil)
		}
		if len(svc.after) == 0 {
			continue
		}
		for _, unit := range svc.units {
			c, t := configFile{template: "unit.conf", path: "/etc/systemd/system/" + unit + ".d/macaw.conf"}, unitTags(svc)
			if svc.python {
				c.template = "python-unit.conf"
			}
			if i := slices.IndexFunc(svc.api, func(a api) bool { return a.Unit+".service" == unit }); i >= 0 {
				c = configFile{template: "api.service", path: "/etc/systemd/system/" + unit, readers: []string{unit}}
				t = t.with(apiTags(svc.api[i]))
			}
			r.add(c, t)
		}
	}
}

// sorted returns the files by path.
func (r *renderer) sorted() ([]file, error) {
	return slices.SortedFunc(maps.Values(r.files), func(a, b file) int { return strings.Compare(a.Path, b.Path) }), r.err
}
