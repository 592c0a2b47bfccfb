package agent

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
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

// newRegistrar makes the AWS half of the agent. Its credentials are those of the
// instance's role; they are fetched when they are needed.
func newRegistrar(
	ctx context.Context, cfg Config, observer registrar.Observer, h *holds,
) (*registrar.Registrar, error) {
	client := awshttp.NewBuildableClient().WithTimeout(answerLimit).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialLimit }).
		WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 8 })
	aws, err := config.LoadDefaultConfig(ctx, config.WithRegion(cfg.Region), config.WithHTTPClient(client),
		config.WithLogger(logging.Nop{})) // what matters comes back as an error
	if err != nil {
		return nil, fmt.Errorf("preparing for AWS: %w", err)
	}
	// Not before: the instance's metadata, where the credentials come from, answers otherwise.
	aws.APIOptions = append(aws.APIOptions, awsapi.Options...)
	return registrar.New(ec2.NewFromConfig(aws), registrar.Config{
		Cloud: cfg.Cloud, Node: cfg.Node, Instance: cfg.Instance, InstanceType: cfg.InstanceType, Subnet: cfg.SubnetID,
		Range: cfg.Range, Policy: cfg.Policy, Pool: cfg.Pool, Observer: observer,
		ReleaseAfter: cfg.ReleaseAfter, Held: h.load(), Keep: h.keep,
	}), nil
}
