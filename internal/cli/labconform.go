package cli

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
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"macaw/internal/lab"
	"macaw/internal/lab/conform"
	"macaw/internal/lab/conform/agent"
)

// conformLeft is what to do after a run that did not come to its end.
const conformLeft = "macaw lab conform --clean removes what a run has left behind, with the same --endpoint and --region"

type conformOptions struct {
	endpoint, region                string
	only                            []string
	list, apiOnly, free, clean, yes bool
}

func (a *App) labConformCommand() *cobra.Command {
	var o conformOptions
	cmd := &cobra.Command{
		Use:   "conform",
		Short: "Hold the lab, or AWS itself, to the rules that the lab is built on",
		Long: `Check rule by rule whether the lab behaves as AWS does: in its API, and in what
its network passes and drops. The same checks run against an AWS account with
--endpoint aws, in VPCs that they make and remove, so that you can see for
yourself how true the lab is. Rules that nobody has documented are observed and
not judged.

An AWS account is charged for instances, Elastic IPs and a NAT gateway: what will
be made is shown first and must be confirmed. All of it has the tag
macaw:conform; --clean removes what a run has left behind that was killed.`,
		Example: `  macaw lab conform
  macaw lab conform --list
  macaw lab conform --only move-elastic,arp-silence
  macaw lab conform --endpoint aws --region eu-central-1
  macaw lab conform --endpoint aws --clean`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.labConform(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.endpoint, "endpoint", "", "whom to check: aws, or the URL of an EC2 API; the running lab unless given")
	f.StringVar(&o.region, "region", "", "the region, if not the default of your AWS configuration")
	f.StringSliceVar(&o.only, "only", nil, "only these checks, and what they need")
	f.BoolVar(&o.list, "list", false, "list the checks and do nothing")
	f.BoolVar(&o.apiOnly, "api-only", false, "no checks that send frames between instances")
	f.BoolVar(&o.free, "free", false, "no checks that make what AWS charges for")
	f.BoolVar(&o.clean, "clean", false, "remove what earlier runs have left behind, and check nothing")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	cmd.AddCommand(asService(a.labConformAgentCommand()))
	return annotate(cmd, afterSignal, conformLeft)
}

// labConformAgentCommand is what the checks run on an instance.
func (a *App) labConformAgentCommand() *cobra.Command {
	return &cobra.Command{
		Use: "agent", Hidden: true, Short: "Send and receive frames for a check", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return agent.Serve(cmd.Context(), cmd.InOrStdin(), a.Stdout)
		},
	}
}

// checks are those that the options choose.
func (o conformOptions) checks() ([]conform.Check, error) {
	checks := conform.Checks()
	if len(o.only) > 0 {
		var unknown []string
		if checks, unknown = conform.Select(o.only); len(unknown) > 0 {
			return nil, hint(usageError{fmt.Errorf("there is no check %s", strings.Join(unknown, ", "))}, "macaw lab conform --list")
		}
	}
	checks = slices.DeleteFunc(checks, func(c conform.Check) bool { return o.apiOnly && c.DataPlane || o.free && len(c.Costs) > 0 })
	if len(checks) == 0 {
		return nil, usageError{errors.New("no check is left to carry out")}
	}
	return checks, nil
}

func (a *App) labConform(ctx context.Context, o conformOptions) error {
	checks, err := o.checks()
	if err != nil {
		return err
	}
	if o.list {
		return a.print(checks, func(w io.Writer) error { return conform.WriteChecks(w, checks) })
	}
	cfg, where, err := o.connect(ctx)
	if err != nil {
		return err
	}
	if o.clean {
		return a.labConformClean(ctx, o, cfg, where)
	}
	title := fmt.Sprintf("%d checks make in %s, and remove again:", len(checks), where)
	if err := a.agree(ctx, o, title, conform.Notice(checks)); err != nil {
		return err
	}
	if cfg.Program, err = os.Executable(); err != nil {
		return err
	}
	cfg.Agent, cfg.Run = []string{"lab", "conform", "agent"}, conform.NewRun()
	steps := a.steps()
	cfg.Step = func(what string) func(error) { return steps.Start("conform", what) }
	cfg.Done = func(r conform.Result) { steps.checked(r) }
	steps.Note("conform", "run "+cfg.Run)
	report, err := conform.Run(ctx, cfg, checks)
	if printed := a.print(report, report.Write); printed != nil {
		return errors.Join(err, printed)
	}
	switch {
	case err != nil:
		return hint(err, conformLeft)
	case !report.Good():
		return codeError(exitFailure)
	}
	return nil
}

