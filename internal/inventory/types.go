// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// InstanceTypes reads what AWS says of instance types, by name. Those that the region does not have are missing.
func InstanceTypes(
	ctx context.Context, api ec2.DescribeInstanceTypesAPIClient, names []string,
) (map[string]types.InstanceTypeInfo, error) {
	slices.Sort(names)
	var mu sync.Mutex
	var reads []func(context.Context) error
	all := map[string]types.InstanceTypeInfo{}
	for _, name := range slices.Compact(names) {
		// One call for each type: a call that names an unknown one is refused as a whole.
		reads = append(reads, func(ctx context.Context) error {
			out, err := api.DescribeInstanceTypes(ctx,
				&ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{types.InstanceType(name)}})
			if awsapi.Code(err) == "InvalidInstanceType" {
				return nil
			}
			if err != nil {
				return fmt.Errorf("asking AWS about instance type %s: %w", name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, t := range out.InstanceTypes {
				all[name] = t
			}
			return nil
		})
	}
	return all, awsapi.Reads(ctx, reads...)
}
