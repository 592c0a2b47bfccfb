// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Unreachable is a call that was not sent, or not answered, after all of the client's tries. The
// SDK's own text begins with "https response error StatusCode: 0, RequestID: ,".
type Unreachable struct {
	// Endpoint is the unreachable URL, such as "https://ec2.eu-central-1.amazonaws.com".
	Endpoint string
	Err      error // the SDK's
	cause    error // the connection's
	hint     string
}

// Hint suggests what to check.
func (e *Unreachable) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	return "look at the network, at the region in target, and at AWS_ENDPOINT_URL if that is set"
}

func (e *Unreachable) Error() string { return fmt.Sprintf("reaching %s: %v", e.Endpoint, e.cause) }

func (e *Unreachable) Unwrap() error { return e.Err }

// Unreached returns the Unreachable for an error of the SDK, or nil.
func Unreached(err error) *Unreachable {
	var known *Unreachable
	if errors.As(err, &known) {
		return known
	}
	var send *smithyhttp.RequestSendError
	var request *url.Error
	if !errors.As(err, &send) || !errors.As(send, &request) {
		return nil
	}
	endpoint := request.URL
	if u, err := url.Parse(request.URL); err == nil {
		endpoint = u.Scheme + "://" + u.Host
	}
	return &Unreachable{Endpoint: endpoint, Err: err, cause: request.Err}
}

// NameUnreachable makes calls that get no response fail with an Unreachable. It is one of a
// client's APIOptions.
func NameUnreachable(stack *middleware.Stack) error { return nameUnreachable("")(stack) }

func nameUnreachable(hint string) func(*middleware.Stack) error {
	name := middleware.InitializeMiddlewareFunc("NameUnreachable", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleInitialize(ctx, in)
		if u := Unreached(err); u != nil {
			u.hint = hint
			err = u
		}
		return out, metadata, err
	})
	return func(stack *middleware.Stack) error { return stack.Initialize.Add(name, middleware.Before) }
}
