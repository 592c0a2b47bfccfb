package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

func (a *App) downCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "down FILE",
		GroupID: "cloud",
		Short:   "Remove a cloud: everything that AWS has of it",
		Long: `Remove everything that bears the cloud's tag, in the order that AWS accepts. What
others use (an instance of theirs in one of the cloud's subnets) stays and is named
with those who use it; the exit code is 1 then. A lab that is empty afterwards is
removed too, but for its images.`,
		Example:           "  macaw down examples/lab.yaml",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.down(cmd.Context(), args[0])
		},
	}
}

// removed is what down has done.
type removed struct {
	Cloud   string   `json:"cloud"`
	Removed []string `json:"removed"`
	// Kept is what stays, because others use it.
	Kept    []infra.Kept `json:"kept,omitempty"`
	LabDown bool         `json:"labDown"`
}

func (a *App) down(ctx context.Context, file string) error {
	c, err := cloud.Load(file)
	if err != nil {
		return err
	}
	steps := a.Steps()
	return a.exclusively(ctx, c, "down "+file, steps, false, func(ctx context.Context, s *site) error {
		return a.downSite(ctx, s, steps)
	})
}

func (a *App) downSite(ctx context.Context, s *site, steps *terminal.Steps) (err error) {
	res := removed{Cloud: s.cloud.Name, Removed: []string{}}
	var left error // what others use
	if !s.down {
		defer s.watchLab(ctx, steps)()
		done, err := remove(ctx, s, steps)
		if err != nil {
			return err
		}
		for _, action := range done.Removed {
			res.Removed = append(res.Removed, action.Object)
		}
		res.Kept, left = done.Kept, done.Left()
	}
	if err := a.forget(s.cloud.Name); err != nil {
		return err
	}
	s.unlock() // the lab may go now
	if s.cloud.InLab() && left == nil {
		if res.LabDown, err = a.labDownIfEmpty(ctx, s, steps); err != nil {
			return err
		}
	}
	if err := a.Print(res, res.text); err != nil {
		return err
	}
	return left
}

func (r removed) text(w io.Writer) error {
	switch {
	case len(r.Kept) > 0:
		fmt.Fprintf(w, "Of cloud %s, %d resources are removed and %d stay.\n", r.Cloud, len(r.Removed), len(r.Kept))
	case len(r.Removed) == 0:
		fmt.Fprintf(w, "There was nothing of cloud %s.\n", r.Cloud)
	default:
		fmt.Fprintf(w, "Cloud %s is gone: %d resources removed.\n", r.Cloud, len(r.Removed))
	}
	if r.LabDown {
		fmt.Fprintln(w, "The lab was empty and is down; its images stay (macaw lab down --purge removes them).")
	}
	return nil
}

// remove removes a cloud in AWS, and tells of what stays because others use it.
func remove(ctx context.Context, s *site, steps *terminal.Steps) (_ infra.Removal, err error) {
	look := steps.Begin("infra", seeStep)
	looked := sync.OnceFunc(func() { look(err) })
	defer looked()
	show := infraProgress(steps)
	return infra.Down(ctx, s.clients(), s.cloud.Name,
		func(k infra.Kept) {
			looked()
			steps.Note("infra", k.String())
		},
		func(e infra.Event) {
			looked()
			show(e)
		})
}

// forget removes what this host knows of a cloud.
func (a *App) forget(name string) error {
	dir, err := dataDir(name)
	if err != nil {
		return err
	}
	return errors.Join(dropCloud(name), os.RemoveAll(dir))
}

// labDownIfEmpty removes a lab in which no cloud is left.
func (a *App) labDownIfEmpty(ctx context.Context, s *site, steps *terminal.Steps) (bool, error) {
	if !s.down {
		empty, err := infra.Vacant(ctx, s.ec2)
		if err != nil || !empty {
			return false, err
		}
	}
	err := steps.Do("lab", "remove namespaces, mounts and routes", func() error { return lab.Down(ctx, false) })
	return err == nil, err
}
