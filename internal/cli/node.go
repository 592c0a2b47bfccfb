// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"macaw.example/internal/cloud"
	"macaw.example/internal/drain"
	"macaw.example/internal/model"
	"macaw.example/internal/terminal"
)

func (a *App) nodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "node",
		GroupID: "cloud",
		Short:   "Move guests and routers off a node, or recreate its guests if it is gone",
		Long: `Move the guests and routers of a node to others, for instance before its instance is
stopped; or recreate its guests on others after it has died. To remove a node permanently,
delete it from the cloud file: macaw up --yes moves what is on it first.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(a.nodeDrainCommand(), a.nodeEnableCommand(), a.nodeEvacuateCommand())
	return cmd
}

func (a *App) nodeDrainCommand() *cobra.Command {
	var stop bool
	cmd := &cobra.Command{
		Use:   "drain FILE NODE",
		Short: "Move all guests and routers of a node to other nodes",
		Long: `Move a gateway's routers to other gateways, and keep them away. Keep new guests from a
compute node, and move all that are on it to other nodes: those that run or are paused by
live migration, without a restart; those that are shut off by copying their disks. Guests
in other states (suspended, being rescued, in error, or with a resize that their owner has
not confirmed) stay; they are listed with the reason, and the exit status is 1.

It changes nothing if no other node can take what is on this one. It may be interrupted at
any point: the same command continues. The node takes no guests and no routers until
"macaw node enable"; until then "macaw status" shows that.`,
		Example: `  macaw node drain cloud.yaml cmp-2
  macaw node drain cloud.yaml cmp-2 --stop     # restart those that cannot move while they run`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeNodes(model.Compute, model.Gateway),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("node drain", args[0])
			if err != nil {
				return err
			}
			res, err := d.Drain(cmd.Context(), args[1], stop)
			return a.printDrained(res, err, "The node takes nothing new until: macaw node enable "+args[0]+" "+args[1])
		},
	}
	cmd.Flags().BoolVar(&stop, "stop", false,
		"shut down guests whose live migration fails, move them, and start them again")
	return terminal.AfterSignal(cmd, "guests on their way arrive; the same command moves the rest")
}

func (a *App) nodeEnableCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "enable FILE NODE",
		Short:             "Let a node take guests and routers again, after drain or evacuate",
		Example:           "  macaw node enable cloud.yaml cmp-2",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeNodes(model.Compute, model.Gateway),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("node enable", args[0])
			if err != nil {
				return err
			}
			if err := d.Undrain(cmd.Context(), args[1]); err != nil {
				return err
			}
			enabled := enabledNode{Node: args[1]}
			return a.Print(enabled, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Node %s takes guests and routers.\n", enabled.Node)
				return err
			})
		},
	}
}

// enabledNode is the output of node enable.
type enabledNode struct {
	Node string `json:"node"`
}

func (a *App) nodeEvacuateCommand() *cobra.Command {
	var yes, force bool
	cmd := &cobra.Command{
		Use:   "evacuate FILE NODE",
		Short: "Recreate the guests of a dead compute node on other nodes",
		Long: `Recreate the guests of a compute node that is gone on other nodes, with their names,
addresses and floating IPs. A guest whose disk was on the node starts from its image:
what it had written since is lost. If the instance is only stopped, "macaw up" starts it
with its guests' disks.

EC2 must say that the instance is terminated or stopped, or that it fails its status
checks; --force is for one that hangs all the same. In any case the node must not
report to Nova any more, since its guests would run twice. The node may be one that the
cloud file does not have any more.`,
		Example:           "  macaw node evacuate cloud.yaml cmp-2",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeNodes(model.Compute),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("node evacuate", args[0])
			if err != nil {
				return err
			}
			if err := d.MayEvacuate(cmd.Context(), args[1], force); err != nil {
				return err
			}
			question := fmt.Sprintf("Guests of node %s start from their images on other nodes, without what they have "+
				"written to disks on the node. Evacuate them?", args[1])
			if err := a.Confirm(cmd.Context(), question, yes); err != nil {
				return err
			}
			res, err := d.Evacuate(cmd.Context(), args[1], force)
			return a.printDrained(res, err, "")
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&force, "force", false, "also if EC2 says that the instance is well")
	return terminal.AfterSignal(cmd, "the same command makes the rest")
}

// printDrained prints what has become of a node's guests, also if the run has failed or some have stayed.
func (a *App) printDrained(res drain.Result, err error, next string) error {
	if err != nil && len(res.Guests) == 0 {
		return err
	}
	printed := a.Print(res, func(w io.Writer) error {
		if len(res.Guests) == 0 {
			fmt.Fprintf(w, "There was no guest on node %s.\n", res.Node)
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		if len(res.Guests) > 0 {
			fmt.Fprintln(t, "GUEST\tPROJECT\tFLAVOR\tNOW\tHOW")
		}
		for _, o := range res.Guests {
			now, how := "on "+o.To, string(o.How)
			switch {
			case o.Gone:
				now = "deleted"
			case o.Stayed != "":
				now, how = "still on "+res.Node, o.Stayed
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", o.Name, o.Project, o.Flavor, now, how)
		}
		if err := t.Flush(); err != nil || next == "" || len(res.Left()) > 0 {
			return err
		}
		_, err := fmt.Fprintln(w, next)
		return err
	})
	return cmp.Or(err, printed)
}

// completeNodes completes the cloud file, and then the names of its nodes with any of these roles.
func completeNodes(roles ...model.Role) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return completeCloudFile(cmd, args, word)
		}
		c, err := cloud.Load(args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, n := range c.Nodes {
			if slices.ContainsFunc(roles, n.Has) {
				names = append(names, n.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
