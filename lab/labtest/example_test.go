// SPDX-License-Identifier: Apache-2.0

package labtest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/lab"
	"macaw.example/lab/labtest"
)

// A test with its own web server behind an Elastic IP. It is skipped where the lab cannot
// run: without root, or with -short.
func Example() {
	test := func(t *testing.T) {
		lab := labtest.Start(t)
		web := lab.Launch(t, labtest.Machine{
			UserData: "#!/bin/sh\nsystemd-run --working-directory=/run python3 -m http.server 80\n",
		})
		resp, err := http.Get("http://" + web.Public.String())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if name := web.Run(t, "hostname"); name == "" {
			t.Error("the machine has no name")
		}
	}
	_ = test // in a file of tests: func TestWeb(t *testing.T)
}

// A test of code that calls AWS while AWS throttles. It needs neither root nor a network;
// in a bubble of testing/synctest it takes no time either.
func ExampleNewAPI() {
	test := func(t *testing.T) {
		api := labtest.NewAPI(t, labtest.APIOptions{Region: "eu-central-1"})
		if err := api.SetFault(t.Context(), lab.Fault{Name: lab.Throttle}); err != nil {
			t.Fatal(err)
		}
		client := ec2.NewFromConfig(api.Config())
		for range 200 {
			if _, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); err != nil {
				t.Error(err)
			}
		}
	}
	_ = test
}

// As on AWS, a CIDR block outside the VPC's is refused.
func ExampleOpenAPI() {
	api, err := labtest.OpenAPI(labtest.APIOptions{})
	if err != nil {
		panic(err)
	}
	defer api.Close()
	ctx, client := context.Background(), ec2.NewFromConfig(api.Config())
	vpc, err := client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		panic(err)
	}
	_, err = client.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String("10.1.0.0/24")})
	fmt.Println(code(err))
	// Output: InvalidSubnet.Range
}
