package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	awsapi "macaw/internal/aws"
	"macaw/internal/silence"
)

// watchedHTTP is the client of AWS's services: an AWS that does not answer is
// noticed, and asked again.
func watchedHTTP() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithDialerOptions(silence.Watch).
		WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = 30 * time.Second })
}

// retryer backs off when AWS throttles, by AWS's own measure of its load.
func retryer() aws.Retryer {
	return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(s *retry.StandardOptions) { s.MaxAttempts = 8 })
	})
}

// tellingRetryer is retryer, and tells why calls are made again: tries can take a minute.
func tellingRetryer(tell func(text string)) func() aws.Retryer {
	var mu sync.Mutex
	told := map[string]time.Time{}
	return func() aws.Retryer {
		return &telling{retryer().(aws.RetryerV2), func(text string) {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(told[text]) < tellAgain {
				return // calls are made side by side
			}
			told[text] = time.Now()
			tell(text)
		}}
	}
}

// After how many tries, and how often, a repeated call is told of.
const (
	tellAfter = 2
	tellAgain = 20 * time.Second
)

type telling struct {
	aws.RetryerV2
	tell func(string)
}

// RetryDelay is asked after each try that failed, of which attempt is the number.
func (t *telling) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= tellAfter {
		text := awsapi.Text(err)
		if u := awsapi.Unreached(err); u != nil {
			text = u.Error()
		}
		t.tell(text + "; trying again")
	}
	return t.RetryerV2.RetryDelay(attempt, err)
}

// checkEndpoint refuses an endpoint in AWS's configuration that no request can be sent to.
func checkEndpoint(o ec2.Options) error {
	if o.BaseEndpoint == nil {
		return nil
	}
	u, err := url.Parse(*o.BaseEndpoint)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return nil
	}
	return hint(
		fmt.Errorf("the endpoint of AWS is set to %q, which is no URL such as https://ec2.eu-central-1.amazonaws.com", *o.BaseEndpoint),
		"unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_EC2, and endpoint_url in AWS's configuration, unless you meant another endpoint",
	)
}
