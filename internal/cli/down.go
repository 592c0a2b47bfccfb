package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"macaw/internal/cloud"
	"macaw/internal/infra"
	"macaw/internal/lab"
)

func (a *App) downCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "down FILE",
		GroupID: "cloud",
		Short:   "Remove a cloud: everything that AWS has of it",
		Long: `Remove everything that bears the cloud's tag, in the order that AWS accepts. A
lab that is empty afterwards is removed too, but for its images.`,
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
	LabDown bool     `json:"labDown"`
}

func (a *App) down(ctx context.Context, file string) error {
	c, err := cloud.Load(file)
	if err != nil {
		return err
	}
	steps := a.steps()
	return a.exclusively(ctx, c, "down "+file, steps, false, func(ctx context.Context, s *site) error {
		return a.downSite(ctx, s, steps)
	})
}

func (a *App) downSite(ctx context.Context, s *site, steps *Steps) (err error) {
	res := removed{Cloud: s.cloud.Name, Removed: []string{}}
	if !s.down {
		seen, err := s.look(ctx, steps)
		if err != nil {
			return err
		}
		plan := infra.PlanDown(seen)
		defer s.watchLab(ctx, steps)()
		if _, err := infra.Apply(ctx, s.clients(), plan, infraProgress(steps)); err != nil {
			return err
		}
		for _, action := range plan.Actions {
			res.Removed = append(res.Removed, action.Object)
		}
	}
	if err := a.forget(s.cloud.Name); err != nil {
		return err
	}
	s.unlock() // the lab may go now
	if s.cloud.InLab() {
		if res.LabDown, err = a.labDownIfEmpty(ctx, s, steps); err != nil {
			return err
		}
	}
	return a.print(res, func(w io.Writer) error {
		if len(res.Removed) == 0 {
			fmt.Fprintf(w, "There was nothing of cloud %s.\n", res.Cloud)
		} else {
			fmt.Fprintf(w, "Cloud %s is gone: %d resources removed.\n", res.Cloud, len(res.Removed))
		}
		if res.LabDown {
			fmt.Fprintln(w, "The lab was empty and is down; its images stay (macaw lab down --purge removes them).")
		}
		return nil
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
func (a *App) labDownIfEmpty(ctx context.Context, s *site, steps *Steps) (bool, error) {
	if !s.down {
		empty, err := infra.Vacant(ctx, s.ec2)
		if err != nil || !empty {
			return false, err
		}
	}
	err := steps.Do("lab", "remove namespaces, mounts and routes", func() error { return lab.Down(ctx, false) })
	return err == nil, err
}
