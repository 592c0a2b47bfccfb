// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/daemon"
)

func (c *commands) accountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Give the lab's AWS account settings: quotas, zones, what an organization forbids",
		Long: `Show and change the settings of the lab's AWS account. They are off at first, and
stay until they are changed, even when the lab's daemon restarts:

` + settingsHelp() + `
The quota of Elastic IPs is a setting of macaw lab up.`,
		Example: `  macaw lab account set vcpu-quota 5
  macaw lab account set no-capacity 'us-east-1a=t3.xlarge'
  macaw lab account set service-control-policy "$(cat scp.json)"
  macaw lab account show
  macaw lab account reset`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(terminal.ReadOnly(c.accountShowCommand()), c.accountSetCommand(), c.accountResetCommand())
	return cmd
}

// settingsHelp lists the settings with their values and sources.
func settingsHelp() string {
	var b strings.Builder
	for _, s := range account.All {
		fmt.Fprintf(&b, "  %s %s\n      %s\n      (%s)\n", s.Name, s.Value, s.Short, s.Source)
	}
	return b.String()
}

func (c *commands) accountShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show the settings that are on",
		Example: "  macaw lab account show\n  macaw lab account show --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.askAccount(func() (account.Settings, error) { return daemon.ReadAccount(cmd.Context()) })
		},
	}
}

func (c *commands) accountSetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set NAME VALUE",
		Short: "Change a setting",
		Long:  "Change a setting of the lab's AWS account. The value off turns any setting off.\n\n" + settingsHelp(),
		Example: "  macaw lab account set vcpu-quota 5\n  macaw lab account set free-plan on\n" +
			"  macaw lab account set missing-types 'us-east-1a=t3.xlarge,m5.metal;us-east-1b=m5.metal'\n" +
			"  macaw lab account set block-public-access off",
		Args: cobra.ExactArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return account.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name, value, err := settingOf(args[0], args[1])
			if err != nil {
				return err
			}
			return c.askAccount(func() (account.Settings, error) { return daemon.SetAccount(cmd.Context(), name, value) })
		},
	}
	// A value such as -1 is no flag: the answer is about the setting.
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		unknown, ok := errors.AsType[*pflag.NotExistError](err)
		if named := cmd.Flags().Args(); ok && len(named) == 1 && unknown.GetSpecifiedShortnames() != "" {
			if _, _, refused := settingOf(named[0], "-"+unknown.GetSpecifiedShortnames()); refused != nil {
				return refused
			}
		}
		return cmd.Parent().FlagErrorFunc()(cmd, err)
	})
	return cmd
}

// settingOf checks a setting's name and value; the value is empty for off.
func settingOf(name, value string) (string, string, error) {
	s, ok := account.Find(name)
	if !ok {
		return "", "", hint.With(terminal.Usage(fmt.Errorf("there is no setting %q", name)), "one of %s",
			strings.Join(account.Names(), ", "))
	}
	if value == "off" {
		value = ""
	}
	if err := s.Set(&account.Settings{}, value); err != nil {
		return "", "", hint.With(terminal.Usage(err), "%s %s", s.Name, s.Value)
	}
	return name, value, nil
}

func (c *commands) accountResetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reset",
		Short:   "Turn all settings off",
		Example: "  macaw lab account reset",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.askAccount(func() (account.Settings, error) { return daemon.ResetAccount(cmd.Context()) })
		},
	}
}

// askAccount reads or changes the settings of the lab's account, and shows them.
func (c *commands) askAccount(ask func() (account.Settings, error)) error {
	var s account.Settings
	err := c.ask(func() (err error) {
		s, err = ask()
		return err
	})
	switch {
	case errors.Is(err, lab.ErrDown):
		return c.hint(err, "up")
	case err != nil:
		return err
	}
	return c.Print(s, func(w io.Writer) error { return printAccount(w, s) })
}

func printAccount(w io.Writer, s account.Settings) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	on := 0
	for _, setting := range account.All {
		if value := setting.Get(s); value != "" {
			on++
			fmt.Fprintf(t, "%s\t%s\n", setting.Name, value)
		}
	}
	if on == 0 {
		_, err := fmt.Fprintln(w, "No setting is on.")
		return err
	}
	return t.Flush()
}
