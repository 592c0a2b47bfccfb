// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"macaw.example/internal/configfile"
	"macaw.example/internal/execute"
	"macaw.example/internal/graph"
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// Short names of what runs programs and writes files on the machine.
type (
	command = execute.Command
	runner  = execute.Runner
	file    = configfile.File
)

// node is the machine that the steps configure.
type node struct {
	spec    nodeapi.OpenStack
	secrets secrets
	facts   facts
	files   []file
	root    string
	run     runner
	note    func(step, text string) // reports something about a step under way
	public  netip.AddrPort          // where HAProxy serves TLS; if not valid, port 443 of the management address
}

// Apply makes this machine the node that spec describes, and returns when its services answer. It
// needs root, and installs missing packages. Running it again changes only what differs, and it may
// be killed at any point. It restarts exactly the units whose configuration has changed.
func Apply(ctx context.Context, spec nodeapi.OpenStack, progress Progress) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("making a node of OpenStack: this needs root")
	}
	held, err := lock(ctx, lockPath, progress)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := install(ctx, held, spec, progress); err != nil {
		return err
	}
	n := &node{spec: spec, root: "/", run: execute.On(held), note: notes(progress)}
	return runGraph(ctx, n.steps(), progress)
}

// steps are this node's steps, in order.
func (n *node) steps() []graph.Step { return present(n.everyStep()) }

// everyStep returns the steps for the node's roles, in order. What an operator or a first guest
// waits for comes first; the rest follows when the processors are free again.
func (n *node) everyStep() []graph.Step {
	var steps []graph.Step
	add := func(name string, run func(context.Context) error, needs ...string) {
		steps = append(steps, graph.Step{Name: name, Needs: needs, Run: run})
	}
	start := func(svc service) func(context.Context) error {
		return func(ctx context.Context) error { return n.ensureRunning(ctx, svc.units...) }
	}
	cloud := newClient(n.spec, func() string { return n.secrets.Admin })
	controller, compute := n.spec.Has(model.Controller), n.spec.Has(model.Compute)
	chassis := openvswitch.on(n.spec)

	add("configuration", n.configure)
	add("hosts", n.ensureHosts)
	add("instance-metadata", start(instanceMetadata), "configuration")
	if spotReport.on(n.spec) {
		add("spot", start(spotReport), "configuration")
	}
	if nat.on(n.spec) {
		add("nat", start(nat), "configuration")
	}
	if chassis {
		first := []string{"configuration"}
		if tunnels.on(n.spec) {
			add("tunnels", n.ensureTunnels, first...)
			first = append(first, "tunnels")
		}
		add("openvswitch", n.configureOVS, first...)
	}
	add("certificates", n.ensureCertificates, "configuration")
	if !controller {
		add("controller", n.awaitController, "configuration")
	}
	if controller {
		add("haproxy", start(haproxy), "certificates")
		last := "haproxy"
		if n.spec.Management.ACME != nil {
			add("domain certificate", n.ensureDomain, last)
			last = "domain certificate"
		}
		add("served certificates", n.ensureServed, last)
		add("mariadb", start(mariadb), "configuration")
		add("rabbitmq", start(rabbitmq), "configuration")
		add("memcached", start(memcached), "configuration")
		add("ovn-central", n.startCentral, "certificates")
		if gatewayKeeper.on(n.spec) {
			add("gateways", start(gatewayKeeper), "ovn-central")
		}
		add("schemas", func(ctx context.Context) error { return ensureSchemas(ctx, n.run, n.root) }, "mariadb")
		add("accounts", n.ensureAccounts, "schemas")
		add("identity", n.ensureIdentity, "schemas")

		add("keystone", n.startAPI(keystone, nodeapi.KeystonePort), "identity", "accounts", "memcached")
		add("placement", n.startAPI(placement, nodeapi.PlacementPort), "accounts")
		add("glance", n.startAPI(glance, nodeapi.GlancePort), "accounts")
		// These connect to RabbitMQ when they have something to say.
		add("nova", n.startAPI(novaAPI, nodeapi.NovaPort), "accounts")
		add("neutron", n.startAPI(neutronAPI, nodeapi.NeutronPort), "accounts", "ovn-central")
		add("nova-conductor", start(novaConductor), "accounts", "rabbitmq")
		add("nova-scheduler", start(novaScheduler), "accounts", "rabbitmq")
		add("answers", func(ctx context.Context) error { return cloudAnswers(ctx, cloud) }, "keystone", "placement", "glance",
			"nova", "neutron")
		if computeKeeper.on(n.spec) {
			add("computes", start(computeKeeper), "answers")
		}
		add("flavors", func(ctx context.Context) error { return ensureFlavors(ctx, cloud) }, "keystone", "nova")
		add("external network", func(ctx context.Context) error { return ensureExternal(ctx, n.spec, n.secrets.Admin) },
			"keystone", "neutron")
	}
	if chassis {
		first := []string{"openvswitch", "ovn-central", "certificates"}
		if !controller {
			first = append(first, "controller")
		}
		add("ovn-host", start(ovnHost), first...)
	}
	if controller && len(n.spec.Peers(model.Compute)) > 0 {
		add("cell", n.mapHosts, "schemas")
	}
	if compute {
		first := []string{"configuration"}
		if libvirtTLS.on(n.spec) {
			first = append(first, "certificates")
			add("disks", start(disks), "configuration")
		}
		add("libvirt", n.startLibvirt, first...)
		add("emulators", n.probeEmulators, "libvirt")
		add("nova-compute", n.startCompute(cloud), "emulators", "ovn-host", "cell", "keystone", "placement", "nova-conductor")
	}
	late := []string{"answers", "flavors", "external network", "nova-compute", "ovn-host"}
	guests := []string{"neutron-metadata", "nova-metadata"}
	reached := func(context.Context) error { return nil }
	add(nodeapi.StepServing, reached, append(slices.Clone(late), "served certificates")...)
	if compute {
		add("neutron-metadata", start(neutronMetadata), late...)
	}
	if controller {
		add("nova-metadata", n.startAPI(novaMetadata, 8775), late...)
		add("neutron-maintenance", start(neutronMaintenance), late...)
		add("nova-console", start(novaConsole), late...)
		add("dashboard", n.startDashboard, late...)
		add(stepFormer, n.forgetFormer(cloud), late...)
		if len(others(n.spec)) > 0 {
			add(stepPeers, n.awaitPeers(cloud), "answers", "cell", "nova-conductor", "nova-scheduler")
			guests = append(guests, stepPeers)
		}
	}
	add(nodeapi.StepGuests, reached, append(slices.Clone(late), guests...)...)
	return steps
}

