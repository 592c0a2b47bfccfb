// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/lab"
)

// The lab of this host, brought up, used with AWS's SDK, and removed. It needs root.
func Example() {
	ctx := context.Background()
	l, err := lab.Up(ctx, lab.Options{
		ElasticIPQuota: 20,
		Command:        []string{"/usr/local/bin/macaw-lab"}, // go build ./lab/cmd/macaw-lab
	}, func(step string) func(error) {
		log.Print(step)
		return func(error) {}
	})
	if err != nil {
		log.Fatal(err)
	}
	defer lab.Down(ctx, false)

	api := ec2.NewFromConfig(l.Config())
	vpc, err := api.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*vpc.Vpc.VpcId)

	// AWS is slow today.
	if err := l.SetFault(ctx, lab.Fault{Name: lab.Throttle}); err != nil {
		log.Fatal(err)
	}
	for name, value := range l.Env() { // for the command line and other tools
		os.Setenv(name, value)
	}
}
