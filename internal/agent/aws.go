package agent

import (
	"net"
	"net/http"
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

// Bounds of a call of AWS, so that one that nobody answers is tried again.
const (
	dialLimit   = 5 * time.Second
	answerLimit = 15 * time.Second
)

// newRegistrar makes the AWS half of the agent.
func newRegistrar(cfg Config, observer registrar.Observer, h *holds) *registrar.Registrar {
	return registrar.New(ec2.NewFromConfig(awsConfig(cfg.Region)), registrar.Config{
		Cloud: cfg.Cloud, Node: cfg.Node, Instance: cfg.Instance, InstanceType: cfg.InstanceType, Subnet: cfg.SubnetID,
		Range: cfg.Range, Policy: cfg.Policy, Pool: cfg.Pool, Observer: observer,
		ReleaseAfter: cfg.ReleaseAfter, Held: h.load(), Keep: h.keep,
	})
}

// awsConfig is what the agent's clients are made of. Its credentials are those of the
// instance's role, which are fetched when they are needed; those in the environment
// come before, and so does the endpoint there, as with AWS's other tools. What else
// package config of the SDK looks for (profiles, SSO, processes) no node has, and it
// makes a program larger by a tenth.
func awsConfig(region string) aws.Config {
	client := awshttp.NewBuildableClient().WithTimeout(answerLimit).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialLimit }).
		WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 8 })
	cfg := aws.Config{
		Region: region, HTTPClient: client,
		Logger: logging.Nop{}, // what matters comes back as an error
	}
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = aws.String(url)
	}
	var source aws.CredentialsProvider = ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.NewFromConfig(cfg) })
	if id := os.Getenv("AWS_ACCESS_KEY_ID"); id != "" {
		source = credentials.NewStaticCredentialsProvider(id, os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN"))
	}
	cfg.Credentials = aws.NewCredentialsCache(source, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
	// Not before: the instance's metadata, where the credentials come from, answers otherwise.
	cfg.APIOptions = append(cfg.APIOptions, awsapi.Options...)
	return cfg
}
