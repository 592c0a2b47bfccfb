// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/gophercloud/gophercloud/v2/pagination"
	"golang.org/x/crypto/ssh"
)

// project is a separate project in a cloud, with a network behind a router. Tests use it
// through OpenStack's API: dozens of commands would take minutes.
type project struct {
	t                testing.TB
	name, id         string
	network, compute *gophercloud.ServiceClient
	image, flavor    string
	external, net    string // networks' IDs
	subnet, group    string
	signer           ssh.Signer
}

func (p *project) check(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("project %s: %s: %v", p.name, what, err)
	}
}

// login returns a client scoped to a project of the cloud; an empty ID means the
// administrator's own.
func login(t testing.TB, cloud, projectID string) *gophercloud.ProviderClient {
	t.Helper()
	auth, _, trusted, err := clouds.Parse(clouds.WithCloudName(cloud))
	if err != nil {
		t.Fatal(err)
	}
	auth.AllowReauth = true
	if projectID != "" {
		auth.TenantName, auth.TenantID = "", ""
		auth.Scope = &gophercloud.AuthScope{ProjectID: projectID}
	}
	c, err := config.NewProviderClient(t.Context(), auth, config.WithTLSConfig(trusted))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var region = gophercloud.EndpointOpts{Region: "RegionOne"}

// makeProject makes a project with a router, and a network behind it.
func makeProject(t testing.TB, cloud, name, cidr string) *project {
	t.Helper()
	ctx, p := t.Context(), &project{t: t, name: name}
	admin := login(t, cloud, "")
	identity, err := openstack.NewIdentityV3(admin, region)
	p.check("identity service", err)
	made, err := projects.Create(ctx, identity, projects.CreateOpts{Name: name}).Extract()
	p.check("project", err)
	p.id = made.ID
	p.check("role", roles.Assign(ctx, identity,
		idOf(t, roles.List(identity, roles.ListOpts{Name: "admin"}), roles.ExtractRoles,
			func(r roles.Role) string { return r.ID }),
		roles.AssignOpts{ProjectID: p.id,
			UserID: idOf(t, users.List(identity, users.ListOpts{Name: "admin"}), users.ExtractUsers,
				func(u users.User) string { return u.ID })}).ExtractErr())

	client := login(t, cloud, p.id)
	p.network, err = openstack.NewNetworkV2(client, region)
	p.check("network service", err)
	p.compute, err = openstack.NewComputeV2(client, region)
	p.check("compute service", err)
	image, err := openstack.NewImageV2(client, region)
	p.check("image service", err)
	p.image = idOf(t, images.List(image, images.ListOpts{Name: "tiny"}), images.ExtractImages,
		func(i images.Image) string { return i.ID })
	p.external = idOf(t, networks.List(p.network, networks.ListOpts{Name: "public"}), networks.ExtractNetworks,
		func(n networks.Network) string { return n.ID })
	pages, err := flavors.ListDetail(p.compute, nil).AllPages(ctx)
	p.check("flavors", err)
	all, err := flavors.ExtractFlavors(pages)
	p.check("flavors", err)
	for _, f := range all {
		if f.Name == "m1.nano" {
			p.flavor = f.ID
		}
	}

	net, err := networks.Create(ctx, p.network, networks.CreateOpts{Name: name}).Extract()
	p.check("network", err)
	p.net = net.ID
	subnet, err := subnets.Create(ctx, p.network,
		subnets.CreateOpts{Name: name, NetworkID: net.ID, IPVersion: 4, CIDR: cidr,
			DNSNameservers: []string{"8.8.8.8"}}).Extract()
	p.check("subnet", err)
	p.subnet = subnet.ID
	router, err := routers.Create(ctx, p.network,
		routers.CreateOpts{Name: name, GatewayInfo: &routers.GatewayInfo{NetworkID: p.external}}).Extract()
	p.check("router", err)
	_, err = routers.AddInterface(ctx, p.network, router.ID, routers.AddInterfaceOpts{SubnetID: subnet.ID}).Extract()
	p.check("router's interface", err)
	group, err := groups.Create(ctx, p.network, groups.CreateOpts{Name: name}).Extract()
	p.check("security group", err)
	p.group = group.ID
	for _, r := range []rules.CreateOpts{{Protocol: rules.ProtocolICMP},
		{Protocol: rules.ProtocolTCP, PortRangeMin: 22, PortRangeMax: 22}} {
		r.SecGroupID, r.Direction, r.EtherType = group.ID, rules.DirIngress, rules.EtherType4
		_, err = rules.Create(ctx, p.network, r).Extract()
		p.check("security group rule", err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	p.check("key", err)
	p.signer, err = ssh.NewSignerFromKey(key)
	p.check("key", err)
	_, err = keypairs.Create(ctx, p.compute,
		keypairs.CreateOpts{Name: name, PublicKey: string(ssh.MarshalAuthorizedKey(p.signer.PublicKey()))}).Extract()
	p.check("key pair", err)
	return p
}

// server is a guest with several addresses in its project's network.
type server struct {
	*project
	name, id, port string
	addresses      []string
}

// boot requests a guest with the given number of addresses.
func (p *project) boot(name string, addresses int) *server {
	p.t.Helper()
	return p.bootOn("", name, addresses)
}

// bootOn requests a guest on the named node, or on any if the name is empty.
func (p *project) bootOn(node, name string, addresses int) *server {
	p.t.Helper()
	zone := ""
	if node != "" {
		zone = "nova:" + node
	}
	ctx, s := p.t.Context(), &server{project: p, name: name}
	var fixed []ports.IP
	for range addresses {
		fixed = append(fixed, ports.IP{SubnetID: p.subnet})
	}
	port, err := ports.Create(ctx, p.network,
		ports.CreateOpts{Name: name, NetworkID: p.net, SecurityGroups: &[]string{p.group}, FixedIPs: fixed}).Extract()
	p.check("port", err)
	s.port = port.ID
	script := "#!/bin/sh\n"
	for _, ip := range port.FixedIPs {
		s.addresses = append(s.addresses, ip.IPAddress)
		script += "ip addr add " + ip.IPAddress + "/24 dev eth0 2>/dev/null\n"
	}
	made, err := servers.Create(ctx, p.compute, keypairs.CreateOptsExt{
		CreateOptsBuilder: servers.CreateOpts{Name: name, ImageRef: p.image, FlavorRef: p.flavor, AvailabilityZone: zone,
			Networks: []servers.Network{{Port: port.ID}},
			UserData: []byte(base64.StdEncoding.EncodeToString([]byte(script)))},
		KeyName: p.name,
	}, nil).Extract()
	p.check("server", err)
	s.id = made.ID
	return s
}

func (s *server) waitActive() {
	s.t.Helper()
	eventually(s.t, "guest "+s.name+" is active", 3*time.Minute, func() error {
		got, err := servers.Get(s.t.Context(), s.compute, s.id).Extract()
		if err == nil && got.Status != "ACTIVE" {
			err = fmt.Errorf("it is in state %s", got.Status)
		}
		return err
	})
}

// floatingIP is a floating IP for one of a guest's addresses.
type floatingIP struct {
	*server
	id, private, fixed string
	public             string // empty until read from its tags
}

func (f *floatingIP) String() string {
	return fmt.Sprintf("%s (%s of %s)", f.private, f.fixed, f.server.name)
}

// float requests a floating IP for one of the guest's addresses.
func (s *server) float(address string) *floatingIP {
	s.t.Helper()
	made, err := floatingips.Create(s.t.Context(), s.network,
		floatingips.CreateOpts{FloatingNetworkID: s.external, PortID: s.port, FixedIP: address}).Extract()
	s.check("floating IP", err)
	return &floatingIP{server: s, id: made.ID, private: made.FloatingIP, fixed: address}
}

// told reads the public address from the tags, as tenants do.
func (f *floatingIP) told() error {
	got, err := floatingips.Get(f.t.Context(), f.network, f.id).Extract()
	if err != nil {
		return err
	}
	for _, tag := range got.Tags {
		if public, ok := strings.CutPrefix(tag, "elastic-ip="); ok {
			f.public = public
			return nil
		}
	}
	return fmt.Errorf("floating IP %s has the tags %q", f.private, got.Tags)
}

func (f *floatingIP) answers() error { return guest{public: f.public}.answers() }

// reachesOut pings the Internet from the guest's address.
func (f *floatingIP) reachesOut() error {
	_, err := run22(f.t.Context(), net.JoinHostPort(f.public, "22"), f.signer, "ping -c 2 -W 2 -I "+f.fixed+" 8.8.8.8")
	return err
}

// run22 runs a command by SSH on the guest at an address.
func run22(ctx context.Context, address string, key ssh.Signer, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, chans, reqs, err := ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // a new guest, with an unknown host key
	})
	if err != nil {
		conn.Close()
		return "", err
	}
	client := ssh.NewClient(c, chans, reqs)
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	out, err := session.CombinedOutput(command)
	if err != nil {
		return "", fmt.Errorf("%s on the guest at %s: %w: %s", command, address, err, out)
	}
	return string(out), nil
}

// idOf returns the ID of a list's only element.
func idOf[T any](t testing.TB, p pagination.Pager, extract func(pagination.Page) ([]T, error),
	id func(T) string) string {
	t.Helper()
	pages, err := p.AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := extract(pages)
	if err == nil && len(all) != 1 {
		err = errors.New("there should be one")
	}
	if err != nil {
		t.Fatalf("%T: %d found: %v", all, len(all), err)
	}
	return id(all[0])
}
