// SPDX-License-Identifier: Apache-2.0

package aws

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
	"github.com/aws/smithy-go/logging"
)

// CallTimeout is how long a call of AWS may take, so that one without an answer is tried again.
const CallTimeout = 15 * time.Second

const dialTimeout = 5 * time.Second

// NodeConfig is the configuration of AWS clients on a node. Its credentials are those of
// the instance's role, fetched when they are needed; the environment's take precedence,
// and so does its endpoint, as with AWS's other tools. The other sources of the SDK's
// package config (profiles, SSO, processes) are on no node, and that package makes a
// program larger by a tenth.
func NodeConfig(region string) aws.Config {
	client := awshttp.NewBuildableClient().WithTimeout(CallTimeout).
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
	cfg.APIOptions = append(cfg.APIOptions, Options...)
	return cfg
}
