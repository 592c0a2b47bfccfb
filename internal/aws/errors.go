// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"errors"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Class is the meaning of an AWS error for its call.
type Class int

// The classes.
const (
	// None is no error.
	None Class = iota
	// Refused means that another try has the same result.
	Refused
	// Throttled means that the call was not executed and may be repeated later.
	Throttled
	// Unclear calls may or may not have taken effect: neither server errors (EC2 API Reference,
	// errors-overview, "Server error codes") nor lost connections tell.
	Unclear
	// NotFound means that a resource does not exist, or is not visible yet (EC2 Developer Guide,
	// eventual-consistency).
	NotFound
	// Exists means that the resource to be made exists already, from an earlier try or from others.
	Exists
	// Busy means that other resources still depend on the one to be changed.
	Busy
)

// classes has the codes of EC2 (EC2 API Reference, errors-overview) and of IAM (IAM API Reference,
// CommonErrors and the actions' own).
var classes = map[string]Class{
	"RequestLimitExceeded":      Throttled,
	"Throttling":                Throttled,
	"ThrottlingException":       Throttled,
	"ThrottledException":        Throttled,
	"RequestThrottled":          Throttled,
	"RequestThrottledException": Throttled,
	"TooManyRequestsException":  Throttled,
	"EC2ThrottledException":     Throttled,
	"BandwidthLimitExceeded":    Throttled,
	"PriorRequestNotComplete":   Throttled,
	"ConcurrentModification":    Throttled,

	"InternalError":               Unclear,
	"InternalFailure":             Unclear,
	"InternalServerError":         Unclear,
	"ServiceFailure":              Unclear,
	"ServiceUnavailable":          Unclear,
	"ServiceUnavailableException": Unclear,
	"Unavailable":                 Unclear,
	"RequestTimeout":              Unclear,
	"RequestTimeoutException":     Unclear,

	"NoSuchEntity":       NotFound,
	"NatGatewayNotFound": NotFound,

	"InvalidSubnet.Conflict":      Exists,
	"InvalidGroup.Duplicate":      Exists,
	"InvalidKeyPair.Duplicate":    Exists,
	"InvalidPermission.Duplicate": Exists,
	"InvalidAMIName.Duplicate":    Exists,
	"RouteAlreadyExists":          Exists,
	"Resource.AlreadyAssociated":  Exists,
	"Resource.AlreadyAssigned":    Exists,
	"EntityAlreadyExists":         Exists,

	"DependencyViolation":           Busy,
	"DeleteConflict":                Busy,
	"IncorrectState":                Busy,
	"IncorrectInstanceState":        Busy,
	"VolumeInUse":                   Busy,
	"InvalidNetworkInterface.InUse": Busy,
	"InvalidIPAddress.InUse":        Busy,
	"InvalidGroup.InUse":            Busy,
	"InvalidCidrBlock.InUse":        Busy,
}

// messages are for codes that many refusals share: only the text distinguishes them.
var messages = []struct {
	code, text string
	class      Class
}{
	// EC2 does not see yet an instance profile, or its role, that IAM has just made (IAM User
	// Guide, troubleshoot_general, eventual consistency).
	{"InvalidParameterValue", "IAM Instance Profile", NotFound},
	// DeleteNetworkInterface of one whose instance is terminating.
	{"InvalidParameterValue", "currently in use", Busy},
}

// ClassOf returns the class of an error.
func ClassOf(err error) Class {
	if err == nil {
		return None
	}
	code := Code(err)
	if c, ok := classes[code]; ok {
		return c
	}
	switch {
	case code == "":
		return Unclear
	case strings.HasSuffix(code, ".NotFound"): // InvalidVpcID.NotFound, InvalidGroup.NotFound and so on
		return NotFound
	case strings.HasPrefix(code, "Insufficient"): // of capacity: a server error, but a definite response
		return Refused
	}
	for _, m := range messages {
		if m.code == code && strings.Contains(Text(err), m.text) {
			return m.class
		}
	}
	if serverError(err) {
		return Unclear
	}
	return Refused
}

func serverError(err error) bool {
	var r *smithyhttp.ResponseError
	return errors.As(err, &r) && r.HTTPStatusCode() >= http.StatusInternalServerError
}

// IsNotFound reports whether an error says that a resource does not exist, or is not visible yet.
func IsNotFound(err error) bool { return ClassOf(err) == NotFound }

// Passing reports whether the same call may succeed shortly, without any intervention.
func Passing(err error) bool {
	switch ClassOf(err) {
	case Throttled:
		return true
	case Unclear:
		return Code(err) != "" || serverError(err) || unanswered(err)
	}
	return false
}

// unanswered reports whether a call was sent and no response could be read. It is false for a call
// that could not be sent at all, for want of credentials.
func unanswered(err error) bool {
	var send *smithyhttp.RequestSendError
	var read *smithy.DeserializationError
	return errors.As(err, &send) || errors.As(err, &read)
}

// Code returns AWS's code, or the empty string for other errors.
func Code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// Text returns AWS's message, with its code, or any other error's text.
func Text(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return err.Error()
}
