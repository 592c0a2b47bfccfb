// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func api(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }

// status is a response with an HTTP status, as the SDK wraps it.
func status(code int, err error) error {
	return &smithy.OperationError{OperationName: "X", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: err}}
}

func TestClassOf(t *testing.T) {
	sent := &smithy.OperationError{Err: &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")}}
	for _, tt := range []struct {
		name    string
		err     error
		want    Class
		passing bool
	}{
		{"none", nil, None, false},
		{"a bucket that is empty", api("RequestLimitExceeded", ""), Throttled, true},
		{"the same of other services", api("ThrottlingException", ""), Throttled, true},
		{"throttling is no server error", status(503, api("RequestLimitExceeded", "")), Throttled, true},
		{"server error", api("InternalFailure", ""), Unclear, true},
		{"timeout", api("RequestTimeout", ""), Unclear, true},
		{"a server error of an unknown code", status(500, api("Strange", "")), Unclear, true},
		{"a proxy's", status(502, &smithy.GenericAPIError{}), Unclear, true},
		{"no capacity", status(500, api("InsufficientInstanceCapacity", "")), Refused, false},
		{"no addresses", status(503, api("InsufficientAddressCapacity", "")), Refused, false},
		{"no answer", sent, Unclear, true},
		{"half an answer", &smithy.OperationError{Err: &smithy.DeserializationError{Err: errors.New("EOF")}}, Unclear, true},
		{"no credentials", &smithy.OperationError{Err: errors.New("failed to refresh cached credentials")}, Unclear, false},
		{"EC2's", api("InvalidVpcID.NotFound", ""), NotFound, false},
		{"IAM's", api("NoSuchEntity", ""), NotFound, false},
		{"a NAT gateway", api("NatGatewayNotFound", ""), NotFound, false},
		{"an instance profile that is new", api("InvalidParameterValue", "Invalid IAM Instance Profile name"), NotFound,
			false},
		{"made already", api("InvalidSubnet.Conflict", ""), Exists, false},
		{"an interface that is in use", api("InvalidParameterValue", "Network interface 'eni-1' is currently in use."), Busy,
			false},
		{"something depends on it", api("DependencyViolation", ""), Busy, false},
		{"another parameter", api("InvalidParameterValue", "Value (x) is invalid"), Refused, false},
		{"no right", status(403, api("UnauthorizedOperation", "")), Refused, false},
		{"wrapped", fmt.Errorf("making: %w", api("Throttling", "")), Throttled, true},
	} {
		if got := ClassOf(tt.err); got != tt.want || Passing(tt.err) != tt.passing {
			t.Errorf("%s: class %d, passing %t; want %d, %t", tt.name, got, Passing(tt.err), tt.want, tt.passing)
		}
	}
}

func TestPolicy(t *testing.T) {
	reason := errors.New("not yet")
	run := func(p Policy, good int) (int, time.Duration, error) {
		tries, begin := 0, time.Now()
		err := p.Do(context.Background(), func(context.Context) (bool, error) {
			tries++
			return tries != good, reason
		})
		return tries, time.Since(begin), err
	}
	synctest.Test(t, func(t *testing.T) {
		b := Backoff{time.Second, 4 * time.Second}
		var end *Exhausted
		if n, took, err := run(Policy{Backoff: b, Tries: 3}, 0); n != 3 || !errors.As(err, &end) || end.Tries != 3 ||
			!errors.Is(err, reason) ||
			took < 3*time.Second ||
			took > 4*time.Second {
			t.Errorf("by tries: %d in %s: %v", n, took, err)
		}
		if n, took, err := run(Policy{Backoff: b, Total: time.Minute}, 0); n < 12 || !errors.As(err, &end) ||
			took < time.Minute ||
			took > 66*time.Second {
			t.Errorf("by time: %d in %s: %v", n, took, err)
		}
		if n, _, err := run(Policy{Backoff: b, Tries: 9}, 2); n != 2 || errors.As(err, &end) ||
			!errors.Is(err, reason) {
			t.Errorf("a last try: %d: %v", n, err)
		}
		// The machine sleeps during a try: what that one saw is from before.
		tries := 0
		err := Policy{Backoff: b, Total: time.Minute}.Do(context.Background(), func(context.Context) (bool, error) {
			if tries++; tries == 2 {
				time.Sleep(time.Hour)
			}
			return tries < 3, nil
		})
		if err != nil || tries != 3 {
			t.Errorf("after an hour's sleep: %d tries, %v", tries, err)
		}
		// But a service that never answers in time ends it.
		tries = 0
		err = Policy{Backoff: b, Total: time.Minute}.Do(context.Background(), func(context.Context) (bool, error) {
			tries++
			time.Sleep(time.Hour)
			return true, reason
		})
		if !errors.As(err, &end) || tries != 2 {
			t.Errorf("with tries of an hour: %d, %v", tries, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := (Policy{Backoff: b, Tries: 9}).Do(ctx,
			func(context.Context) (bool, error) { return true, reason }); !errors.Is(
			err,
			context.Canceled,
		) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestToken(t *testing.T) {
	if a, b := Token("x", "yz"), Token("xy", "z"); a == b || a != Token("x", "yz") || len(a) > 64 {
		t.Errorf("%s, %s", a, b)
	}
}
