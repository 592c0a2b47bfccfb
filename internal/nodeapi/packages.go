// SPDX-License-Identifier: Apache-2.0

package nodeapi

import "slices"

// PackagesHash identifies the result of the package step: 16 hexadecimal digits that change with
// the list of packages and with the step itself. A baked image is tagged with it. A test of package
// node checks the value.
const PackagesHash = "979d969a110196f8"

// controllerPackages run the APIs, the databases and the dashboard.
var controllerPackages = []string{
	"glance-api",
	"keystone",
	"mariadb-server",
	"memcached",
	"neutron-api", // not neutron-server: its RPC server serves ML2 agents, and OVN has none
	"neutron-ovn-maintenance-worker",
	"nova-api",
	"nova-conductor",
	"nova-consoleproxy",
	"nova-scheduler",
	"openstack-dashboard-apache",
	"ovn-central",
	"placement-api",
	"python3-memcache",
	"python3-openstackclient",
	"python3-pymysql",
	"rabbitmq-server",
}

// computePackages run guests and their network. nova-compute-kvm runs plain QEMU too;
// nova-compute-qemu would install the emulators of every architecture, and probing each one costs
// the first start of nova-compute a minute.
var computePackages = []string{
	"haproxy", // TLS in front of the APIs; and the metadata agent runs one for each network
	"neutron-ovn-metadata-agent",
	"nftables",
	"nova-compute-kvm",
	"openvswitch-switch",
	"ovn-host",
	"qemu-system-x86",
	"qemu-utils",
}

// installPackages make the installation of the others quicker.
var installPackages = []string{"libeatmydata1"}

// Packages returns the names of the Debian packages that a node needs, sorted. Every node has all
// of them, whatever its roles, so that one image serves all.
func Packages() []string {
	all := slices.Concat(controllerPackages, computePackages, installPackages)
	slices.Sort(all)
	return slices.Compact(all)
}
