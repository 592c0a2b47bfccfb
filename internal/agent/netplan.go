// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v2"

	"macaw.example/internal/model"
)

// netplanDir has netplan's configuration. That of packages and of the running machine, in /lib/netplan and
// /run/netplan, is not the agent's to change.
const netplanDir = "/etc/netplan"

// netplanNIC is a NIC in a file of netplan.
type netplanNIC struct {
	file string // without .yaml
	id   string // as netplan set takes it: dots are escaped
}

// forgetNetplan removes these NICs from netplan's files, for the next boot. What is wrong with the files
// themselves is only a warning: the machine's own boot comes to grief over that, and no NIC does.
func (i installer) forgetNetplan(ctx context.Context, macs []model.MAC) (changed bool, err error) {
	var list, names []string
	for _, m := range macs {
		list = append(list, m.String())
		if name, err := i.findNIC(m); err == nil { // else it has no interface yet, and only its MAC is known
			names = append(names, name)
		}
	}
	known, unread := netplanNICs(i.netplan, list, names)
	for _, err := range unread {
		i.warn(err.Error())
	}
	for _, k := range known {
		_, set := i.Run(ctx, "netplan", "set", "--origin-hint="+k.file, "ethernets."+k.id+"=NULL")
		if errors.Is(set, exec.ErrNotFound) {
			return false, nil // nobody reads the files
		}
		if set != nil {
			err = errors.Join(err, fmt.Errorf("removing %s from netplan's file %s: %w", k.id, k.file, set))
		}
	}
	// Read back: where another file is no YAML, netplan 1.1.2 says so, and its exit status is 0.
	left, _ := netplanNICs(i.netplan, list, names)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("removing %s from netplan's file %s: it is still there", left[0].id, left[0].file)
	}
	changed = len(left) < len(known)
	if err != nil && len(unread) > 0 && ctx.Err() == nil { // netplan reads every file, too
		i.warn(err.Error())
		return changed, nil
	}
	return changed, err
}

// netplanEthernet is the part of a definition below ethernets that selects a NIC.
type netplanEthernet struct {
	Match *netplanMatch
}

// netplanMatch selects NICs by everything that is not empty.
type netplanMatch struct {
	MAC  string `yaml:"macaddress"`
	Name string
}

// selects reports whether a definition is for a NIC with one of these MACs, or one of these names. The ID
// of one without match is the interface's name (netplan's "YAML configuration", "Properties for physical
// device types"). Patterns may be for the management NIC, too, and so are left alone.
func (e netplanEthernet) selects(id string, macs, names []string) bool {
	switch {
	case e.Match == nil:
		return slices.Contains(names, id)
	case e.Match.MAC != "":
		return slices.Contains(macs, strings.ToLower(e.Match.MAC))
	}
	return slices.Contains(names, e.Match.Name)
}

// netplanNICs finds the NICs with these MACs or names in netplan's files; there are none without netplan.
// It returns an error for each file that cannot be read.
func netplanNICs(dir fs.FS, macs, names []string) (found []netplanNIC, unread []error) {
	files, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, []error{err}
	}
	merged := map[string]netplanEthernet{} // a later file adds to a definition of an earlier one
	in := map[string][]string{}            // the files that each ID is in
	for _, name := range files {
		defined, err := readNetplan(dir, name)
		if err != nil {
			unread = append(unread, fmt.Errorf("reading %s: %w", path.Join(netplanDir, name), err))
			continue
		}
		for id, e := range defined {
			in[id] = append(in[id], strings.TrimSuffix(name, ".yaml"))
			merged[id] = netplanEthernet{cmp.Or(e.Match, merged[id].Match)}
		}
	}
	for id, e := range merged {
		if !e.selects(id, macs, names) {
			continue
		}
		for _, file := range in[id] {
			found = append(found, netplanNIC{file, strings.ReplaceAll(id, ".", `\.`)})
		}
	}
	slices.SortFunc(found, func(a, b netplanNIC) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.id, b.id))
	})
	return found, unread
}

// readNetplan returns what a file defines below ethernets.
func readNetplan(dir fs.FS, name string) (map[string]netplanEthernet, error) {
	text, err := fs.ReadFile(dir, name)
	if errors.Is(err, fs.ErrNotExist) { // removed since
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var config struct {
		Network struct {
			Ethernets map[string]netplanEthernet
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	return config.Network.Ethernets, nil
}
