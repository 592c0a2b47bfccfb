// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"net/http"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A server error is repeated, but not one that says that there is no capacity.
func TestRetryer(t *testing.T) {
	for code, want := range map[string]bool{
		"InternalError": true, "InsufficientInstanceCapacity": false, "RequestLimitExceeded": true,
	} {
		err := &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusInternalServerError}},
			Err:      &smithy.GenericAPIError{Code: code},
		}
		if got := Retryer().IsErrorRetryable(err); got != want {
			t.Errorf("%s is repeated: %v", code, got)
		}
	}
}

func TestDenial(t *testing.T) {
	const text = "You are not authorized to perform this operation. "
	for message, want := range map[string][2]string{
		text + "User: a is not authorized to perform: ec2:B with an explicit deny in a service control policy. " +
			encodedMark + "AbC": {
			"User: a is not authorized to perform: ec2:B with an explicit deny in a service control policy",
			"a policy of your organization forbids it, whatever your own rights: its administrators can except the account, " +
				"or say which region or tags it asks for",
		},
		text + encodedMark + "AbC": {"You are not authorized to perform this operation",
			"aws sts decode-authorization-message --encoded-message AbC"},
		text + "User: a is not authorized to perform: ec2:B because no identity-based policy allows the ec2:B action": {
			"User: a is not authorized to perform: ec2:B because no identity-based policy allows the ec2:B action",
			"the rights that Macaw needs are in examples/operator-rights.json"},
		text + "User: a is not authorized to perform: ec2:B because no permissions boundary allows the ec2:B action": {
			"User: a is not authorized to perform: ec2:B because no permissions boundary allows the ec2:B action",
			"the permissions boundary of your user or role limits your rights: whoever set it can extend it by " +
				"examples/operator-rights.json"},
	} {
		err := &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: message}
		if got := [2]string{Denial(err), DenialHint(err)}; got != want {
			t.Errorf("%s:\n%q, want\n%q", message, got, want)
		}
	}
}
