package openstack

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"text/template"
)

//go:embed files
var templates embed.FS

// facts are what a node finds out about its own kernel.
type facts struct {
	KVM       bool // guests run on the processor, not in an emulator
	KernelOVS bool // the kernel forwards for Open vSwitch
}

// view is what the templates see.
type view struct {
	Cloud, Region, Node string
	PhysicalNetwork     string
	Address, Public     netip.Addr
	Controller          netip.Addr
	Secrets             secrets
	API                 api
	After               string
	Python              bool
	facts
	spec Spec
}

// Has tells a template whether the node plays a role.
func (v view) Has(role string) bool { return v.spec.Has(Role(role)) }

// render returns every configuration file of the node, sorted by path.
func render(s Spec, sec secrets, f facts) ([]file, error) {
	v := view{
		Cloud: s.Cloud, Region: s.Region, Node: s.Node, PhysicalNetwork: s.PhysicalNetwork,
		Address: s.Management.Address, Public: s.public(), Controller: s.Controller,
		Secrets: sec, facts: f, spec: s,
	}
	r, err := newRenderer(v)
	if err != nil {
		return nil, err
	}
	for _, svc := range onNode(s) {
		for _, c := range svc.files {
			r.add(c)
		}
		for _, a := range svc.api {
			r.view.API = a
			r.add(configFile{template: "uwsgi.ini", path: "/etc/macaw/uwsgi/" + a.Unit + ".ini", readers: []string{a.Unit + ".service"}})
		}
	}
	r.addUnits(onNode(s))
	return r.sorted()
}

// renderUnits returns what systemd has to know of services. It depends on no node, so the package step writes it.
func renderUnits(services []service) ([]file, error) {
	r, err := newRenderer(view{})
	if err != nil {
		return nil, err
	}
	r.addUnits(services)
	return r.sorted()
}

// renderer collects files by path.
type renderer struct {
	templates *template.Template
	view      view
	files     map[string]file
	err       error
}

func newRenderer(v view) (*renderer, error) {
	t, err := template.New("").Option("missingkey=error").Funcs(templateFuncs(v)).ParseFS(templates, "files/*")
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	return &renderer{templates: t, view: v, files: map[string]file{}}, nil
}

// add renders a file. One that several services read is the same for all of them.
func (r *renderer) add(c configFile) {
	var b bytes.Buffer
	if err := r.templates.ExecuteTemplate(&b, c.template, r.view); err != nil && r.err == nil {
		r.err = fmt.Errorf("rendering %s: %w", c.path, err)
	}
	mode := fs.FileMode(0o644)
	switch {
	case c.private:
		mode = 0o600
	case c.group != "":
		mode = 0o640
	}
	readers := slices.Concat(r.files[c.path].Readers, c.readers)
	slices.Sort(readers)
	r.files[c.path] = file{Path: c.path, Group: c.group, Mode: mode, Content: b.Bytes(), Readers: slices.Compact(readers)}
}

// addUnits renders what differs from Debian's units: the order at boot, and uWSGI's command line.
func (r *renderer) addUnits(services []service) {
	for _, svc := range services {
		for _, c := range svc.systemd {
			r.add(c)
		}
		if len(svc.after) == 0 {
			continue
		}
		r.view.After, r.view.Python = strings.Join(svc.after, " "), svc.python
		for _, unit := range svc.units {
			c := configFile{template: "unit.conf", path: "/etc/systemd/system/" + unit + ".d/macaw.conf"}
			if i := slices.IndexFunc(svc.api, func(a api) bool { return a.Unit+".service" == unit }); i >= 0 {
				r.view.API = svc.api[i]
				c.template, c.readers = "api-unit.conf", []string{unit}
			}
			r.add(c)
		}
	}
}

// sorted returns the files by path.
func (r *renderer) sorted() ([]file, error) {
	return slices.SortedFunc(maps.Values(r.files), func(a, b file) int { return strings.Compare(a.Path, b.Path) }), r.err
}

// templateFuncs are the lines that many files share.
func templateFuncs(v view) template.FuncMap {
	s, sec := v.spec, v.Secrets
	auth := func(user string) string {
		return strings.Join([]string{
			fmt.Sprintf("auth_url = http://%s:5000/v3", s.Controller),
			"auth_type = password",
			"project_domain_name = Default",
			"user_domain_name = Default",
			"project_name = service",
			"username = " + user,
			"password = " + sec.Accounts[user],
			"region_name = " + s.Region,
		}, "\n")
	}
	return template.FuncMap{
		"auth": auth,
		"authtoken": func(user string) string {
			return strings.Join([]string{
				auth(user),
				fmt.Sprintf("www_authenticate_uri = http://%s:5000/v3", s.public()),
				fmt.Sprintf("memcached_servers = %s:11211", s.Controller),
				"service_token_roles = service",
				"service_token_roles_required = true",
				"interface = internal",
			}, "\n")
		},
		"database": func(user, schema string) string {
			// The port is named because Nova's cells are templates of this URL.
			return fmt.Sprintf("mysql+pymysql://%s:%s@%s:3306/%s?charset=utf8", user, sec.Databases[user], s.Controller, schema)
		},
		"transport": func() string {
			return fmt.Sprintf("rabbit://openstack:%s@%s:5672/", sec.Rabbit, s.Controller)
		},
		"cache":       func() string { return pythonCache },
		"gatewayRole": func() string { return gatewayRole },
	}
}
