// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"

	awsapi "macaw.example/internal/aws"
)

type options = func(*ec2.Options)

// EC2 is the part of AWS's API that this package uses; *ec2.Client has it.
type EC2 interface {
	DescribeAddresses(context.Context, *ec2.DescribeAddressesInput, ...options) (
		*ec2.DescribeAddressesOutput, error)
	DescribeInstanceTypes(context.Context, *ec2.DescribeInstanceTypesInput, ...options) (
		*ec2.DescribeInstanceTypesOutput, error)
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...options) (
		*ec2.DescribeNetworkInterfacesOutput, error)

	AssignPrivateIpAddresses(context.Context, *ec2.AssignPrivateIpAddressesInput, ...options) (
		*ec2.AssignPrivateIpAddressesOutput, error)
	UnassignPrivateIpAddresses(context.Context, *ec2.UnassignPrivateIpAddressesInput, ...options) (
		*ec2.UnassignPrivateIpAddressesOutput, error)
	AssignIpv6Addresses(context.Context, *ec2.AssignIpv6AddressesInput, ...options) (
		*ec2.AssignIpv6AddressesOutput, error)
	UnassignIpv6Addresses(context.Context, *ec2.UnassignIpv6AddressesInput, ...options) (
		*ec2.UnassignIpv6AddressesOutput, error)

	AllocateAddress(context.Context, *ec2.AllocateAddressInput, ...options) (*ec2.AllocateAddressOutput, error)
	AssociateAddress(context.Context, *ec2.AssociateAddressInput, ...options) (*ec2.AssociateAddressOutput, error)
	DisassociateAddress(context.Context, *ec2.DisassociateAddressInput, ...options) (
		*ec2.DisassociateAddressOutput, error)
	ReleaseAddress(context.Context, *ec2.ReleaseAddressInput, ...options) (*ec2.ReleaseAddressOutput, error)

	CreateNetworkInterface(context.Context, *ec2.CreateNetworkInterfaceInput, ...options) (
		*ec2.CreateNetworkInterfaceOutput, error)
	AttachNetworkInterface(context.Context, *ec2.AttachNetworkInterfaceInput, ...options) (
		*ec2.AttachNetworkInterfaceOutput, error)
}

// Observer gets every call that was made, for metrics. Its methods may be called from
// several goroutines at once.
type Observer interface {
	// Called gets an action, such as AssociateAddress, its result ("ok", AWS's error
	// code, or "no-answer"), and how long it took.
	Called(action, result string, took time.Duration)
}

type noObserver struct{}

func (noObserver) Called(string, string, time.Duration) {}

// Errors that callers branch on.
var (
	// errUnavailable: AWS failed in each of several tries.
	errUnavailable = errors.New("retries exhausted")
	// errAmbiguous: the call may have had its effect, or not.
	errAmbiguous = errors.New("outcome unknown")
	// errAlreadyDone: AWS refused what is done already, which is success.
	errAlreadyDone = errors.New("already done")
	// errDeadline: the call was not made; it is for another pass.
	errDeadline = errors.New("no time left in this pass")
	// errElsewhere: the call was not made; the traffic of one of its addresses has moved to another node.
	errElsewhere = errors.New("no longer on this node")
)

// errorCode returns AWS's code, or the empty string for other errors.
func errorCode(err error) string { return awsapi.Code(err) }

func errorText(err error) string { return awsapi.Text(err) }

func notFound(err error) bool { return awsapi.ClassOf(err) == awsapi.NotFound }

// throttled calls had no effect.
func throttled(err error) bool { return awsapi.ClassOf(err) == awsapi.Throttled }

// ambiguous calls may have had their effect.
func ambiguous(err error) bool { return awsapi.ClassOf(err) == awsapi.Unclear }

// notAssigned is how AWS refuses to unassign, or to associate with, an address
// that is not there; it has no code of its own.
func notAssigned(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorCode() == "InvalidParameterValue" && strings.Contains(e.ErrorMessage(), "not assigned")
}

// aboutAddresses tells whether a refusal may be because of single addresses, so that
// the others of the call can go on without them.
func aboutAddresses(err error) bool {
	switch code := errorCode(err); code {
	case "InvalidParameterValue", "Resource.AlreadyAssigned", "InsufficientFreeAddressesInSubnet":
		return true
	default:
		return strings.HasPrefix(code, "InvalidIPAddress.") || strings.HasPrefix(code, "InvalidAddress")
	}
}

// noRetry makes the SDK leave retries to this package, which knows what may be repeated
// and counts every try.
func noRetry(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }
