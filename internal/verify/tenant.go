// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/netip"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"macaw.example/internal/host"
	"macaw.example/internal/neutron"
)

// tenant is the project of a run, and what was made in it. It uses a member's rights, as users do.
type tenant struct {
	*session
	admin      *session
	name       string
	external   string // network ID
	server     string // ID
	port       string // ID of the guest's port
	floating   netip.Addr
	floatingID string
	public     netip.Addr
	user       string
	signer     ssh.Signer
	privatePEM []byte
	guest      *host.Host
}

// tenant makes a project with a user in it and logs in as that user.
func (s *session) tenant(ctx context.Context, cfg Config) (*tenant, error) {
	project, err := projects.Create(ctx, s.identity,
		projects.CreateOpts{Name: cfg.Name, Description: "made by macaw verify"}).Extract()
	if err != nil {
		return nil, fmt.Errorf("making project %s: %w", cfg.Name, err)
	}
	password := rand.Text()
	user, err := users.Create(ctx, s.identity,
		users.CreateOpts{Name: cfg.Name, Password: password, DefaultProjectID: project.ID}).Extract()
	if err != nil {
		return nil, fmt.Errorf("making user %s: %w", cfg.Name, err)
	}
	found, err := list(ctx, roles.List(s.identity, roles.ListOpts{Name: "member"}), roles.ExtractRoles)
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("finding the member role: %d found: %w", len(found), err)
	}
	if err := roles.Assign(ctx, s.identity, found[0].ID,
		roles.AssignOpts{UserID: user.ID, ProjectID: project.ID}).ExtractErr(); err != nil {
		return nil, fmt.Errorf("giving %s the member role: %w", cfg.Name, err)
	}
	auth := s.Auth
	auth.User, auth.Password, auth.Project = cfg.Name, password, cfg.Name
	login, err := login(ctx, auth)
	if err != nil {
		return nil, err
	}
	return &tenant{session: login, admin: s, name: cfg.Name, user: cfg.User}, nil
}

// build requests everything that can be made without waiting.
func (t *tenant) build(ctx context.Context, cfg Config) error {
	var subnet string
	var create servers.CreateOpts
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		subnet, err = t.connectPort(bothCtx, cfg)
		return err
	})
	both.Go(func() (err error) {
		create, err = t.describe(bothCtx, cfg)
		return err
	})
	if err := both.Wait(); err != nil {
		return err
	}
	if err := t.boot(ctx, create); err != nil {
		return err
	}
	// The guest takes longer to boot than Neutron to connect its network.
	return t.route(ctx, cfg, subnet)
}

// connectPort makes the guest's port, with its network and security group. It returns the subnet's ID.
func (t *tenant) connectPort(ctx context.Context, cfg Config) (string, error) {
	nets, err := list(ctx, networks.List(t.network, networks.ListOpts{Name: cfg.ExternalNetwork}),
		networks.ExtractNetworks)
	if err != nil || len(nets) != 1 {
		return "", fmt.Errorf("finding network %s: %d found: %w", cfg.ExternalNetwork, len(nets), err)
	}
	t.external = nets[0].ID
	net, err := networks.Create(ctx, t.network, networks.CreateOpts{Name: t.name}).Extract()
	if err != nil {
		return "", fmt.Errorf("making network %s: %w", t.name, err)
	}
	subnet, err := subnets.Create(ctx, t.network, subnets.CreateOpts{
		Name: t.name, NetworkID: net.ID, IPVersion: 4, CIDR: cfg.CIDR.String(), DNSNameservers: []string{cfg.Ping.String()},
	}).Extract()
	if err != nil {
		return "", fmt.Errorf("making subnet %s: %w", cfg.CIDR, err)
	}
	group, err := groups.Create(ctx, t.network, groups.CreateOpts{Name: t.name}).Extract()
	if err != nil {
		return "", fmt.Errorf("making security group %s: %w", t.name, err)
	}
	for _, r := range []rules.CreateOpts{
		{Protocol: rules.ProtocolICMP},
		{Protocol: rules.ProtocolTCP, PortRangeMin: 22, PortRangeMax: 22},
	} {
		r.SecGroupID, r.Direction, r.EtherType = group.ID, rules.DirIngress, rules.EtherType4
		if _, err := rules.Create(ctx, t.network, r).Extract(); err != nil {
			return "", fmt.Errorf("allowing %s in security group %s: %w", r.Protocol, t.name, err)
		}
	}
	port, err := ports.Create(ctx, t.network,
		ports.CreateOpts{Name: t.name, NetworkID: net.ID, SecurityGroups: &[]string{group.ID}}).Extract()
	if err != nil {
		return "", fmt.Errorf("making port %s: %w", t.name, err)
	}
	t.port = port.ID
	return subnet.ID, nil
}

