// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"errors"
	"net/http"

	"macaw.example/lab/internal/awsquery"
	"macaw.example/lab/internal/ec2query"
)

// APIError is EC2's error response. Codes are those of the EC2 API Reference, "Error
// codes for the Amazon EC2 API".
type APIError = awsquery.Error

// fail returns a client error, which EC2 sends with status 400.
func fail(code, format string, args ...any) *APIError {
	return ec2query.Fail(code, format, args...)
}

func failStatus(status int, code, format string, args ...any) *APIError {
	return awsquery.Errorf(status, code, format, args...)
}

func invalidParameter(format string, args ...any) *APIError {
	return ec2query.InvalidParameter(format, args...)
}

func missingParameter(name string) *APIError {
	return ec2query.MissingParameter(name)
}

func badCombination(format string, args ...any) *APIError {
	return fail("InvalidParameterCombination", format, args...)
}

func dependencyViolation(kind, id string) *APIError {
	return fail("DependencyViolation", "The %s '%s' has dependencies and cannot be deleted.", kind, id)
}

// unsupported refuses a feature of AWS that the lab lacks.
func unsupported(format string, args ...any) *APIError {
	return fail("UnsupportedOperation", format, args...)
}

// errDryRun reports that a call with DryRun would have succeeded.
var errDryRun = failStatus(http.StatusPreconditionFailed, "DryRunOperation",
	"Request would have succeeded, but DryRun flag is set.")

// asAPIError converts any error to one that EC2 could have sent.
func asAPIError(err error) *APIError {
	if api, ok := errors.AsType[*APIError](err); ok {
		return api
	}
	return failStatus(http.StatusInternalServerError, "InternalError", "An internal error has occurred")
}
