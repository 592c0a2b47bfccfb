// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"macaw.example/internal/silence"
)

// HTTPClient is the HTTP client for AWS's services. It detects silent connections, so that the call
// is repeated.
func HTTPClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithDialerOptions(silence.Watch).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = 30 * time.Second
			// The SDK keeps 10: the next reads would have to make the others again, which takes several round trips.
			t.MaxIdleConnsPerHost = 2 * ReadsAtOnce
		})
}

// Retryer retries in the SDK's adaptive mode, which slows down all calls while AWS throttles.
func Retryer() aws.Retryer {
	return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(s *retry.StandardOptions) {
			s.MaxAttempts = 8
			s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(noCapacity)}, s.Retryables...)
		})
	})
}

// noCapacity keeps the SDK from repeating a launch in a zone without capacity: AWS answers with the
// status of a server error, and the next answer is the same.
func noCapacity(err error) aws.Ternary {
	if strings.HasPrefix(Code(err), "Insufficient") {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// TellingRetryer is Retryer, and reports why calls are repeated: tries can take a minute.
func TellingRetryer(tell func(text string)) func() aws.Retryer {
	var mu sync.Mutex
	told := map[string]time.Time{}
	return func() aws.Retryer {
		return &telling{Retryer().(aws.RetryerV2), func(text string) {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(told[text]) < tellAgain {
				return // calls run in parallel
			}
			told[text] = time.Now()
			tell(text)
		}}
	}
}

// After how many tries, and how often, a repeated call is reported.
const (
	tellAfter = 2
	tellAgain = 20 * time.Second
)

type telling struct {
	aws.RetryerV2
	tell func(string)
}

// RetryDelay is called after each failed try, with its number.
func (t *telling) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= tellAfter {
		text := Text(err)
		if u := Unreached(err); u != nil {
			text = u.Error()
		}
		t.tell(text + "; trying again")
	}
	return t.RetryerV2.RetryDelay(attempt, err)
}

// Complete adds to a configuration what all clients of EC2 and IAM share: detection of silent
// connections, [Retryer], and errors that name an unreachable endpoint, with a hint.
func Complete(cfg aws.Config, unreachable string) aws.Config {
	cfg.HTTPClient, cfg.Retryer = HTTPClient(), Retryer
	cfg.APIOptions = append(cfg.APIOptions, nameUnreachable(unreachable), NameDenied, CheckAnswers)
	return cfg
}
