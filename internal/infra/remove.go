// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
	"macaw.example/internal/inventory"
)

func terminateInstance(id string) step {
	return func(ctx context.Context, a *applier) error {
		if err := a.remove(ctx, func(ctx context.Context) error {
			_, err := a.api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
			return err
		}); err != nil {
			if errorCode(err) == "OperationNotPermitted" {
				return hint.With(err, "termination protection is on: "+
					"aws ec2 modify-instance-attribute --instance-id %s --no-disable-api-termination", id)
			}
			return err
		}
		return a.until(ctx, machinePolicy, func(ctx context.Context) (bool, error) {
			i, err := a.instance(ctx, id)
			switch {
			case err != nil:
				return awsapi.Passing(err), err
			case i == nil || i.State.Name == types.InstanceStateNameTerminated:
				return false, nil
			}
			return true, fmt.Errorf("instance %s is %s", id, i.State.Name)
		})
	}
}

// releaseAddress disassociates an Elastic IP and then releases it: AWS refuses to release one in
// use (EC2 API Reference, ReleaseAddress).
func releaseAddress(seen inventory.Address) step {
	return func(ctx context.Context, a *applier) error {
		if seen.Association != "" {
			in := &ec2.DisassociateAddressInput{AssociationId: aws.String(seen.Association)}
			if err := a.remove(ctx, func(ctx context.Context) error {
				_, err := a.api.DisassociateAddress(ctx, in)
				return err
			}); err != nil {
				return err
			}
		}
		return a.remove(ctx, func(ctx context.Context) error {
			_, err := a.api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: aws.String(seen.ID)})
			return err
		})
	}
}

func deleteInternetGateway(seen inventory.InternetGateway) step {
	id := aws.String(seen.ID)
	return func(ctx context.Context, a *applier) error {
		if seen.VPC != "" {
			in := &ec2.DetachInternetGatewayInput{InternetGatewayId: id, VpcId: aws.String(seen.VPC)}
			if err := a.delete(ctx, seen.ID, func(ctx context.Context) error {
				_, err := a.api.DetachInternetGateway(ctx, in)
				return err
			}); err != nil {
				return err
			}
		}
		return a.delete(ctx, seen.ID, func(ctx context.Context) error {
			_, err := a.api.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: id})
			return err
		})
	}
}

// deletion is a call that deletes a resource by ID.
type deletion func(ctx context.Context, api EC2, id *string) error

// deletes makes a step that deletes a resource which others may use.
func deletes(call deletion) func(id string) step {
	return func(id string) step {
		return func(ctx context.Context, a *applier) error {
			return a.delete(ctx, id, func(ctx context.Context) error { return call(ctx, a.api, aws.String(id)) })
		}
	}
}

// removes makes a step that deletes a resource which nobody else can use.
func removes(call deletion) func(id string) step {
	return func(id string) step {
		return oneRemoval(func(ctx context.Context, a *applier) error { return call(ctx, a.api, aws.String(id)) })
	}
}

var (
	deleteInterface = deletes(func(ctx context.Context, api EC2, id *string) error {
		_, err := api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: id})
		return err
	})
	deleteSecurityGroup = deletes(func(ctx context.Context, api EC2, id *string) error {
		_, err := api.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: id})
		return err
	})
	deleteSubnet = deletes(func(ctx context.Context, api EC2, id *string) error {
		_, err := api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: id})
		return err
	})
	deleteRouteTable = deletes(func(ctx context.Context, api EC2, id *string) error {
		_, err := api.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: id})
		return err
	})
	deleteVPC = deletes(func(ctx context.Context, api EC2, id *string) error {
		_, err := api.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: id})
		return err
	})
	deleteVolume = deletes(func(ctx context.Context, api EC2, id *string) error {
		_, err := api.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: id})
		return err
	})
	deleteKeyPair = removes(func(ctx context.Context, api EC2, id *string) error {
		_, err := api.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyPairId: id})
		return err
	})
	deleteReservation = removes(func(ctx context.Context, api EC2, id *string) error {
		in := &ec2.DeleteSubnetCidrReservationInput{SubnetCidrReservationId: id}
		_, err := api.DeleteSubnetCidrReservation(ctx, in)
		return err
	})
	takeVPCBlock = removes(func(ctx context.Context, api EC2, association *string) error {
		_, err := api.DisassociateVpcCidrBlock(ctx, &ec2.DisassociateVpcCidrBlockInput{AssociationId: association})
		return err
	})
)