// checked shows what came of a check.
func (s *Steps) checked(r conform.Result) {
	mark := map[conform.Status]string{conform.Passed: "✓", conform.Observed: "·", conform.Skipped: "-"}[r.Status]
	if mark == "" {
		mark = "✗"
	}
	s.line(time.Now(), mark, "conform", r.ID, seconds(time.Duration(r.Seconds*float64(time.Second))))
}

func (a *App) labConformClean(ctx context.Context, o conformOptions, cfg conform.Config, where string) error {
	left, err := conform.Leftovers(ctx, cfg.EC2, "")
	if err != nil {
		return err
	}
	if len(left) > 0 {
		var lines []string
		for _, l := range left {
			lines = append(lines, fmt.Sprintf("%s %s of run %s", l.Type, l.ID, l.Run))
		}
		if err := a.agree(ctx, o, "To be removed from "+where+", with all that is in the VPCs (a run under way would fail):", lines); err != nil {
			return err
		}
		if err := a.steps().Do("conform", "remove what earlier runs have left", func() error { return conform.Clean(ctx, cfg.EC2, "") }); err != nil {
			return err
		}
	}
	return a.print(map[string]any{"removed": left}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d things of earlier runs removed.\n", len(left))
		return err
	})
}

// connect is a client of the AWS to be checked, and what people call that.
func (o conformOptions) connect(ctx context.Context) (cfg conform.Config, where string, err error) {
	if o.endpoint == "" {
		api, err := labEC2(ctx)
		if err != nil {
			return cfg, "", err
		}
		secrets, err := lab.ReadConfig()
		if err != nil {
			return cfg, "", err
		}
		creds := credentials.NewStaticCredentialsProvider(secrets.AccessKey, secrets.SecretKey, "")
		cfg.EC2 = api
		cfg.SSM = ssm.NewFromConfig(aws.Config{Region: lab.Region, BaseEndpoint: aws.String(lab.Endpoint), Credentials: creds})
		cfg.Wire = conform.Wire{Endpoint: lab.Endpoint, Region: lab.Region, Credentials: creds}
		return cfg, "the lab", nil
	}
	options := []func(*config.LoadOptions) error{config.WithRetryer(retryer)}
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
	// eval "$(macaw lab env)" sets it: what was meant for AWS would be told of
	// the lab.
	if o.amazon() && (loaded.BaseEndpoint != nil || os.Getenv("AWS_ENDPOINT_URL_EC2") != "") {
		return cfg, "", hint(usageError{errors.New("AWS is to be checked, and the AWS configuration has another endpoint")}, "unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_EC2")
	}
	if loaded.Region == "" {
		return cfg, "", hint(usageError{errors.New("no region is given")}, "--region, or AWS_REGION")
	}
	if _, err := loaded.Credentials.Retrieve(ctx); err != nil {
		return cfg, "", hint(fmt.Errorf("finding AWS credentials: %w", err), "aws configure")
	}
	cfg.EC2, cfg.SSM = ec2.NewFromConfig(loaded), ssm.NewFromConfig(loaded)
	cfg.Wire = conform.Wire{Region: loaded.Region, Credentials: loaded.Credentials, Endpoint: aws.ToString(loaded.BaseEndpoint)}
	if where = "AWS, " + loaded.Region; !o.amazon() {
		where = o.endpoint
	}
	return cfg, where, nil
}

// amazon says that Amazon's own endpoints are meant, whatever URL of them was
// given: each service has one of its own.
func (o conformOptions) amazon() bool {
	return o.endpoint == "aws" || strings.Contains(o.endpoint, ".amazonaws.com")
}

// agree shows what is about to be done and asks; the lab is not asked about.
func (a *App) agree(ctx context.Context, o conformOptions, title string, lines []string) error {
	if o.endpoint == "" {
		return nil
	}
	fmt.Fprintln(a.Stderr, title)
	for _, l := range lines {
		fmt.Fprintln(a.Stderr, "  "+l)
	}
	return a.confirm(ctx, "Go on?", o.yes)
}
