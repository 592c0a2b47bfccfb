// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/daemon"
	"macaw.example/lab/internal/image"
)

func (o Options) internal() daemon.Options {
	d := daemon.Options{Recipe: o.recipe(), ElasticIPQuota: o.ElasticIPQuota, AnnounceMoves: o.AnnounceMoves}
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

// Open returns this host's lab; ErrDown if none is up.
func Open(ctx context.Context) (*Lab, error) {
	if !control.Ready(ctx) {
		return nil, ErrDown
	}
	return Saved()
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

// Down removes this host's lab: its daemon, machines, mounts, namespaces, routes and state.
// Images stay, unless purge is set. It is no error if there is no lab.
func Down(ctx context.Context, purge bool) error { return daemon.Down(ctx, purge) }
