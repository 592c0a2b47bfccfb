// SPDX-License-Identifier: Apache-2.0

// Whoami asks AWS for its identity and permissions, as any program on an instance can with
// the AWS SDK: without settings, and with no credentials but the instance's role.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSRegion())
	if err != nil {
		return err
	}
	document, err := imds.NewFromConfig(cfg).GetInstanceIdentityDocument(ctx, nil)
	if err != nil {
		return err
	}
	fmt.Println("instance", document.InstanceID)
	fmt.Println("region", cfg.Region)
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return err
	}
	fmt.Println("caller", aws.ToString(who.Arn))
	api := ec2.NewFromConfig(cfg)
	_, err = api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	fmt.Println("DescribeInstances", outcome(err))
	_, err = api.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.98.0.0/16")})
	fmt.Println("CreateVpc", outcome(err))
	return nil
}

func outcome(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}
