package registrar

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"

	awsapi "macaw.example/internal/aws"
)

type options = func(*ec2.Options)

// EC2 is what this package needs of AWS; *ec2.Client has it.
type EC2 interface {
	DescribeAddresses(context.Context, *ec2.DescribeAddressesInput, ...options) (*ec2.DescribeAddressesOutput, error)
	DescribeInstanceTypes(context.Context, *ec2.DescribeInstanceTypesInput, ...options) (*ec2.DescribeInstanceTypesOutput, error)
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...options) (*ec2.DescribeNetworkInterfacesOutput, error)

	AssignPrivateIpAddresses(context.Context, *ec2.AssignPrivateIpAddressesInput, ...options) (*ec2.AssignPrivateIpAddressesOutput, error)
	UnassignPrivateIpAddresses(context.Context, *ec2.UnassignPrivateIpAddressesInput, ...options) (*ec2.UnassignPrivateIpAddressesOutput, error)
	AssignIpv6Addresses(context.Context, *ec2.AssignIpv6AddressesInput, ...options) (*ec2.AssignIpv6AddressesOutput, error)
	UnassignIpv6Addresses(context.Context, *ec2.UnassignIpv6AddressesInput, ...options) (*ec2.UnassignIpv6AddressesOutput, error)

	AllocateAddress(context.Context, *ec2.AllocateAddressInput, ...options) (*ec2.AllocateAddressOutput, error)
	AssociateAddress(context.Context, *ec2.AssociateAddressInput, ...options) (*ec2.AssociateAddressOutput, error)
	DisassociateAddress(context.Context, *ec2.DisassociateAddressInput, ...options) (*ec2.DisassociateAddressOutput, error)
	ReleaseAddress(context.Context, *ec2.ReleaseAddressInput, ...options) (*ec2.ReleaseAddressOutput, error)

	CreateNetworkInterface(context.Context, *ec2.CreateNetworkInterfaceInput, ...options) (*ec2.CreateNetworkInterfaceOutput, error)
	AttachNetworkInterface(context.Context, *ec2.AttachNetworkInterfaceInput, ...options) (*ec2.AttachNetworkInterfaceOutput, error)
}

// Observer is told of every call that was made, for metrics. Its methods may be
// called from several goroutines at once.
type Observer interface {
	// Called tells an action, such as AssociateAddress, what came of it ("ok",
	// AWS's error code, or "no-answer"), and how long it took.
	Called(action, result string, took time.Duration)
}

type unobserved struct{}

func (unobserved) Called(string, string, time.Duration) {}

// What callers branch on.
var (
	// errUnavailable is AWS not doing it in several tries.
	errUnavailable = errors.New("AWS did not do it in several tries")
	// errUnsure is a call that may have had its effect or not.
	errUnsure = errors.New("there was no clear answer")
	// errAlready is a refusal because it is so already, which is success.
	errAlready = errors.New("it is so already")
	// errTurn is the end of a turn: the call was not made.
	errTurn = errors.New("another turn is for that")
)

// errorCode returns AWS's code, or the empty string for other errors.
func errorCode(err error) string { return awsapi.Code(err) }

func errorText(err error) string { return awsapi.Text(err) }

func notFound(err error) bool { return awsapi.ClassOf(err) == awsapi.NotFound }

// throttled calls were not made.
func throttled(err error) bool { return awsapi.ClassOf(err) == awsapi.Throttled }

// unclear calls may have been made.
func unclear(err error) bool { return awsapi.ClassOf(err) == awsapi.Unclear }

// notAssigned is how AWS refuses to unassign, or to associate with, an address
// that is not there; it has no code of its own.
func notAssigned(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorCode() == "InvalidParameterValue" && strings.Contains(e.ErrorMessage(), "not assigned")
}

// aboutAddresses says whether a refusal may be one of single addresses, so that
// the others of the call can go on without them.
func aboutAddresses(err error) bool {
	code := errorCode(err)
	return slices.Contains([]string{"InvalidParameterValue", "Resource.AlreadyAssigned", "InsufficientFreeAddressesInSubnet"}, code) ||
		strings.HasPrefix(code, "InvalidIPAddress.") || strings.HasPrefix(code, "InvalidAddress")
}

// once makes the SDK leave repeating to this package, which knows what may be
// repeated and counts every try.
func once(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }
