package infra

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

func terminateInstance(id string) step {
	return func(ctx context.Context, a *applier) error {
		if err := a.remove(ctx, func(ctx context.Context) error {
			_, err := a.api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
			return err
		}); err != nil {
			if errorCode(err) == "OperationNotPermitted" {
				return &hinted{err, "somebody protects it: aws ec2 modify-instance-attribute --instance-id " + id + " --no-disable-api-termination"}
			}
			return err
		}
		return a.until(ctx, slowly, func(ctx context.Context) (bool, error, error) {
			i, err := a.instance(ctx, id)
			switch {
			case awsapi.Passing(err):
				return false, err, nil
			case err != nil:
				return false, nil, err
			case i == nil || i.State.Name == types.InstanceStateNameTerminated:
				return true, nil, nil
			}
			return false, fmt.Errorf("instance %s is %s", id, i.State.Name), nil
		})
	}
}

// releaseAddress takes an Elastic IP from what it leads to, and gives it back:
// AWS refuses to release one in use (EC2 API Reference, ReleaseAddress).
func releaseAddress(seen Address) step {
	return func(ctx context.Context, a *applier) error {
		if seen.Association != "" {
			if err := a.remove(ctx, func(ctx context.Context) error {
				_, err := a.api.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: aws.String(seen.Association)})
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

func deleteInternetGateway(seen InternetGateway) step {
	return func(ctx context.Context, a *applier) error {
		if seen.VPC != "" {
			if err := a.delete(ctx, seen.ID, func(ctx context.Context) error {
				_, err := a.api.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: aws.String(seen.ID), VpcId: aws.String(seen.VPC)})
				return err
			}); err != nil {
				return err
			}
		}
		return a.delete(ctx, seen.ID, func(ctx context.Context) error {
			_, err := a.api.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: aws.String(seen.ID)})
			return err
		})
	}
}

func deleteInterface(id string) step {
	return func(ctx context.Context, a *applier) error {
		return a.delete(ctx, id, func(ctx context.Context) error {
			_, err := a.api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: aws.String(id)})
			return err
		})
	}
}

func deleteSecurityGroup(id string) step {
	return func(ctx context.Context, a *applier) error {
		return a.delete(ctx, id, func(ctx context.Context) error {
			_, err := a.api.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)})
			return err
		})
	}
}

func deleteSubnet(id string) step {
	return func(ctx context.Context, a *applier) error {
		return a.delete(ctx, id, func(ctx context.Context) error {
			_, err := a.api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: aws.String(id)})
			return err
		})
	}
}

func deleteRouteTable(id string) step {
	return func(ctx context.Context, a *applier) error {
		return a.delete(ctx, id, func(ctx context.Context) error {
			_, err := a.api.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: aws.String(id)})
			return err
		})
	}
}

func deleteVPC(id string) step {
	return func(ctx context.Context, a *applier) error {
		return a.delete(ctx, id, func(ctx context.Context) error {
			_, err := a.api.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: aws.String(id)})
			return err
		})
	}
}

func deleteKeyPair(id string) step {
	return func(ctx context.Context, a *applier) error {
		return a.remove(ctx, func(ctx context.Context) error {
			_, err := a.api.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyPairId: aws.String(id)})
			return err
		})
	}
}
