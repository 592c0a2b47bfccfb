// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http"

	"macaw.example/lab/internal/sigv4"
)

// toIAM words a refused signature as IAM and STS do (IAM API Reference, CommonErrors; the code for another
// region is reported by users).
func toIAM(err error) *APIError {
	switch e := asAPIError(err); {
	case err == nil:
		return nil
	case err == error(sigv4.ErrSessionEnded):
		return failStatus(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	case sigv4.IsWrongRegion(e):
		return failStatus(http.StatusForbidden, "SignatureDoesNotMatch", "%s", e.Message)
	case e.Code == "AuthFailure":
		return failStatus(http.StatusForbidden, "InvalidClientTokenId",
			"The security token included in the request is invalid.")
	case e.Code == "RequestExpired":
		return failStatus(http.StatusForbidden, "SignatureDoesNotMatch", "Signature expired: %s", e.Message)
	default:
		return e
	}
}

// jsonDenied words a refused signature as the services of the JSON protocol do: with status 400 and the codes
// that DynamoDB's documentation has for that protocol (DynamoDB Developer Guide, Programming.Errors:
// IncompleteSignatureException, MissingAuthenticationTokenException, UnrecognizedClientException;
// InvalidSignatureException is reported by users of all of them, Price List included). That Service Quotas,
// Systems Manager and KMS do the same is inferred: their CommonErrors also list codes of the Query protocol.
func jsonDenied(denied error) *APIError {
	switch e := asAPIError(denied); {
	case denied == nil:
		return nil
	case denied == error(sigv4.ErrSessionEnded):
		return fail("ExpiredTokenException", "The security token included in the request is expired")
	case sigv4.IsWrongRegion(e), e.Code == "SignatureDoesNotMatch":
		return fail("InvalidSignatureException", "%s", e.Message)
	case e.Code == "AuthFailure":
		return fail("UnrecognizedClientException", "The security token included in the request is invalid.")
	case e.Code == "RequestExpired":
		return fail("InvalidSignatureException", "Signature expired: %s", e.Message)
	case e.Code == "MissingAuthenticationToken", e.Code == "IncompleteSignature":
		return fail(e.Code+"Exception", "%s", e.Message)
	default:
		return e
	}
}
