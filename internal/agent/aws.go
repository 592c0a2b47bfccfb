// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go/logging"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/registrar"
)

// Timeouts of a call of AWS, so that one without an answer is tried again.
const (
	dialTimeout = 5 * time.Second
	callTimeout = 15 * time.Second
)

func newEC2(region string) *ec2.Client { return ec2.NewFromConfig(awsConfig(region)) }

// newRegistrar makes the AWS half of the agent.
func newRegistrar(
	api registrar.EC2, cfg Config, observer registrar.Observer, h *heldFiles, stillHere func(netip.Addr) bool,
	registered func(registrations),
) *registrar.Registrar {
	return registrar.New(api, registrar.Config{
		Cloud: cfg.Cloud, Node: cfg.Node, Instance: cfg.Instance, InstanceType: cfg.InstanceType,
		Subnet: cfg.SubnetID, Range: cfg.Range, Policy: cfg.Policy, Pool: cfg.Pool,
		ReleaseAfter: cfg.ReleaseAfter, Held: h.load(), SaveHeld: h.save,
		Observer: observer, StillHere: stillHere, Registered: registered,
	})
}

// awsConfig is the configuration of the agent's AWS clients. Its credentials are those of
// the instance's role, fetched when they are needed; the environment's take precedence,
// and so does its endpoint, as with AWS's other tools. The other sources of the SDK's
// package config (profiles, SSO, processes) are on no node, and that package makes a
// program larger by a tenth.
func awsConfig(region string) aws.Config {
	client := awshttp.NewBuildableClient().WithTimeout(callTimeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 8 })
	cfg := aws.Config{
		Region: region, HTTPClient: client,
		Logger: logging.Nop{}, // calls return their errors
	}
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = aws.String(url)
	}
	var source aws.CredentialsProvider = ec2rolecreds.New(func(o *ec2rolecreds.Options) {
		o.Client = imds.NewFromConfig(cfg)
	})
	if id := os.Getenv("AWS_ACCESS_KEY_ID"); id != "" {
		secret, session := os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
		source = credentials.NewStaticCredentialsProvider(id, secret, session)
	}
	cfg.Credentials = aws.NewCredentialsCache(source, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = 5 * time.Minute
	})
	// Set last: they do not fit the instance's metadata, where the credentials come from.
	cfg.APIOptions = append(cfg.APIOptions, awsapi.Options...)
	return cfg
}
