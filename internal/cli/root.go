// Package cli is macaw's command line, one file a command.
//
// The rules of its output: what a command was asked for goes to stdout, as text
// for people or, with --output json, as one JSON document. Progress goes to
// stderr, and so do errors, as a line "error: ..." and, where there is a way
// out, a line "hint: ...".
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// App is what the commands share: where their output goes and the flags that
// all of them have.
type App struct {
	Stdout, Stderr io.Writer
	output         string
	quiet          bool
	running        atomic.Pointer[cobra.Command]

	stepsMu sync.Mutex
	shown   *Steps
}

// Main runs macaw with the arguments of the process and returns its exit code.
func Main() int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	return Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Run runs macaw with args and returns its exit code. When ctx ends by a signal
// it returns soon, even if the command does not.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := &App{Stdout: stdout, Stderr: stderr}
	root := app.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		if isService(app.running.Load()) {
			err = <-done
			break
		}
		select {
		case err = <-done:
		case <-time.After(endGrace):
			err = ctx.Err()
		}
	}
	// What fails after a signal fails because of it.
	var by interrupted
	if err != nil && errors.As(context.Cause(ctx), &by) &&
		(!isService(app.running.Load()) || errors.Is(err, context.Canceled)) {
		return app.reportInterrupted(stderr, by)
	}
	return report(stderr, err)
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "macaw",
		Short: "OpenStack on AWS, with a network that works",
		Long: `Macaw makes an OpenStack cloud on AWS EC2 instances, or on a local AWS (the lab),
and makes Neutron's external network a true part of the VPC: any number of
routers and floating IPs behind one ENI, each with an Elastic IP of its own.

The exit status is 0 if all went well, 1 after an error, 2 if the command line
can't be right, 3 if "plan --exit-code" finds something to do, 130 after SIGINT
(Ctrl-C) and 143 after SIGTERM. Any command may be interrupted anywhere; what shows
something until it is interrupted, such as "lab pcap", ends with 0 then.`,
		Example: `  macaw up examples/lab.yaml       # a cloud on the lab: no AWS account needed
  macaw plan cloud.yaml            # what up would do
  macaw verify cloud.yaml          # a guest, reached from outside
  macaw down cloud.yaml            # remove all of it`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.running.Store(cmd)
			switch a.output {
			case "text", "json":
				return nil
			}
			return usageError{fmt.Errorf("--output %q: want text or json", a.output)}
		},
	}
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "text", "format of the result: text or json")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "show no progress")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hint(usageError{err}, "%s --help", cmd.CommandPath())
	})
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddGroup(
		&cobra.Group{ID: "cloud", Title: "A cloud:"},
		&cobra.Group{ID: "lab", Title: "The lab, a local AWS:"},
	)
	root.AddCommand(
		a.upCommand(), looksOnly(a.planCommand()), a.downCommand(), looksOnly(a.statusCommand()), a.verifyCommand(),
		a.bakeCommand(), a.sshCommand(), a.gatewayCommand(), a.forwardCommand(), asService(a.agentCommand()),
		a.labCommand(), a.nodeCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	strictUsage(root)
	showGroupsAsGroups(root)
	return root
}

// json reports whether the result is wanted as JSON.
func (a *App) json() bool { return a.output == "json" }

// print writes the result of a command: v as JSON, or what text writes.
func (a *App) print(v any, text func(io.Writer) error) error {
	if !a.json() {
		return text(a.Stdout)
	}
	e := json.NewEncoder(a.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// steps are those that the command shows.
func (a *App) steps() *Steps {
	a.stepsMu.Lock()
	defer a.stepsMu.Unlock()
	if a.shown == nil {
		a.shown = newSteps(a.Stderr, a.quiet)
	}
	return a.shown
}

// version is the module's version or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}
