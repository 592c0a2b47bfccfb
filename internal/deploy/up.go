// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// When tells when up verifies the cloud.
type When string

// The values of When.
const (
	Auto   When = "auto"   // when something has changed since the last time
	Always When = "always" //
	Never  When = "never"
)

// UpOptions are options of Up.
type UpOptions struct {
	Verify When // Auto if empty
	// Destroy permits the removal of instances, with their data, that the cloud file no longer has, and of addresses
	// and Elastic IPs that Neutron may use.
	Destroy bool
	// Restart permits stopping a running instance for changes that AWS makes only then.
	Restart bool
	// NewAuthority replaces the cloud's certificate authority.
	NewAuthority bool
}

// UpResult describes a running cloud.
type UpResult struct {
	Cloud     string              `json:"cloud"`
	Identity  *infra.Identity     `json:"identity"`
	Dashboard string              `json:"dashboard"` // URL
	Auth      string              `json:"authURL"`   // Keystone's
	Clouds    string              `json:"cloudsYAML"`
	Addresses []infra.AddressPair `json:"addresses"` // Neutron's registered addresses
	Verified  string              `json:"verified"`  // for display
	Changes   int                 `json:"changes"`   // number of changes made
	// Findings are problems that Up leaves to the operator, with remedies.
	Findings []model.Finding `json:"findings"`

	Nodes []infra.NodeOutput `json:"-"`
	// GuestImage and GuestFlavor are names in the cloud, GuestUser is the image's login user.
	GuestImage  string `json:"-"`
	GuestFlavor string `json:"-"`
	GuestUser   string `json:"-"`

	ElasticIPs model.ElasticIPPolicy `json:"-"`
	Given      []netip.Addr          `json:"-"` // addresses given to Neutron
}

// Up makes or repairs the cloud. It leaves alone what exists and is as wanted.
func (d *Deployment) Up(ctx context.Context, o UpOptions) (res UpResult, err error) {
	d.restart, d.newAuthority = o.Restart, o.NewAuthority
	err = d.exclusively(ctx, bringUp, func(ctx context.Context, _ func()) error {
		res, err = d.up(ctx, o)
		return err
	})
	return res, d.inRegion(ctx, err)
}

func (d *Deployment) up(ctx context.Context, o UpOptions) (UpResult, error) {
	nodes, changes, err := d.makeInfra(ctx, o.Destroy)
	if err != nil {
		return UpResult{}, err
	}
	w := d.waysToNew(nodes)
	defer w.Close()
	all, err := d.reachAll(ctx, w)
	if err != nil {
		return UpResult{}, hint.With(err, "macaw status %s, and the instance's console output", d.Cloud.FileName())
	}
	if err := d.giveCertificates(ctx, all); err != nil {
		return UpResult{}, err
	}
	node, h := nodes[d.controller()], all[d.controller()].h
	var changed int
	var p proof
	findings := append([]model.Finding{}, d.domainFindings(ctx, node)...)
	findings = append(findings, d.domainCertificateFindings(node, time.Now())...)
	// The last services start while a guest is made already.
	both, bothCtx := errgroup.WithContext(ctx)
	serving, guests, made := make(chan struct{}), make(chan struct{}), make(chan struct{})
	both.Go(func() (err error) {
		changed, err = d.makeAll(bothCtx, all, func(step string) {
			if step == nodeapi.StepServing {
				close(serving)
			} else {
				close(guests)
			}
		})
		if err == nil {
			close(made)
		}
		return err
	})
	both.Go(func() (err error) {
		if err := receive(bothCtx, serving); err != nil {
			return err
		}
		p, err = d.prove(bothCtx, w, all, o.Verify, guests)
		if _, lost := errors.AsType[*host.LostError](err); !lost || bothCtx.Err() != nil {
			return err
		}
		// The job goes on, and is followed over another connection.
		if err := receive(bothCtx, made); err != nil {
			return err
		}
		p, err = d.prove(bothCtx, w, all, o.Verify, guests)
		return err
	})
	if err := both.Wait(); err != nil {
		return UpResult{}, err
	}
	if p.mark != "" {
		if _, err := h.Put(ctx, verifiedPath, []byte(p.mark), 0o644); err != nil {
			return UpResult{}, err
		}
	}
	findings = append(findings, p.findings...)
	// The agents have registered addresses meanwhile, and associated Elastic IPs.
	if seen, err := inventory.SeeNodes(ctx, d.ec2, d.Cloud.Name); err == nil {
		nodes = infra.OutputsOf(d.Cloud, seen).Nodes
	} else if ctx.Err() == nil {
		d.note(phaseInfra, "the addresses are those at the beginning of the run: %v", err)
	}
	return UpResult{
		Cloud: d.Cloud.Name, Identity: d.caller, Dashboard: d.dashboard(node), Auth: p.access.Auth.URL,
		Clouds: p.access.path, Addresses: addressesOf(nodes), Verified: p.verified, Changes: changes + changed,
		Findings: findings, Nodes: nodes, GuestImage: guestImage(d.Cloud), GuestFlavor: guestFlavor(d.Cloud),
		GuestUser:  guestUser(d.Cloud),
		ElasticIPs: d.Cloud.Provider.ElasticIPs, Given: d.Cloud.ProviderAddresses(),
	}, nil
}

