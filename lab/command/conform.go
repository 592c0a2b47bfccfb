// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/spf13/cobra"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/internal/conform"
	"macaw.example/lab/internal/conform/agent"
)

// conformLeft says how to clean up after an interrupted run.
const conformLeft = "macaw lab conform --clean removes what a run has left behind, with the same --endpoint and " +
	"--region"

type conformOptions struct {
	endpoint, region                string
	only                            []string
	list, apiOnly, free, clean, yes bool
}

func (c *commands) conformCommand() *cobra.Command {
	var o conformOptions
	cmd := &cobra.Command{
		Use:   "conform",
		Short: "Check the lab, or AWS itself, against the rules that the lab implements",
		Long: `Check rule by rule whether the lab behaves as AWS does: in its API, and in what
its network passes and drops. The same checks run against an AWS account with
--endpoint aws, in VPCs that they make and remove, so that you can verify the
lab's fidelity yourself. Undocumented behaviour is reported and not judged.

AWS charges for instances, Elastic IPs and a NAT gateway: the resources are
listed first and must be confirmed. All of them have the tag macaw:conform;
--clean removes those that a killed run has left behind.`,
		Example: `  macaw lab conform
  macaw lab conform --list
  macaw lab conform --only move-elastic,arp-silence
  macaw lab conform --endpoint aws --region eu-central-1
  macaw lab conform --endpoint aws --clean`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.conform(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.endpoint, "endpoint", "", "aws, or the URL of an EC2 API; default: the running lab")
	f.StringVar(&o.region, "region", "", "the region, if not the default of your AWS configuration")
	f.StringSliceVar(&o.only, "only", nil, "only these checks, and their prerequisites")
	f.BoolVar(&o.list, "list", false, "list the checks and do nothing")
	f.BoolVar(&o.apiOnly, "api-only", false, "skip checks that send frames between instances")
	f.BoolVar(&o.free, "free", false, "skip checks that create resources that AWS charges for")
	f.BoolVar(&o.clean, "clean", false, "remove what earlier runs have left behind, and check nothing")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	cmd.AddCommand(terminal.Service(c.conformAgentCommand()))
	return terminal.AfterSignal(cmd, conformLeft)
}

// conformAgentCommand runs on an instance, for the checks.
func (c *commands) conformAgentCommand() *cobra.Command {
	return &cobra.Command{
		Use: "agent", Hidden: true, Short: "Send and receive frames for a check", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return agent.Serve(cmd.Context(), cmd.InOrStdin(), c.Stdout)
		},
	}
}

// checks returns the checks that the options select.
func (o conformOptions) checks() ([]conform.Check, error) {
	checks := conform.Checks()
	if len(o.only) > 0 {
		var unknown []string
		if checks, unknown = conform.Select(o.only); len(unknown) > 0 {
			return nil, hint.With(terminal.Usage(fmt.Errorf("there is no check %s", strings.Join(unknown, ", "))),
				"macaw lab conform --list")
		}
	}
	checks = slices.DeleteFunc(checks,
		func(c conform.Check) bool { return o.apiOnly && c.DataPlane || o.free && len(c.Costs) > 0 })
	if len(checks) == 0 {
		return nil, terminal.Usage(errors.New("the options exclude every check"))
	}
	return checks, nil
}

func (c *commands) conform(ctx context.Context, o conformOptions) error {
	checks, err := o.checks()
	if err != nil {
		return err
	}
	if o.list {
		return c.Print(checks, func(w io.Writer) error { return conform.WriteChecks(w, checks) })
	}
	cfg, where, err := c.connectConform(ctx, o)
	if err != nil {
		return err
	}
	if o.clean {
		return c.cleanConform(ctx, o, cfg, where)
	}
	title := fmt.Sprintf("%d checks will create in %s, and remove afterwards:", len(checks), where)
	if err := c.agree(ctx, o, title, conform.Notice(checks)); err != nil {
		return err
	}
	if cfg.Program, err = os.Executable(); err != nil {
		return err
	}
	cfg.Agent, cfg.Run = append(slices.Clone(c.options.Command[1:]), "conform", "agent"), conform.NewRun()
	steps := c.Steps()
	cfg.Step = func(what string) func(error) { return steps.Start("conform", what) }
	cfg.Done = func(r conform.Result) { checked(steps, r) }
	steps.Note("conform", "run "+cfg.Run)
	report, err := conform.Run(ctx, cfg, checks)
	if printed := c.Print(report, report.Write); printed != nil {
		return errors.Join(err, printed)
	}
	switch {
	case err != nil:
		return hint.With(err, conformLeft)
	case !report.Good():
		return terminal.ExitCode(terminal.ExitFailure)
	}
	return nil
}

