// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
)

// A response from something between here and AWS is not treated as AWS's, nor as an empty result.
func TestCheckAnswers(t *testing.T) {
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
	defer server.Close()
	cfg := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		APIOptions:  []func(*middleware.Stack) error{CheckAnswers},
	}
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", "it is not XML"},
		{"a portal", "<!DOCTYPE html>\n<html>Please log in</html>", "it begins with <html>"},
		{"a text", "It works!", "it is not XML"},
		{"no XML", "<<", "it is not XML"},
	} {
		body = tt.body
		_, ofEC2 := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		_, ofIAM := iam.NewFromConfig(cfg).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("x")})
		for _, err := range []error{ofEC2, ofIAM} {
			if !errors.Is(err, errNoAnswer) || !strings.Contains(err.Error(), tt.want) || !Passing(err) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	}

	body = `<?xml version="1.0"?>
<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>`
	out, err := ec2.NewFromConfig(cfg).DescribeVpcs(context.Background(), &ec2.DescribeVpcsInput{})
	if err != nil || len(out.Vpcs) != 1 || aws.ToString(out.Vpcs[0].VpcId) != "vpc-1" {
		t.Errorf("EC2's answer: %+v, %v", out, err)
	}
}
