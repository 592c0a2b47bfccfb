// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// novaAfter are the units that Nova's APIs start after at boot, and novaDaemonAfter its daemons on a
// controller.
var (
	novaAfter       = []string{"mariadb.service", "memcached.service", "keystone.service", "placement-api.service"}
	novaDaemonAfter = append(slices.Clone(novaAfter), "rabbitmq-server.service")
)

func novaConf(readers ...string) configFile {
	return configFile{template: "nova.conf", path: "/etc/nova/nova.conf", group: "nova", readers: readers}
}

// novaServer has the section of nova.conf with which the controller's APIs check tokens. The last line is
// empty, as between all sections.
func novaServer(s nodeapi.OpenStack, sec secrets) string {
	if !s.Has(model.Controller) {
		return ""
	}
	return "[keystone_authtoken]\n" + authtoken(s, sec, "nova") + "\n"
}

// novaMigration has the section of nova.conf for migrations between nodes, with an empty line before it. Where
// the guests' disks are is on no storage that nodes share: Nova finds that out by itself, and copies them.
func novaMigration(s nodeapi.OpenStack) string {
	if !migrates(s) {
		return ""
	}
	return strings.Join([]string{
		"",
		"[libvirt]",
		"live_migration_scheme = tls",
		"live_migration_with_native_tls = true",
		fmt.Sprintf("live_migration_inbound_addr = %s", s.Management.Address),
	}, "\n")
}

// novaDatabaseConf is a file that only the controller's daemons read.
func novaDatabaseConf(readers ...string) configFile {
	return configFile{template: "nova-database.conf", path: "/etc/nova/nova-database.conf", group: "nova",
		readers: readers}
}

// novaDaemon makes a daemon that Debian's script starts read novaDatabaseConf too.
func novaDaemon(name string) []configFile {
	unit := name + ".service"
	return []configFile{
		novaConf(unit), novaDatabaseConf(unit),
		{template: "nova-daemon", path: "/etc/default/" + name, readers: []string{unit}},
	}
}

// novaConfigFiles makes an API that uWSGI runs read it.
const novaConfigFiles = "OS_NOVA_CONFIG_FILES=api-paste.ini;nova.conf;nova-database.conf"

var novaAPI = service{
	name:  "nova",
	roles: []model.Role{model.Controller},
	files: []configFile{novaConf("nova-api.service"), novaDatabaseConf("nova-api.service")},
	units: []string{"nova-api.service"},
	// It runs on eventlet, which does not support uWSGI's threads.
	api: []api{{Unit: "nova-api", Project: "nova", Port: nodeapi.NovaPort, Threads: 1, WSGI: "/usr/bin/nova-api-wsgi",
		Env: novaConfigFiles}},
	after:  novaAfter,
	python: true,
}

var novaMetadata = service{
	name:  "nova-metadata",
	roles: []model.Role{model.Controller},
	files: []configFile{novaConf("nova-api-metadata.service"), novaDatabaseConf("nova-api-metadata.service")},
	units: []string{"nova-api-metadata.service"},
	api: []api{{Unit: "nova-api-metadata", Project: "nova", Port: 8775, Threads: 1, WSGI: "/usr/bin/nova-metadata-wsgi",
		Env: novaConfigFiles}},
	after:  novaAfter,
	python: true,
}

var novaConductor = service{
	name:   "nova-conductor",
	roles:  []model.Role{model.Controller},
	files:  novaDaemon("nova-conductor"),
	units:  []string{"nova-conductor.service"},
	after:  novaDaemonAfter,
	python: true,
}

var novaScheduler = service{
	name:   "nova-scheduler",
	roles:  []model.Role{model.Controller},
	files:  novaDaemon("nova-scheduler"),
	units:  []string{"nova-scheduler.service"},
	after:  novaDaemonAfter,
	python: true,
}

var novaConsole = service{
	name:  "nova-console",
	roles: []model.Role{model.Controller},
	files: append(novaDaemon("nova-novncproxy"), configFile{
		template: "nova-consoleproxy", path: "/etc/default/nova-consoleproxy", readers: []string{"nova-novncproxy.service"},
	}),
	units:  []string{"nova-novncproxy.service"},
	after:  novaDaemonAfter,
	python: true,
}

// networkdDir has systemd-networkd's configuration of devices.
const networkdDir = "/etc/systemd/network/"

// networkdStamp marks the time of networkd's last reload, see package systemd.
const networkdStamp = "/run/macaw/networkd-guests"

var novaCompute = service{
	name:  "nova-compute",
	roles: []model.Role{model.Compute},
	files: []configFile{
		novaConf("nova-compute.service"),
		novaComputeConf,
		{template: "guests.network", path: networkdDir + "05-macaw-guests.network"},
	},
	units: []string{"nova-compute.service"},
	// On a controller it can report to nobody until these are running.
	after:  []string{"libvirtd.service", "ovn-controller.service", "nova-conductor.service", "placement-api.service"},
	python: true,
	systemd: []configFile{{
		template: "nova-compute-virtualization.conf",
		path:     "/etc/systemd/system/nova-compute.service.d/virtualization.conf",
	}},
}

// mapHosts puts all computes into Nova's cell before their services run for the first time. Nova's
// scheduler discovers hosts only periodically, and refuses a first guest until then.
func (n *node) mapHosts(ctx context.Context) error {
	var sql strings.Builder
	for _, p := range n.spec.Peers(model.Compute) {
		fmt.Fprintf(&sql, `
INSERT INTO nova_api.host_mappings (created_at, cell_id, host)
SELECT UTC_TIMESTAMP(), id, '%[1]s' FROM nova_api.cell_mappings
WHERE name = 'cell1' AND NOT EXISTS (SELECT 1 FROM nova_api.host_mappings WHERE host = '%[1]s');
SELECT ROW_COUNT();`, p.Name)
	}
	added, err := query(ctx, n.run, sql.String())
	if err != nil {
		return fmt.Errorf("putting computes into Nova's cell: %w", err)
	}
	if strings.Trim(added, "0\n") == "" {
		return errNothingToDo
	}
	return nil
}

// startCompute starts nova-compute and waits until Nova schedules guests on it.
func (n *node) startCompute(c *client) func(context.Context) error {
	return func(ctx context.Context) error {
		started := n.ensureRunning(ctx, novaCompute.units...)
		if started != nil && !errors.Is(started, errNothingToDo) {
			return started
		}
		if !n.spec.Has(model.Controller) {
			return started
		}
		if err := await(ctx, "nova-compute", startLimit, func(ctx context.Context) error {
			return computeUp(ctx, c, n.spec.Node)
		}); err != nil {
			return err
		}
		return started
	}
}

// computeUp checks that the host's compute service is up, and has registered its inventory.
func computeUp(ctx context.Context, c *client, host string) error {
	api, err := c.open(ctx, neutron.Compute)
	if err != nil {
		return err
	}
	pages, err := computeservices.List(api, computeservices.ListOpts{Binary: "nova-compute", Host: host}).AllPages(ctx)
	if err != nil {
		return err
	}
	seen, err := computeservices.ExtractServices(pages)
	if err != nil {
		return err
	}
	if len(seen) == 0 || seen[0].State != "up" {
		return errors.New("it is not up yet")
	}
	providers, err := listProviders(ctx, c)
	if err != nil {
		return err
	}
	for _, p := range providers {
		if p.Name == host {
			return nil
		}
	}
	return errors.New("it has not registered its inventory with Placement yet")
}