// checked shows the result of a check.
func checked(s *terminal.Steps, r conform.Result) {
	mark := map[conform.Status]string{conform.Passed: "✓", conform.Observed: "·", conform.Skipped: "-"}[r.Status]
	if mark == "" {
		mark = "✗"
	}
	s.Line(time.Now(), mark, "conform", r.ID, terminal.Seconds(time.Duration(r.Seconds*float64(time.Second))))
}

func (c *commands) cleanConform(ctx context.Context, o conformOptions, cfg conform.Config, where string) error {
	left, err := conform.Leftovers(ctx, cfg, "")
	if err != nil {
		return err
	}
	if len(left) > 0 {
		var lines []string
		for _, l := range left {
			lines = append(lines, fmt.Sprintf("%s %s of run %s", l.Type, l.ID, l.Run))
		}
		if err := c.agree(ctx, o, "To be removed from "+where+", with everything in the VPCs (a run in progress would fail):",
			lines); err != nil {
			return err
		}
		if err := c.Steps().Do("conform", "remove what earlier runs have left",
			func() error { return conform.Clean(ctx, cfg, "") }); err != nil {
			return err
		}
	}
	return c.Print(map[string]any{"removed": left}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d resources of earlier runs removed.\n", len(left))
		return err
	})
}

// connectConform returns a client of the AWS to check, and a name to show for it.
func (c *commands) connectConform(ctx context.Context, o conformOptions) (cfg conform.Config, where string, err error) {
	if o.endpoint == "" {
		api, err := c.client(ctx)
		if err != nil {
			return cfg, "", err
		}
		l, err := lab.Open(ctx)
		if err != nil {
			return cfg, "", c.hintIfDown(err)
		}
		at := l.Config()
		cfg.EC2 = api
		cfg.Wire = conform.Wire{Endpoint: lab.Endpoint, Region: lab.Region, Credentials: at.Credentials}
		return cfg, "the lab", nil
	}
	options := []func(*config.LoadOptions) error{config.WithRetryer(awsapi.Retryer)}
	if o.region != "" {
		options = append(options, config.WithRegion(o.region))
	}
	if !o.amazon() {
		options = append(options, config.WithBaseEndpoint(o.endpoint))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, "", fmt.Errorf("reading the AWS configuration: %w", err)
	}
	// eval "$(macaw lab env)" sets it: the lab's results would be reported as AWS's.
	if o.amazon() && (loaded.BaseEndpoint != nil || os.Getenv("AWS_ENDPOINT_URL_EC2") != "") {
		return cfg, "", hint.With(terminal.Usage(errors.New("the check is for AWS, but the AWS configuration has another "+
			"endpoint")), "unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_EC2")
	}
	if loaded.Region == "" {
		return cfg, "", hint.With(terminal.Usage(errors.New("no region is given")), "--region, or AWS_REGION")
	}
	if _, err := loaded.Credentials.Retrieve(ctx); err != nil {
		return cfg, "", hint.With(fmt.Errorf("finding AWS credentials: %w", err), "aws configure")
	}
	cfg.EC2 = ec2.NewFromConfig(loaded)
	cfg.Wire = conform.Wire{Region: loaded.Region, Credentials: loaded.Credentials,
		Endpoint: aws.ToString(loaded.BaseEndpoint)}
	if where = "AWS, " + loaded.Region; !o.amazon() {
		where = o.endpoint
	}
	return cfg, where, nil
}

// amazon tells whether the endpoint is Amazon's. The URL is then ignored: each service has
// its own.
func (o conformOptions) amazon() bool {
	return o.endpoint == "aws" || strings.Contains(o.endpoint, ".amazonaws.com")
}

// agree shows the plan and asks for confirmation, except on the lab.
func (c *commands) agree(ctx context.Context, o conformOptions, title string, lines []string) error {
	if o.endpoint == "" {
		return nil
	}
	fmt.Fprintln(c.Stderr, title)
	for _, l := range lines {
		fmt.Fprintln(c.Stderr, "  "+l)
	}
	return c.Confirm(ctx, "Go on?", o.yes)
}
