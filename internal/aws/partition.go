// SPDX-License-Identifier: Apache-2.0

package aws

import "strings"

// A partition of AWS is named by its regions (IAM User Guide, reference-arns; AWS General
// Reference, rande).

// Partition returns the partition of a region: aws, aws-cn or aws-us-gov.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// Domain is the DNS suffix of a region's endpoints and service principals.
func Domain(region string) string {
	if Partition(region) == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// HomeRegion is the region of a partition that every account of it has, and whose name signs the calls of
// its global services (AWS General Reference, iam-service).
func HomeRegion(region string) string {
	switch Partition(region) {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	}
	return "us-east-1"
}
