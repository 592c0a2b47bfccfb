// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go/middleware"
)

func TestNameUnreachable(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + nobody.Addr().String()
	nobody.Close()
	client := ec2.New(ec2.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(endpoint), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
		APIOptions:  []func(*middleware.Stack) error{NameUnreachable},
	})
	_, err = client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	var u *Unreachable
	if !errors.As(err, &u) || u.Endpoint != endpoint ||
		!strings.HasSuffix(err.Error(), "reaching "+endpoint+": "+u.cause.Error()) ||
		!strings.Contains(u.cause.Error(), "connection refused") {
		t.Errorf("nobody listens: %v", err)
	}
	if ClassOf(err) != Unclear || !Passing(err) {
		t.Errorf("class %d, passing %t: such a call may be made again", ClassOf(err), Passing(err))
	}
	if u := Unreached(api("InvalidVpcID.NotFound", "")); u != nil {
		t.Errorf("an answer: %v", u)
	}
}
