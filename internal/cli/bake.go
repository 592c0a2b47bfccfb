package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/cloud"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/node"
	"macaw.example/internal/terminal"
)

func (a *App) bakeCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "bake FILE",
		GroupID: "cloud",
		Short:   "Make an image with OpenStack's packages installed, so that up is faster",
		Long: `Start an instance from a plain Debian, install OpenStack's packages on it as up
would, take from it what is its own (host keys, authorized keys, machine ID, logs),
and make an image (AMI) of it. From then on up uses that image, for this cloud and
all others in the region, until the list of packages changes.`,
		Example:           "  macaw bake cloud.yaml",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.bake(cmd.Context(), args[0], force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "make an image even if there is one")
	return terminal.AfterSignal(cmd,
		"the instance that the image is made from may still be there, and costs; "+
			"run the same command again: it goes on, and removes it")
}

// baked is what bake has made, or found.
type baked struct {
	Image    string `json:"image"`
	Packages string `json:"packages"` // the hash that the image is found by
	Made     bool   `json:"made"`
}

func (a *App) bake(ctx context.Context, file string, force bool) error {
	c, err := cloud.Load(file)
	if err != nil {
		return err
	}
	steps := a.Steps()
	return a.exclusively(ctx, bakeryOf(c), "bake "+file, steps, true, func(ctx context.Context, bakery *site) error {
		return a.bakeSite(ctx, bakery, force, steps)
	})
}

func (a *App) bakeSite(ctx context.Context, bakery *site, force bool, steps *terminal.Steps) error {
	hash := node.PackagesHash()
	var img infra.Image
	err := steps.Await("infra", "look for an image", func() (err error) {
		img, err = infra.FindImage(ctx, bakery.ec2, hash, "")
		return err
	})
	if err != nil {
		return err
	}
	res := baked{Image: img.ID, Packages: hash}
	needed := img.Kind != infra.ImageBaked || force
	seen, err := bakery.look(ctx, steps)
	if err != nil {
		return err
	}
	// What a run that was killed has left goes on, if it can.
	if seen.Sealed() || !needed && !seen.Empty() {
		steps.Note("bake", "an earlier run has left its instance behind; removing that")
		if err := a.removeBakery(ctx, bakery, steps); err != nil {
			return err
		}
	}
	if needed {
		if res.Image, err = a.bakeIn(ctx, bakery, hash, steps); err != nil {
			return err
		}
		res.Made = true
	}
	return a.Print(res, func(w io.Writer) error {
		if !res.Made {
			_, err := fmt.Fprintf(w, "Image %s has these packages already.\n", res.Image)
			return err
		}
		_, err := fmt.Fprintf(w, "Image %s is made; macaw up uses it from now on.\n", res.Image)
		return err
	})
}

// bakeryOf is the cloud whose only node is imaged: a network and an instance,
// with the one Elastic IP that SSH needs.
func bakeryOf(c *cloud.Cloud) *cloud.Cloud {
	b := *c
	b.Name = c.Name + "-bake"
	b.Provider.Addresses, b.Provider.ElasticIPs, b.Provider.Pool = 0, model.ElasticIPsNone, nil
	b.Nodes = []cloud.Node{c.Nodes[0]}
	b.Nodes[0].Name = "bake"
	b.Nodes[0].Roles = nil
	return &b
}

// bakeIn makes the image in a cloud made for it, which is removed afterwards,
// also after a failure.
func (a *App) bakeIn(ctx context.Context, s *site, hash string, steps *terminal.Steps) (id string, err error) {
	defer func() {
		if err != nil && ctx.Err() == nil {
			steps.Note("bake", "failed, and is removed again: "+err.Error())
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
		defer cancel()
		cleanErr := a.removeBakery(clean, s, steps)
		if err == nil {
			err = cleanErr
		}
	}()
	nodes, _, err := a.makeInfra(ctx, s, steps)
	if err != nil {
		return "", err
	}
	var h *host.Host
	err = steps.Do("host", "SSH at "+nodes[0].ManagementPublic, func() error {
		ctx, cancel := context.WithTimeout(ctx, startLimit)
		defer cancel()
		h, err = s.dial(ctx, nodes[0], steps)
		return err
	})
	if err != nil {
		return "", err
	}
	defer h.Close()
	if err := a.putProgram(ctx, h, steps); err != nil {
		return "", err
	}
	job := host.Job{Name: "macaw-node-install", Command: []string{nodeBinary, "node", "install"}}
	if err := a.finish(ctx, h, job, steps); err != nil {
		return "", err
	}
	if _, err := a.job(ctx, h, job, steps); err != nil {
		return "", err
	}
	// The tag comes first: once it has begun, the instance is lost to others.
	if err := infra.Seal(ctx, s.ec2, nodes[0].InstanceID); err != nil {
		return "", err
	}
	last := host.Job{Name: "macaw-node-generalize", Command: []string{nodeBinary, "node", "generalize"}}
	if _, err := a.job(ctx, h, last, steps); err != nil {
		return "", err
	}
	err = steps.Do("bake", "stop the instance and make the image", func() error {
		id, err = infra.Bake(ctx, s.ec2, nodes[0].InstanceID, hash)
		return err
	})
	return id, err
}

// removeBakery removes the cloud that images are made in, also from this machine.
func (a *App) removeBakery(ctx context.Context, s *site, steps *terminal.Steps) error {
	done, err := remove(ctx, s, steps)
	if err != nil {
		return err
	}
	if err := done.Left(); err != nil {
		return err
	}
	return a.forget(s.cloud.Name)
}
