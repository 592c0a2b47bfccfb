// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"

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
	switch _, certificate := errors.AsType[*tls.CertificateVerificationError](e.cause); {
	case certificate && tooOld(e.cause):
		return "look at this machine's clock"
	case certificate:
		return "a proxy that looks into HTTPS has an authority of its own: AWS_CA_BUNDLE names the file with its certificate"
	case strings.HasPrefix(e.cause.Error(), "proxyconnect "), strings.Contains(e.cause.Error(), "Proxy Authentication"):
		return "HTTPS_PROXY names the proxy, with user and password if it asks for them; NO_PROXY those that need none"
	}
	return "look at the network, at the region in target, and at AWS_ENDPOINT_URL and HTTPS_PROXY if these are set"
}

// tooOld reports whether a certificate is out of its time, as all are if the clock is wrong.
func tooOld(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.Expired
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
