package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/terminal"
)

func (a *App) planCommand() *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use:     "plan FILE",
		GroupID: "cloud",
		Short:   "Show what up would change on AWS, and change nothing",
		Long: `Show the difference between the cloud file and what AWS has. Nothing is changed.
What runs on the nodes is not part of the plan: up compares it there.`,
		Example:           "  macaw plan cloud.yaml\n  macaw plan cloud.yaml --exit-code && echo as wanted",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context(), args[0], a.Steps(), false)
			if err != nil {
				return err
			}
			key, _, err := sshKey(s.cloud.Name, host.PlanKey)
			if err != nil {
				return err
			}
			var plan *infra.Plan
			err = a.Steps().Await("infra", seeStep, func() error {
				plan, err = s.plan(cmd.Context(), host.AuthorizedKey(key))
				return err
			})
			if err != nil {
				return err
			}
			if text := notChecked(s.cloud); text != "" {
				a.Steps().Note("openstack", text)
			}
			err = a.Print(plan, func(w io.Writer) error {
				if s.down {
					fmt.Fprintln(w, "+ bring the lab up")
				}
				if plan.Empty() && len(plan.Drift) == 0 {
					_, err := fmt.Fprintln(w, "AWS has what the cloud file wants.")
					return err
				}
				_, err := fmt.Fprint(w, plan)
				return err
			})
			if err == nil && exitCode && !plan.Empty() {
				return terminal.ExitCode(terminal.ExitChanges)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, fmt.Sprintf("exit with %d if there is something to do", terminal.ExitChanges))
	return cmd
}
