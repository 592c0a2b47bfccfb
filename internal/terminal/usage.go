// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"macaw.example/internal/hint"
)

// strictUsage makes invalid command lines errors with a reason, for a command and all below it. By
// default cobra shows a group's help for any unknown command, and exits successfully.
func strictUsage(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		strictUsage(sub)
	}
	switch {
	case cmd.Name() == "help":
		cmd.Run, cmd.RunE = nil, helpOn
	case !cmd.Runnable():
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		}
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	case cmd.Args != nil:
		check := cmd.Args
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			switch {
			case check(cmd, args) == nil:
				return nil
			case cmd.HasSubCommands():
				return unknownCommand(cmd, args[0])
			}
			return wrongArguments(cmd, args, check)
		}
	}
}

// wrongArguments names the argument that the command cannot use, or the missing one.
func wrongArguments(cmd *cobra.Command, args []string, check cobra.PositionalArgs) error {
	err := errors.New("an argument is missing")
	for n := len(args) - 1; n >= 0; n-- {
		if check(cmd, args[:n]) == nil {
			err = fmt.Errorf("unexpected argument %q", args[n])
			break
		}
	}
	usage := strings.TrimSuffix(cmd.UseLine(), " [flags]")
	return hint.With(Usage(fmt.Errorf("%w: want %s", err, usage)), "%s --help", cmd.CommandPath())
}

func unknownCommand(parent *cobra.Command, name string) error {
	err := Usage(fmt.Errorf("unknown command %q for %q", name, parent.CommandPath()))
	if near := nearTo(parent, name); len(near) > 0 {
		return hint.With(err, "did you mean %s %s?", parent.CommandPath(), strings.Join(near, ", or "))
	}
	return hint.With(err, "%s --help", parent.CommandPath())
}

// nearTo returns the commands of a group whose names are similar to a word.
func nearTo(parent *cobra.Command, word string) []string {
	parent.SuggestionsMinimumDistance = 2 // edit distance, as in cobra's own suggestions
	if len(word) >= 6 {
		return parent.SuggestionsFor(word)
	}
	// Two letters of a short word make another one, unless they have only changed places.
	parent.SuggestionsMinimumDistance = 1
	near := parent.SuggestionsFor(word)
	for i := range len(word) - 1 {
		swapped := word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:]
		for _, cmd := range parent.Commands() {
			if cmd.IsAvailableCommand() && cmd.Name() == swapped && !slices.Contains(near, swapped) {
				near = append(near, swapped)
			}
		}
	}
	return near
}

// helpOn implements "macaw help COMMAND".
func helpOn(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return unknownCommand(found, rest[0])
	}
	found.InitDefaultHelpFlag()
	return found.Help()
}

// showGroupsAsGroups removes the usage line of a group without a command: it only shows the help.
func showGroupsAsGroups(root *cobra.Command) {
	usage := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		if cmd.HasAvailableSubCommands() {
			run := cmd.RunE
			cmd.RunE = nil
			defer func() { cmd.RunE = run }()
		}
		return usage(cmd)
	})
}

// flagError adds a hint to a flag's error.
func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if ok && unknown.GetSpecifiedShortnames() == "" {
		flags := &cobra.Command{} // whose commands are the flags
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
			}
		})
		if near := nearTo(flags, unknown.GetSpecifiedName()); len(near) > 0 {
			return hint.With(Usage(err), "did you mean --%s?", strings.Join(near, ", or --"))
		}
	}
	return hint.With(Usage(err), "%s --help", cmd.CommandPath())
}
