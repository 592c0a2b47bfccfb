// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/daemon"
	"macaw.example/lab/internal/image"
	"macaw.example/lab/internal/instancetypes"
)

func (o Options) internal() daemon.Options {
	d := daemon.Options{Recipe: o.recipe(), ElasticIPQuota: o.ElasticIPQuota,
		MinElasticIPQuota: o.MinElasticIPQuota, NewElasticIPQuota: o.NewElasticIPQuota, AnnounceMoves: o.AnnounceMoves}
	d.Daemon = append(append(d.Daemon, o.Command...), "daemon")
	return d
}

func (o Options) recipe() image.Recipe {
	return image.Recipe{Suite: "trixie", Archive: o.Packages, Extra: o.ExtraPackages}
}

// StockImage returns the ID of the stock image for these options.
func (o Options) StockImage() string { return image.StockID(o.recipe()) }

// ExtraPackagesDir returns the directory of the ExtraPackages, as .deb files.
func (o Options) ExtraPackagesDir() string { return daemon.ExtraPackagesDir(o.recipe()) }

// Up brings this host's lab up, and builds the stock image with these packages if it does
// not exist. A lab that is up keeps its machines and their connections; changed options are
// applied.
func Up(ctx context.Context, o Options, p Progress) (*Lab, error) {
	if len(o.Command) == 0 {
		return nil, errors.New("bringing the lab up: no Command is given")
	}
	cfg, err := daemon.Up(ctx, o.internal(), daemon.Step(p))
	if err != nil {
		return nil, err
	}
	return &Lab{cfg}, nil
}

// Open returns this host's lab. It waits for up to two minutes for a daemon that another command is
// replacing. The error is ErrDown only if there is nothing of a lab, and ErrNoDaemon if its daemon is not
// running.
func Open(ctx context.Context) (*Lab, error) {
	cfg, err := daemon.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &Lab{cfg}, nil
}

// Revive starts the daemon of a lab that has lost it, with the settings that it had. It does nothing if it runs, or if
// there is no lab.
func Revive(ctx context.Context, o Options, p Progress) error {
	if len(o.Command) == 0 {
		return errors.New("starting the lab's daemon: no Command is given")
	}
	return daemon.Revive(ctx, o.internal(), daemon.Step(p))
}

// Saved returns this host's lab whether or not its daemon is running; ErrDown if there is
// none.
func Saved() (*Lab, error) {
	cfg, err := control.ReadConfig()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	if err != nil {
		return nil, err
	}
	return &Lab{cfg}, nil
}

// FindInstanceType returns an instance type, which a lab has in all zones.
func FindInstanceType(name string) (InstanceType, bool) {
	t, ok := instancetypes.All()[name]
	return InstanceType{VCPUs: t.VCPUs, Architectures: t.Architectures, Addresses: t.IPv4,
		Spot: slices.Contains(t.UsageClasses, "spot")}, ok
}

// Zones returns the zones of the lab's region.
func Zones() []string { return account.ZonesOf(Region) }

// Down removes this host's lab: its daemon, machines, mounts, namespaces, routes and state.
// Images stay, unless purge is set. It is no error if there is no lab.
func Down(ctx context.Context, purge bool) error { return daemon.Down(ctx, purge) }
