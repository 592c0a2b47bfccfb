// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	awsapi "macaw.example/internal/aws"
)

// Options configure Load.
type Options struct {
	Region string
	// Profile names a profile of AWS's configuration. It has priority over the environment; if it is
	// empty, the environment decides.
	Profile string
	// Ask asks the operator for one line. It is nil if nobody can be asked.
	Ask func(ctx context.Context, question string) (string, error)
	// HTTPClient makes the calls; nil is [awsapi.HTTPClient].
	HTTPClient aws.HTTPClient
}

// Load returns a configuration for clients of AWS, with [awsapi.Options], and with credentials that
// have been retrieved once.
func Load(ctx context.Context, o Options) (aws.Config, error) {
	cfg, from, err := load(ctx, o)
	if err != nil {
		return cfg, err
	}
	keys, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return cfg, from.missing(err)
	}
	if err := from.unprintable(keys); err != nil {
		return cfg, err
	}
	r := &renewing{options: o, from: from, current: cfg.Credentials}
	cfg.Credentials = r
	// Set after the clients of the services that credentials come from are made: their responses have
	// another form, and their calls other credentials. The last one is the outermost.
	cfg.APIOptions = append(append(cfg.APIOptions, awsapi.Options...), func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("macaw.Credentials", r.call), middleware.Before)
	})
	return cfg, nil
}

// load reads AWS's configuration.
func load(ctx context.Context, o Options) (aws.Config, origin, error) {
	if o.HTTPClient == nil {
		o.HTTPClient = awsapi.HTTPClient()
	}
	options := []func(*config.LoadOptions) error{
		config.WithRegion(o.Region),
		config.WithHTTPClient(o.HTTPClient),
		config.WithLogger(logging.Nop{}), // relevant messages are returned as errors
		config.WithAssumeRoleCredentialOptions(o.assumeRole),
	}
	if o.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(o.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, origin{}, unreadable(err)
	}
	from := originOf(cfg, o.Profile != "")
	if from.mfa != "" {
		cfg.Credentials = aws.NewCredentialsCache(&shared{
			inner: cfg.Credentials, path: from.cachePath(), alone: o.Ask == nil,
		})
	}
	return cfg, from, nil
}

// unreadable is an error of AWS's configuration itself.
func unreadable(err error) error {
	var profile config.SharedConfigProfileNotExistError
	if errors.As(err, &profile) {
		return &Error{Err: err, Reason: Missing,
			text: fmt.Sprintf("AWS's configuration has no profile %q", profile.Profile),
			hint: fmt.Sprintf("aws configure list-profiles shows those that it has; aws configure --profile %s, or "+
				"aws configure sso --profile %[1]s, makes this one", word(profile.Profile))}
	}
	return fmt.Errorf("reading AWS's configuration: %w", err)
}

// assumeRole completes the SDK's parameters for a role of a profile.
func (o Options) assumeRole(role *stscreds.AssumeRoleOptions) {
	if role.Duration == 0 {
		// The SDK would take 15 minutes, which is less than up takes. An hour is AWS's default, and no
		// role permits less (IAM User Guide, id_roles_use, "MaxSessionDuration").
		role.Duration = assumedFor
	}
	if serial := aws.ToString(role.SerialNumber); serial != "" {
		role.TokenProvider = func() (string, error) { return o.code(serial) }
	}
}

// readable is an error in retrieving credentials without what must not be shown: the SDK's error
// for output of credential_process that it cannot read has that output.
func readable(err error) error {
	var process *processcreds.ProviderError
	var exit interface{ ExitCode() int }
	if !errors.As(err, &process) || errors.As(err, &exit) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errors.New("the output of credential_process is not what AWS's tools expect: JSON with Version 1, " +
		"AccessKeyId and SecretAccessKey")
}
