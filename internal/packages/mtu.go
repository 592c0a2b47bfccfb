// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"context"
	_ "embed"
	"path"

	"macaw.example/internal/configfile"
)

// pythonPackages is Debian 13's directory for Python modules from outside its packages.
const pythonPackages = "/usr/local/lib/python3.13/dist-packages"

//go:embed neutron_mtu.py
var mtuDriver []byte

// mtuFiles are the driver and its registration with Neutron: entry points are found through a
// distribution's metadata.
func mtuFiles() []configfile.File {
	dist := path.Join(pythonPackages, "macaw_neutron-1.dist-info")
	return []configfile.File{
		{Path: path.Join(pythonPackages, "macaw_neutron_mtu.py"), Mode: 0o644, Content: mtuDriver},
		{Path: path.Join(dist, "METADATA"), Mode: 0o644,
			Content: []byte("Metadata-Version: 2.1\nName: macaw-neutron\nVersion: 1\n")},
		{Path: path.Join(dist, "entry_points.txt"), Mode: 0o644, Content: []byte(
			"[neutron.ml2.extension_drivers]\nmacaw_mtu = macaw_neutron_mtu:MTU\n")},
	}
}

// installMTUDriver gives Neutron the driver. It is part of the package step, because new entry
// points invalidate the result of rememberEntryPoints.
func (m *Machine) installMTUDriver(context.Context) error {
	for _, f := range mtuFiles() {
		if _, err := f.Write(m.Root); err != nil {
			return err
		}
	}
	return nil
}