// proof is what up found of a cloud that serves.
type proof struct {
	access   access
	verified string // for display
	mark     string // to be kept on the node if the rest of the run succeeds; empty if there is nothing new
	findings []model.Finding
}

// prove gives a cloud its guest image and verifies it, if it is due. Its guest is made once guests is closed.
func (d *Deployment) prove(ctx context.Context, w *ways, all machines, when When, guests <-chan struct{}) (p proof,
	err error) {
	h := all[d.controller()].h
	if p.access, err = d.takeAccess(ctx, h); err != nil {
		return p, err
	}
	err = whileAlive(ctx, h, func(ctx context.Context) error {
		off, err := d.switchedOff(ctx, w)
		if err != nil {
			return err
		}
		switch {
		case len(off) > 0 && when == Always:
			return d.errOff(off[0])
		case len(off) > 0:
			for _, n := range off {
				p.findings = append(p.findings, d.offFinding(n))
			}
			p.verified = "no: the translation is switched off"
			return d.provideGuest(ctx, p.access)
		}
		both, bothCtx := errgroup.WithContext(ctx)
		provided := make(chan struct{})
		both.Go(func() error {
			if err := d.provideGuest(bothCtx, p.access); err != nil {
				return err
			}
			close(provided)
			return nil
		})
		both.Go(func() error {
			ready := func(ctx context.Context) error {
				if err := receive(ctx, provided); err != nil {
					return err
				}
				return receive(ctx, guests)
			}
			var err error
			p.verified, p.mark, err = d.verifyAfterUp(bothCtx, w, h, all.specs(), p.access, when, ready)
			return err
		})
		return both.Wait()
	})
	if err != nil {
		err = hint.With(err, "macaw agent status %s shows what the translation saw", d.Cloud.FileName())
		if d.Cloud.InLab() {
			err = hint.With(err, "macaw lab drops shows what the lab's network refused")
		}
	}
	return p, err
}

// addressesOf are Neutron's registered addresses on all nodes, in ascending order.
func addressesOf(nodes []infra.NodeOutput) []infra.AddressPair {
	all := []infra.AddressPair{}
	for _, n := range nodes {
		all = append(all, n.Addresses...)
	}
	slices.SortFunc(all, func(a, b infra.AddressPair) int {
		return netip.MustParseAddr(a.Private).Compare(netip.MustParseAddr(b.Private))
	})
	return all
}

// receive waits until a channel is closed.
func receive(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
