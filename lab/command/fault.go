// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/internal/daemon"
	"macaw.example/lab/internal/faults"
)

func (c *commands) faultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault",
		Short: "Make the lab misbehave as AWS does: throttling, errors, lag, lost power",
		Long: `Turn faults of the lab on and off while it runs. They stay until they are
cleared, even when the lab's daemon restarts.`,
		Example: `  macaw lab fault set throttle
  macaw lab fault set error --action 'Assign*' --rate 0.1 --when after
  macaw lab fault set late --min 500ms --max 6s
  macaw lab fault set power-off cloud-1
  macaw lab fault list
  macaw lab fault clear --all`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(terminal.ReadOnly(c.faultListCommand()), c.faultSetCommand(), c.faultClearCommand())
	return cmd
}

func (c *commands) faultListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Show which faults are on",
		Example: "  macaw lab fault list\n  macaw lab fault list --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.askFaults(func() (faults.Plan, error) { return daemon.ReadFaults(cmd.Context()) })
		},
	}
}

// askFaults reads or changes the lab's faults, and shows them.
func (c *commands) askFaults(ask func() (faults.Plan, error)) error {
	var p faults.Plan
	err := c.ask(func() (err error) {
		p, err = ask()
		return err
	})
	return c.printFaults(p, err)
}

func (c *commands) printFaults(p faults.Plan, err error) error {
	switch {
	case errors.Is(err, lab.ErrDown):
		return c.hint(err, "up")
	case err != nil:
		return err
	}
	return c.Print(p, func(w io.Writer) error {
		if len(p.Faults) == 0 {
			_, err := fmt.Fprintln(w, "No fault is on.")
			return err
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, f := range p.Faults {
			fmt.Fprintln(t, strings.TrimRight(f.Name+"\t"+f.Describe(), "\t"))
		}
		return t.Flush()
	})
}

func (c *commands) faultSetCommand() *cobra.Command {
	var seed uint64
	set := &cobra.Command{
		Use:   "set",
		Short: "Turn a fault on, or change it",
		Long: `Turn a fault on. It replaces the same fault with the same action or target;
others stay.

Random events depend only on the seed and on how often each action was called
since the seed was set: the same seed repeats a run.`,
		Example: "  macaw lab fault set lag --min 1s --max 5s\n  macaw lab fault set error --rate 0.2 --seed 7\n  macaw " +
			"lab fault set --seed 7",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				return hint.With(terminal.Usage(errors.New("no fault is given")), "one of %s",
					strings.Join(faults.Names(), ", "))
			}
			return c.askFaults(func() (faults.Plan, error) { return daemon.SetFaultSeed(cmd.Context(), seed) })
		},
	}
	set.PersistentFlags().Uint64Var(&seed, "seed", 0, "restart random events with this seed")
	for _, k := range faults.Kinds {
		set.AddCommand(c.faultSetKind(k, &seed))
	}
	return set
}

// faultSetKind is the command that turns on faults of one kind; its flags are the settings
// of that kind.
func (c *commands) faultSetKind(k faults.Kind, seed *uint64) *cobra.Command {
	f := k.Default
	f.Name = k.Name
	least, most := time.Duration(f.Min), time.Duration(f.Max)
	cmd := &cobra.Command{
		Use:     strings.TrimSpace(k.Name + " " + k.Target),
		Short:   k.Short,
		Long:    strings.TrimSpace(k.Short + ".\n\n" + k.Long),
		Example: "  macaw lab fault set " + faultExamples[k.Name],
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			f.Min, f.Max = faults.Duration(least), faults.Duration(most)
			// A bound given alone moves the other one with it.
			if k.Times && cmd.Flags().Changed("min") && !cmd.Flags().Changed("max") {
				f.Max = max(f.Max, f.Min)
			}
			if k.Times && cmd.Flags().Changed("max") && !cmd.Flags().Changed("min") {
				f.Min = min(f.Max, f.Min)
			}
			if len(args) == 1 {
				f.Target = args[0]
			}
			if err := noZeros(cmd, f); err != nil {
				return err
			}
			if _, err := f.Complete(); err != nil {
				return hint.With(terminal.Usage(err), "%s --help", cmd.CommandPath())
			}
			if k.Target == faultOfInstance {
				target, err := c.faultInstance(ctx, f.Target)
				if err != nil {
					return err
				}
				f.Target = target
			}
			if cmd.Flags().Changed("seed") {
				if _, err := daemon.SetFaultSeed(ctx, *seed); err != nil {
					return c.printFaults(faults.Plan{}, err)
				}
			}
			return c.askFaults(func() (faults.Plan, error) { return daemon.SetFault(ctx, f) })
		},
	}
	if k.Target != "" {
		cmd.Args = cobra.ExactArgs(1)
		cmd.ValidArgsFunction = c.completeFaultTarget(k.Name)
	}
	flags := cmd.Flags()
	if k.Action {
		flags.StringVar(&f.Action, "action", f.Action, "affected calls, a pattern with * and ?")
	}
	if k.Chance {
		flags.Float64Var(&f.Rate, "rate", f.Rate, "share of those calls that fail, more than 0 and at most 1")
		flags.StringVar(&f.When, "when", f.When, "before the call's effect, after it, or either")
		complete(cmd, "when", faults.Before, faults.After, faults.Either)
	}
	if k.Code {
		flags.StringVar(&f.Code, "code", f.Code, "error code: "+strings.Join(faultCodes(), ", "))
		complete(cmd, "code", faultCodes()...)
	}
	if k.Limit {
		flags.IntVar(&f.Limit, "limit", f.Limit, "packets per second, both directions together")
	}
	if k.Times {
		flags.DurationVar(&least, "min", least, "shortest duration")
		flags.DurationVar(&most, "max", most, "longest duration")
	}
	return cmd
}

