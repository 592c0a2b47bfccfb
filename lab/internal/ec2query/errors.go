// SPDX-License-Identifier: Apache-2.0

package ec2query

import (
	"net/http"

	"macaw.example/lab/internal/awsquery"
)

// Fail returns a client error, which EC2 sends with status 400.
func Fail(code, format string, args ...any) *awsquery.Error {
	return awsquery.Errorf(http.StatusBadRequest, code, format, args...)
}

// InvalidParameter refuses a parameter's value.
func InvalidParameter(format string, args ...any) *awsquery.Error {
	return Fail("InvalidParameterValue", format, args...)
}

// MissingParameter refuses a request without a parameter.
func MissingParameter(name string) *awsquery.Error {
	return Fail("MissingParameter", "The request must contain the parameter %s", name)
}
