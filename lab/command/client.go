// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
	"macaw.example/lab"
)

// client returns an EC2 client of the lab.
func (c *commands) client(ctx context.Context) (*ec2.Client, error) {
	l, err := lab.Open(ctx)
	if err != nil {
		return nil, c.hintIfDown(err)
	}
	return ec2.NewFromConfig(awsapi.Complete(l.Config(), c.name+" up")), nil
}

// instance finds an instance of the lab by its ID or its Name tag.
func (c *commands) instance(ctx context.Context, name string) (api *ec2.Client, id string, err error) {
	err = c.ask(func() error {
		if api, err = c.client(ctx); err != nil {
			return err
		}
		id, err = c.instanceNamed(ctx, api, name)
		return err
	})
	return api, id, err
}

// instanceNamed finds an instance by its ID or its Name tag.
func (c *commands) instanceNamed(ctx context.Context, api *ec2.Client, name string) (string, error) {
	pages := ec2.NewDescribeInstancesPaginator(api, &ec2.DescribeInstancesInput{})
	var found []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("finding instance %s: %w", name, err)
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				if i.State.Name != types.InstanceStateNameTerminated && named(i, name) {
					found = append(found, aws.ToString(i.InstanceId))
				}
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", c.hint(fmt.Errorf("finding instance %s: there is none", name), "status")
	}
	return "", hint.With(fmt.Errorf("finding instance %s: %d have that name", name, len(found)),
		"give one of these IDs: %v", found)
}

func named(i types.Instance, name string) bool {
	if aws.ToString(i.InstanceId) == name {
		return true
	}
	for _, t := range i.Tags {
		// A cloud prefixes its Name tags; the user may leave the prefix out.
		if v := aws.ToString(t.Value); aws.ToString(t.Key) == "Name" && (v == name || strings.HasSuffix(v, "-"+name)) {
			return true
		}
	}
	return false
}

func reboot(ctx context.Context, api *ec2.Client, id string) error {
	if _, err := api.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: []string{id}}); err != nil {
		return fmt.Errorf("rebooting %s: %w", id, err)
	}
	return nil
}