// noZeros refuses an explicit zero: it would be read as "use the default".
func noZeros(cmd *cobra.Command, f faults.Fault) error {
	for _, flag := range []struct {
		name string
		zero bool
	}{{"rate", f.Rate == 0}, {"max", f.Max == 0}, {"action", f.Action == ""}, {"when", f.When == ""}, {"code",
		f.Code == ""}, {"limit", f.Limit == 0}} {
		if flag.zero && cmd.Flags().Changed(flag.name) {
			return hint.With(terminal.Usage(fmt.Errorf("--%s has no value", flag.name)),
				"%s --help; to turn a fault off: macaw lab fault clear", cmd.CommandPath())
		}
	}
	return nil
}

var faultExamples = map[string]string{
	faults.PPSAllowance: "pps-allowance eni-0123456789abcdef0 --limit 1000",
	faults.Throttle:     "throttle",
	faults.Error:        "error --action 'Assign*' --rate 0.1 --when after --code InternalError",
	faults.Timeout:      "timeout --action 'Associate*' --rate 0.05 --when either --min 5s --max 20s",
	faults.Latency:      "latency --action 'Describe*' --min 100ms --max 2s",
	faults.Lag:          "lag --min 1s --max 5s",
	faults.IMDSLag:      "imds-lag --min 5s --max 30s",
	faults.Late:         "late --min 500ms --max 6s",
	faults.PowerOff:     "power-off cloud-1",
	faults.NICDown:      "nic-down eni-0123456789abcdef0",
	faults.ZoneDown:     "zone-down us-east-1a",

	faults.SpotRebalance:    "spot-rebalance cmp-1",
	faults.SpotInterruption: "spot-interruption cmp-1",
}

func faultCodes() []string {
	var codes []string
	for code := range faults.Codes {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

func complete(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// faultOfInstance is the target of faults of instances.
const faultOfInstance = "INSTANCE"

// faultInstance finds a machine by its ID or its name. An ID is not looked up: the API
// itself may be faulty.
func (c *commands) faultInstance(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "i-") {
		return name, nil
	}
	_, id, err := c.instance(ctx, name)
	return id, err
}

// completeFaultTarget completes the target of a fault.
func (c *commands) completeFaultTarget(name string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var found []string
		ctx, cancel := completing(cmd)
		defer cancel()
		api, err := c.client(ctx)
		if err == nil {
			var st status
			if st, err = readStatus(ctx, api); err == nil {
				found = st.faultTargets(name)
			}
		}
		if name == faults.ZoneDown && len(found) == 0 {
			found = []string{lab.Region + "a", lab.Region + "b", lab.Region + "c"}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func (st status) faultTargets(name string) []string {
	var all []string
	for _, v := range st.VPCs {
		enis := slices.Clone(v.ENIs)
		for _, m := range v.Machines {
			if k, _ := faults.KindOf(name); k.Target == faultOfInstance {
				all = append(all, m.ID+"\t"+m.Name)
			}
			enis = append(enis, m.ENIs...)
		}
		for _, e := range enis {
			if name == faults.NICDown || name == faults.PPSAllowance {
				all = append(all, e.ID+"\t"+e.Description)
			}
		}
		for _, s := range v.Subnets {
			if name == faults.ZoneDown && !slices.Contains(all, s.Zone) {
				all = append(all, s.Zone)
			}
		}
	}
	return all
}

func (c *commands) faultClearCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "clear [NAME [WHICH]]",
		Short: "Turn faults off",
		Long: `Turn faults off: all with a name, or the one with a target or a pattern of
actions. Machines and zones without power get it back.`,
		Example: "  macaw lab fault clear late\n  macaw lab fault clear error 'Assign*'\n  macaw lab fault clear " +
			"power-off i-0123456789abcdef0\n  macaw lab fault clear --all",
		Args: cobra.MaximumNArgs(2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			ctx, cancel := completing(cmd)
			defer cancel()
			p, err := daemon.ReadFaults(ctx)
			if err != nil {
				return faults.Names(), cobra.ShellCompDirectiveNoFileComp
			}
			var found []string
			for _, f := range p.Faults {
				switch {
				case len(args) == 0 && !slices.Contains(found, f.Name):
					found = append(found, f.Name)
				case len(args) == 1 && f.Name == args[0]:
					found = append(found, f.Target+f.Action)
				}
			}
			return found, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return hint.With(terminal.Usage(errors.New("say which fault to clear, or --all")), "macaw lab fault list")
			}
			args = append(args, "", "")
			name, which := args[0], args[1]
			if _, known := faults.KindOf(name); name != "" && !known {
				return hint.With(terminal.Usage(fmt.Errorf("there is no fault %q", name)), "one of %s",
					strings.Join(faults.Names(), ", "))
			}
			if k, _ := faults.KindOf(name); k.Target == faultOfInstance && which != "" {
				var err error
				if which, err = c.faultInstance(cmd.Context(), which); err != nil {
					return err
				}
			}
			return c.askFaults(func() (faults.Plan, error) { return daemon.ClearFaults(cmd.Context(), name, which) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "turn all faults off")
	return cmd
}
