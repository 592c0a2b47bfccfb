// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"net/http"

	"macaw.example/lab/internal/awsquery"
)

// APIError is the error response of IAM and STS (IAM API Reference, CommonErrors, and
// the errors of each action).
type APIError = awsquery.Error

func fail(status int, code, format string, args ...any) *APIError {
	return awsquery.Errorf(status, code, format, args...)
}

func invalid(format string, args ...any) *APIError {
	return fail(http.StatusBadRequest, "ValidationError", format, args...)
}

func missing(format string, args ...any) *APIError {
	return fail(http.StatusNotFound, "NoSuchEntity", format, args...)
}

func exists(format string, args ...any) *APIError {
	return fail(http.StatusConflict, "EntityAlreadyExists", format, args...)
}

func conflict(format string, args ...any) *APIError {
	return fail(http.StatusConflict, "DeleteConflict", format, args...)
}

func limit(format string, args ...any) *APIError {
	return fail(http.StatusConflict, "LimitExceeded", format, args...)
}

// quota refuses to exceed the quota of that name.
func quota(name string, most int) *APIError {
	return limit("Cannot exceed quota for %s: %d", name, most)
}

func badDocument(err error) *APIError {
	return fail(http.StatusBadRequest, "MalformedPolicyDocument", "%s", err)
}

func denied(who Caller, action, resource, why string) *APIError {
	return fail(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s %s",
		who.ARN, action, resource, why)
}