// present drops needs for steps that run on another node: a cloud is applied from its controller
// on.
func present(steps []graph.Step) []graph.Step {
	names := map[string]bool{}
	for _, s := range steps {
		names[s.Name] = true
	}
	for i, s := range steps {
		steps[i].Needs = slices.DeleteFunc(slices.Clone(s.Needs), func(n string) bool { return !names[n] })
	}
	return steps
}

// configure writes every file, and makes the units start at boot.
func (n *node) configure(ctx context.Context) error {
	var err error
	if n.secrets, err = loadSecrets(n.root, n.spec.Roles); err != nil {
		return err
	}
	n.facts = facts{KVM: kvmWorks("/dev/kvm"), KernelOVS: kernelOVS(ctx, n.run)}
	if n.facts.Tunnel, err = tunnelOf(n.spec, n.facts.KernelOVS); err != nil {
		return err
	}
	if !tunnels.on(n.spec) {
		if err := n.endTunnels(); err != nil {
			return err
		}
	}
	if n.files, err = render(n.spec, n.secrets, n.facts); err != nil {
		return err
	}
	stopped, err := n.stopElsewhere(ctx)
	if err != nil {
		return err
	}
	changed, err := n.writeFiles()
	if err != nil {
		return err
	}
	changed = changed || stopped
	var devices []string // configuration of networkd
	for _, f := range n.files {
		if strings.HasPrefix(f.Path, networkdDir) {
			devices = append(devices, filepath.Join(n.root, f.Path))
		}
	}
	n.files = append(n.files, programs(n.spec)...)
	if n.spec.Has(model.Controller) {
		for _, dir := range []string{"/etc/keystone/fernet-keys", "/etc/keystone/credential-keys"} {
			if err := makeKeys(n.root, dir); err != nil {
				return err
			}
		}
		if err := makeRabbitCookie(n.root); err != nil {
			return err
		}
	}
	if len(devices) > 0 {
		if err := n.system().ReloadNetwork(ctx, filepath.Join(n.root, networkdStamp), devices...); err != nil {
			return err
		}
	}
	units := unitsOf(onNode(n.spec))
	slices.Sort(units)
	units = slices.Compact(units)
	if _, err := n.system().Reload(ctx, units...); err != nil {
		return err
	}
	if err := enable(n.root, units); err != nil {
		return err
	}
	if !changed {
		return errNothingToDo
	}
	return nil
}

// startLimit is how long a service may take to answer. On two busy processors the slowest needs 20
// seconds.
const startLimit = 3 * time.Minute

// startAPI starts a service's units and waits until its API, at port, answers.
func (n *node) startAPI(svc service, port int) func(context.Context) error {
	return func(ctx context.Context) error {
		return n.startAt(ctx, svc, netip.AddrPortFrom(n.spec.Management.Address, uint16(port)))
	}
}

func (n *node) startDashboard(ctx context.Context) error {
	return n.startAt(ctx, dashboard, dashboardAt)
}

// startAt starts a service's units and waits until HTTP requests are answered at an address.
func (n *node) startAt(ctx context.Context, svc service, at netip.AddrPort) error {
	started := n.ensureRunning(ctx, svc.units...)
	if started != nil && !errors.Is(started, errNothingToDo) {
		return started
	}
	err := await(ctx, svc.name, startLimit, func(ctx context.Context) error { return answers(ctx, at) })
	return cmp.Or(err, started)
}

// cloudAnswers waits until every service has served a read-only request of the administrator.
func cloudAnswers(ctx context.Context, c *client) error {
	g, ctx := errgroup.WithContext(ctx)
	for name, api := range map[string]struct {
		service neutron.Service
		path    string
	}{
		"Glance":    {neutron.Image, "images?limit=1"},
		"Neutron":   {neutron.Network, "networks?limit=1"},
		"Nova":      {neutron.Compute, "servers?limit=1"},
		"Placement": {neutron.Placement, "resource_providers"},
	} {
		g.Go(func() error {
			return await(ctx, name, startLimit, func(ctx context.Context) error { return c.get(ctx, api.service, api.path) })
		})
	}
	return cmp.Or(g.Wait(), errNothingToDo)
}