// route connects the guest's subnet with the external network.
func (t *tenant) route(ctx context.Context, cfg Config, subnet string) error {
	router, err := routers.Create(ctx, t.network, routers.CreateOpts{
		Name: t.name, GatewayInfo: &routers.GatewayInfo{NetworkID: t.external},
	}).Extract()
	if err != nil {
		return fmt.Errorf("making router %s: %w", t.name, err)
	}
	if _, err := routers.AddInterface(ctx, t.network, router.ID,
		routers.AddInterfaceOpts{SubnetID: subnet}).Extract(); err != nil {
		return fmt.Errorf("connecting router %s to %s: %w", t.name, cfg.CIDR, err)
	}
	return nil
}

// describe makes the guest's key pair, and finds its image and flavor.
func (t *tenant) describe(ctx context.Context, cfg Config) (o servers.CreateOpts, err error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return o, err
	}
	if t.signer, err = ssh.NewSignerFromKey(private); err != nil {
		return o, err
	}
	block, err := ssh.MarshalPrivateKey(private, t.name)
	if err != nil {
		return o, err
	}
	t.privatePEM = pem.EncodeToMemory(block)
	_, err = keypairs.Create(ctx, t.compute,
		keypairs.CreateOpts{Name: t.name, PublicKey: string(ssh.MarshalAuthorizedKey(t.signer.PublicKey()))}).Extract()
	if err != nil {
		return o, fmt.Errorf("importing key %s: %w", t.name, err)
	}
	o.Name, o.UserData = t.name, []byte(base64.StdEncoding.EncodeToString([]byte(userData(cfg.Ping))))
	if o.FlavorRef, err = t.flavor(ctx, cfg.Flavor); err != nil {
		return o, err
	}
	if cfg.GuestsReady != nil {
		if err := cfg.GuestsReady(ctx); err != nil {
			return o, err
		}
	}
	o.ImageRef, err = t.image(ctx, cfg.Image)
	return o, err
}

// boot requests the guest.
func (t *tenant) boot(ctx context.Context, o servers.CreateOpts) error {
	o.Networks = []servers.Network{{Port: t.port}}
	server, err := servers.Create(ctx, t.compute,
		keypairs.CreateOptsExt{CreateOptsBuilder: o, KeyName: t.name}, nil).Extract()
	if err != nil {
		return fmt.Errorf("making guest %s: %w", t.name, err)
	}
	t.server = server.ID
	return nil
}

func (t *tenant) image(ctx context.Context, name string) (string, error) {
	id, err := findImage(ctx, t.images, name)
	if err == nil && id == "" {
		err = fmt.Errorf("finding image %s: none of that name", name)
	}
	return id, err
}

func (t *tenant) flavor(ctx context.Context, name string) (string, error) {
	all, err := list(ctx, flavors.ListDetail(t.compute, nil), flavors.ExtractFlavors)
	if err != nil {
		return "", fmt.Errorf("finding flavor %s: %w", name, err)
	}
	for _, f := range all {
		if f.Name == name {
			return f.ID, nil
		}
	}
	return "", fmt.Errorf("finding flavor %s: none of that name", name)
}

// associate gives the guest a floating IP.
func (t *tenant) associate(ctx context.Context, cfg Config) error {
	ip, err := floatingips.Create(ctx, t.network,
		floatingips.CreateOpts{FloatingNetworkID: t.external, PortID: t.port}).Extract()
	if err != nil {
		return fmt.Errorf("making a floating IP: %w", err)
	}
	if t.floating, err = netip.ParseAddr(ip.FloatingIP); err != nil {
		return err
	}
	t.floatingID = ip.ID
	return nil
}

// waitPublic reads the Elastic IP as users do, from the floating IP's tags.
func (t *tenant) waitPublic(ctx context.Context) error {
	return poll(ctx, 100*time.Millisecond, func() (bool, error) {
		ip, err := floatingips.Get(ctx, t.network, t.floatingID).Extract()
		if err != nil {
			return false, err
		}
		if public, ok := neutron.PublicOf(ip.Tags); ok {
			t.public = public
			return true, nil
		}
		if code, ok := neutron.ProblemOf(ip.Tags); ok {
			return false, fmt.Errorf("floating IP %s has no Elastic IP: %s", t.floating, code)
		}
		return false, fmt.Errorf("the tags of floating IP %s name no Elastic IP", t.floating)
	})
}
