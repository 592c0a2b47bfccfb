// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/internal/agent"
	"macaw.example/internal/execute"
	"macaw.example/internal/graph"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/packages"
)

const installStamp = "/var/lib/macaw/installed"

// maskedUnits are units that packages bring and no node needs.
var maskedUnits = []string{
	"apache-htcacheclean.service", "e2scrub_reap.service", "epmd.service", "epmd.socket",
	"iscsid.socket", "libvirt-guests.service", "libvirtd-admin.socket", "libvirtd-ro.socket",
	"neutron-rpc-server.service", "nova-serialproxy.service", "nova-spicehtml5proxy.service",
	"open-iscsi.service", "ovs-record-hostname.service", "virtlogd-admin.socket", "virtlogd.service",
}

// cloudInitConfig is in the package step and not only in the agent's installation, so that it is in
// an image: then it applies from the first boot on.
var cloudInitConfig = file{Path: agent.CloudInitFile, Mode: 0o644, Content: []byte(agent.CloudInitConfig)}

// installed reports whether this Macaw's package step has been completed below root.
func installed(root string) bool {
	stamp, err := os.ReadFile(filepath.Join(root, installStamp))
	return err == nil && string(stamp) == nodeapi.PackagesHash+"\n"
}

// Install is the package step: everything that depends only on the versions of packages, not on an
// address or a secret, so that an image made after it fits any node. When it returns, nothing of
// OpenStack is running. It needs root and an apt source. It may be killed and run again, and does
// nothing when it is done.
func Install(ctx context.Context, progress Progress) error {
	held, err := lock(ctx, lockPath, progress)
	if err != nil {
		return err
	}
	defer held.Close()
	return install(ctx, held, nodeapi.OpenStack{}, progress)
}

// install is the package step of a machine, whose spec may not be known yet.
func install(ctx context.Context, held *os.File, spec nodeapi.OpenStack, progress Progress) error {
	if installed("/") {
		return nil
	}
	n := &node{spec: spec, root: "/", run: execute.On(held), note: notes(progress)}
	err := runGraph(ctx, n.installSteps(), progress)
	return errors.Join(err, n.packages().EndUnsynced())
}

// packages is this machine, for the packages. Apply comes after a complete package step, whose stamp stays when
// Macaw is upgraded. The second file is one that Apply writes on every node; others in /etc/macaw are there before.
func (n *node) packages() *packages.Machine {
	return &packages.Machine{Root: n.root, Run: n.run, Note: n.note, Gateway: gatewayLimit(n.spec),
		Used: []string{installStamp, instanceMetadata.files[0].path}}
}

// gatewayLimit is how long a node waits for the way to Debian's packages: for one without a public address, that is
// a gateway, which may be made at the same time.
func gatewayLimit(s nodeapi.OpenStack) time.Duration {
	if s.Node == "" || s.Management.Public.IsValid() || len(s.Nodes) < 2 {
		return 0
	}
	return peersLimit
}

// installSteps are the steps of the package step.
func (n *node) installSteps() []graph.Step {
	return append(n.packages().Steps(), []graph.Step{
		{Name: "units", Needs: []string{"packages"}, Run: n.disableUnits},
		{Name: "schemas", Needs: []string{"units"}, Run: n.installSchemas},
		{Name: "cloud-init", Run: func(context.Context) error {
			_, err := cloudInitConfig.Write(n.root)
			return err
		}},
		{
			Name:  "stamp",
			Needs: []string{"schemas", "entry points", "replies", "starts", "static files", "cloud-init"},
			Run: func(context.Context) error {
				unix.Sync()
				_, err := file{Path: installStamp, Mode: 0o644, Content: []byte(nodeapi.PackagesHash + "\n")}.Write(n.root)
				return err
			},
		},
	}...)
}

// disableUnits keeps everything from starting before Apply has configured it, also after a reboot.
func (n *node) disableUnits(ctx context.Context) error {
	units := append([]string(nil), maskedUnits...)
	for _, svc := range services {
		units = append(units, svc.units...)
	}
	if err := disable(n.root, units); err != nil {
		return err
	}
	files, err := renderUnits(services)
	if err != nil {
		return err
	}
	for _, f := range files {
		old := f.Path + ".d/macaw.conf" // units of APIs were drop-ins of Debian's
		if slices.ContainsFunc(files, func(f file) bool { return f.Path == old }) {
			continue
		}
		if err := os.Remove(filepath.Join(n.root, old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, f := range files {
		if _, err := f.Write(n.root); err != nil {
			return err
		}
	}
	if _, err := n.run(ctx, command{Args: []string{"systemctl", "daemon-reload"}}); err != nil {
		return fmt.Errorf("telling systemd of changed units: %w", err)
	}
	// Debian's default sites listen on every address and, half configured, keep apache from
	// starting.
	sites, _ := filepath.Glob(filepath.Join(n.root, "/etc/apache2/sites-enabled/*.conf"))
	for _, site := range sites {
		if !strings.HasPrefix(filepath.Base(site), "macaw-") {
			if err := os.Remove(site); err != nil {
				return fmt.Errorf("removing Debian's default site: %w", err)
			}
		}
	}
	return nil
}

// installSchemas makes the empty tables, with a database server that runs only for this.
func (n *node) installSchemas(ctx context.Context) error {
	seen, err := n.system().Show(ctx, mariadb.units...)
	if err != nil {
		return err
	}
	if exists(filepath.Join(n.root, elsewhereDropIn(mariadb.units[0]).Path)) {
		return errNothingToDo // this node has no databases, and does not start the server
	}
	if seen[0].Active { // it serves a cloud in use
		return ensureSchemas(ctx, n.run, n.root)
	}
	if current, err := schemasCurrent(ctx, n.run, n.root); current || err != nil {
		return cmp.Or(err, errNothingToDo)
	}
	if _, err := n.run(ctx, command{Args: []string{"systemctl", "start", "mariadb.service"}}); err != nil {
		return fmt.Errorf("starting the database server: %w", err)
	}
	err = ensureSchemas(ctx, n.run, n.root)
	if errors.Is(err, errNothingToDo) {
		err = nil
	}
	if _, stop := n.run(ctx, command{Args: []string{"systemctl", "stop", "mariadb.service"}}); stop != nil {
		err = errors.Join(err, fmt.Errorf("stopping the database server: %w", stop))
	}
	return err
}
