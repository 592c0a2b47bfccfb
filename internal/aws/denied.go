// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// encodedMark is what precedes the encoded details of a refusal: a thousand characters that only
// DecodeAuthorizationMessage can read (STS API Reference).
const encodedMark = "Encoded authorization failure message: "

// Denied is a call that the caller has no right to make. Its text is AWS's, without the encoded
// details.
type Denied struct {
	Err  error // the SDK's
	text string
}

func (e *Denied) Error() string { return e.text }
func (e *Denied) Unwrap() error { return e.Err }

// Hint suggests who can permit the call.
func (e *Denied) Hint() string { return DenialHint(e.Err) }

// NameDenied makes calls fail with a Denied whose refusal has encoded details. It is one of a
// client's APIOptions.
func NameDenied(stack *middleware.Stack) error {
	name := middleware.InitializeMiddlewareFunc("NameDenied", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleInitialize(ctx, in)
		if c := Code(err); c == "UnauthorizedOperation" || c == "AccessDenied" || c == "AccessDeniedException" {
			err = &Denied{Err: err, text: readable(err.Error())}
		}
		return out, metadata, err
	})
	return stack.Initialize.Add(name, middleware.Before)
}

// Denial returns AWS's message of a refusal without its encoded details.
func Denial(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return err.Error()
	}
	return strings.TrimPrefix(readable(e.ErrorMessage()), "You are not authorized to perform this operation. ")
}

func readable(text string) string {
	before, _, _ := strings.Cut(text, encodedMark)
	return strings.TrimRight(before, " .")
}

// DenialHint tells what the reason of a refusal is about, as far as its message tells (IAM User
// Guide, troubleshoot_access-denied).
func DenialHint(err error) string {
	text := Text(err)
	switch {
	case strings.Contains(text, "service control policy"), strings.Contains(text, "resource control policy"):
		return "a policy of your organization forbids it, whatever your own rights: its administrators can except the " +
			"account, or say which region or tags it asks for"
	case strings.Contains(text, "permissions boundary"):
		return "the permissions boundary of your user or role limits your rights: whoever set it can extend it by " +
			"examples/operator-rights.json"
	case strings.Contains(text, encodedMark) && !strings.Contains(text, "is not authorized to perform"):
		_, encoded, _ := strings.Cut(text, encodedMark)
		return "aws sts decode-authorization-message --encoded-message " + strings.TrimSpace(encoded)
	}
	return "the rights that Macaw needs are in examples/operator-rights.json"
}
