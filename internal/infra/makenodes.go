// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/images"
	"macaw.example/internal/inventory"
)

// generations is how often a resource is made again because its token belongs to one that is gone:
// AWS remembers tokens for longer than resources live.
const generations = 5

var errNoLonger = errors.New("it no longer exists")

func importKeyPair(public string) step {
	return oneCreation(func(ctx context.Context, a *applier) error {
		out, err := a.api.ImportKeyPair(ctx, &ec2.ImportKeyPairInput{
			KeyName: aws.String(keyName(a.cloud)), PublicKeyMaterial: []byte(public),
			TagSpecifications: a.tags(types.ResourceTypeKeyPair, partKeyPair),
		}, noRetry)
		if err == nil {
			a.set(partKeyPair, aws.ToString(out.KeyPairId))
		}
		return err
	}, func(ctx context.Context, a *applier) (bool, error) {
		found, err := inventory.FindKeyPairs(ctx, a.api, a.mine(partKeyPair)...)
		for _, k := range found {
			if aws.ToString(k.KeyName) == keyName(a.cloud) && sameKey(aws.ToString(k.PublicKey), public) {
				a.set(partKeyPair, aws.ToString(k.KeyPairId))
				return true, nil
			}
		}
		return false, err
	})
}

func createInterface(part, subnet string, groups []string, primary string, secondary []string) step {
	return func(ctx context.Context, a *applier) error {
		var addresses []types.PrivateIpAddressSpecification
		for i, address := range slices.Concat([]string{primary}, secondary) {
			addresses = append(addresses, types.PrivateIpAddressSpecification{
				PrivateIpAddress: aws.String(address), Primary: aws.Bool(i == 0),
			})
		}
		for g := range generations {
			in := &ec2.CreateNetworkInterfaceInput{
				SubnetId: aws.String(a.id(subnet)), Groups: a.idsOf(groups), PrivateIpAddresses: addresses,
				Description: aws.String("Macaw cloud " + a.cloud + ", " + part),
				ClientToken: token(a.cloud, part, a.id(subnet), strings.Join(a.idsOf(groups), ","), primary,
					strings.Join(secondary, ","), fmt.Sprint(g)),
				TagSpecifications: a.tags(types.ResourceTypeNetworkInterface, part),
			}
			var id string
			if err := a.call(ctx, func(ctx context.Context) error {
				out, err := a.api.CreateNetworkInterface(ctx, in)
				if err == nil {
					id = aws.ToString(out.NetworkInterface.NetworkInterfaceId)
				}
				return err
			}); err != nil {
				return err
			}
			err := a.awaitInterface(ctx, id)
			if err == nil {
				a.set(part, id)
			}
			if !errors.Is(err, errNoLonger) {
				return err
			}
		}
		return errNoLonger
	}
}

func (a *applier) awaitInterface(ctx context.Context, id string) error {
	return a.until(ctx, visiblePolicy, func(ctx context.Context) (bool, error) {
		found, err := a.interfaces(ctx, id)
		if awsapi.IsNotFound(err) || err == nil && len(found) == 0 {
			return true, fmt.Errorf("network interface %s: %w", id, errNoLonger)
		}
		return awsapi.Passing(err), err
	})
}

func assign(part string, addresses []string) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		_, err := a.api.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: aws.String(a.id(part)), PrivateIpAddresses: addresses,
		})
		return err
	})
}

// unassign removes addresses from an ENI. AWS refuses if one of them is not on the ENI (EC2 API Reference,
// UnassignPrivateIpAddresses), as after a call whose response was lost.
func unassign(part string, addresses []string) step {
	return func(ctx context.Context, a *applier) error {
		left := addresses
		return a.call(ctx, func(ctx context.Context) error {
			for {
				_, err := a.api.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{
					NetworkInterfaceId: aws.String(a.id(part)), PrivateIpAddresses: left,
				})
				if errorCode(err) != "InvalidParameterValue" {
					return err
				}
				have, seeErr := a.secondary(ctx, a.id(part))
				if seeErr != nil {
					return seeErr
				}
				gone := missing(left, have)
				if len(gone) == 0 {
					return err
				}
				if left = missing(left, gone); len(left) == 0 {
					return nil
				}
			}
		})
	}
}

// secondary returns the secondary addresses of a network interface.
func (a *applier) secondary(ctx context.Context, id string) (all []string, err error) {
	found, err := a.interfaces(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, n := range found {
		seen, err := inventory.InterfaceOf(n)
		if err != nil {
			return nil, err
		}
		all = append(all, seen.Secondary...)
	}
	return all, nil
}

// interfaces returns the network interface with an ID, or an empty list if there is none.
func (a *applier) interfaces(ctx context.Context, id string) ([]types.NetworkInterface, error) {
	out, err := a.api.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		NetworkInterfaceIds: []string{id},
	})
	if err != nil {
		return nil, err
	}
	return out.NetworkInterfaces, nil
}

// launch has the inputs of RunInstances.
type launch struct {
	node     cloud.Node
	image    images.Image
	key      string
	userData []byte
	// gone has the IDs of the node's earlier instances that AWS still shows.
	gone []string
	// profile is the name of an instance profile, or empty.
	profile string
	// nested switches nested virtualization on.
	nested bool
	// primary is the private address of the only interface of a bakery, see Wanted.
	primary netip.Addr
}

// interfaces returns the network interfaces of the instance: those of the node, or a new one. id
// returns the ID of a part.
func (l launch) interfaces(id func(part string) string) []types.InstanceNetworkInterfaceSpecification {
	if l.primary.IsValid() {
		return []types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: aws.Int32(0), SubnetId: aws.String(id(partSubnet(partManagement))),
			Groups: []string{id(partGroup(partManagement))}, PrivateIpAddress: aws.String(l.primary.String()),
			AssociatePublicIpAddress: aws.Bool(true), DeleteOnTermination: aws.Bool(true),
		}}
	}
	var all []types.InstanceNetworkInterfaceSpecification
	for device, part := range partENIs(l.node) {
		all = append(all, types.InstanceNetworkInterfaceSpecification{
			DeviceIndex: aws.Int32(int32(device)), NetworkInterfaceId: aws.String(id(part)),
		})
	}
	return all
}

func runInstance(l launch) step {
	return func(ctx context.Context, a *applier) error {
		part := partInstance(l.node.Name)
		in := l.input()
		in.NetworkInterfaces = l.interfaces(a.id)
		in.TagSpecifications = slices.Concat(
			a.tags(types.ResourceTypeInstance, part), a.tags(types.ResourceTypeVolume, part))
		if l.primary.IsValid() {
			in.TagSpecifications = append(in.TagSpecifications,
				a.tags(types.ResourceTypeNetworkInterface, awsapi.InterfacePart(l.node.Name, partManagement))...)
		}
		var on []string
		for _, n := range in.NetworkInterfaces {
			on = append(on, aws.ToString(n.NetworkInterfaceId)+aws.ToString(n.SubnetId))
		}
		for g := range generations {
			in.ClientToken = token(a.cloud, part, strings.Join(on, ","), l.image.ID, l.node.Type, l.profile,
				strings.Join(l.gone, ","), fmt.Sprint(g))
			err := a.call(ctx, func(ctx context.Context) error {
				out, err := a.api.RunInstances(ctx, in)
				if err == nil {
					a.set(part, aws.ToString(out.Instances[0].InstanceId))
				}
				return err
			}, "InvalidNetworkInterface.InUse") // in use by an instance that is shutting down
			switch {
			case err == nil:
				err = awaitInstance(part)(ctx, a)
			case tokenSpent(err):
				err = errNoLonger
			}
			if !errors.Is(err, errNoLonger) {
				return l.refused(err)
			}
		}
		return errNoLonger
	}
}

// input returns the call's input, without network interfaces.
func (l launch) input() *ec2.RunInstancesInput {
	m := metadataWanted
	in := &ec2.RunInstancesInput{
		ImageId: aws.String(l.image.ID), InstanceType: types.InstanceType(l.node.Type),
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), KeyName: aws.String(l.key),
		MetadataOptions: &types.InstanceMetadataOptionsRequest{
			HttpEndpoint:            types.InstanceMetadataEndpointState(m.Endpoint),
			HttpTokens:              types.HttpTokensState(m.Tokens),
			HttpProtocolIpv6:        types.InstanceMetadataProtocolState(m.IPv6),
			HttpPutResponseHopLimit: aws.Int32(m.HopLimit),
			InstanceMetadataTags:    types.InstanceMetadataTagsState(m.Tags),
		},
	}
	if l.node.Spot {
		// One-time requests and termination are the defaults; a request that persisted would launch another
		// instance by itself (EC2 User Guide, spot-requests).
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{
			MarketType: types.MarketTypeSpot, SpotOptions: &types.SpotMarketOptions{
				SpotInstanceType:             types.SpotInstanceTypeOneTime,
				InstanceInterruptionBehavior: types.InstanceInterruptionBehaviorTerminate,
			},
		}
	}
	if l.profile != "" {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String(l.profile)}
	}
	if l.nested {
		in.CpuOptions = &types.CpuOptionsRequest{
			NestedVirtualization: types.NestedVirtualizationSpecificationEnabled,
		}
	}
	if len(l.userData) > 0 {
		in.UserData = aws.String(base64.StdEncoding.EncodeToString(l.userData))
	}
	if l.image.RootDevice != "" {
		in.BlockDeviceMappings = []types.BlockDeviceMapping{{
			DeviceName: aws.String(l.image.RootDevice), Ebs: &types.EbsBlockDevice{
				VolumeSize: aws.Int32(int32(l.node.Disk)), VolumeType: types.VolumeTypeGp3,
				DeleteOnTermination: aws.Bool(true),
			},
		}}
	}
	return in
}

// tokenSpent reports whether the token belongs to an earlier instance, with other parameters or
// terminated (EC2 API Reference, errors-overview).
func tokenSpent(err error) bool {
	code := errorCode(err)
	return code == "IdempotentParameterMismatch" || code == "IdempotentInstanceTerminated"
}

// awaitInstance waits until an instance runs. For a while AWS may not show it yet, or show it as it was before its
// start.
func awaitInstance(part string) step {
	return func(ctx context.Context, a *applier) error {
		id, late := a.id(part), a.clock.Now().Add(visiblePolicy.Total)
		return a.until(ctx, machinePolicy, func(ctx context.Context) (bool, error) {
			i, err := a.instance(ctx, id)
			switch {
			case err != nil:
				return awsapi.Passing(err), err
			case i == nil:
				return a.clock.Now().Before(late), fmt.Errorf("instance %s: %w", id, errNoLonger)
			}
			switch i.State.Name {
			case types.InstanceStateNameRunning:
				return false, nil
			case types.InstanceStateNameTerminated, types.InstanceStateNameShuttingDown:
				return false, ended(i)
			case types.InstanceStateNameStopped, types.InstanceStateNameStopping:
				return a.clock.Now().Before(late), stoppedAgain(i)
			}
			return true, fmt.Errorf("instance %s is %s", id, i.State.Name)
		})
	}
}

// stoppedAgain explains why an instance that was started is stopped.
func stoppedAgain(i *types.Instance) error {
	id, reason := aws.ToString(i.InstanceId), ""
	if i.StateReason != nil {
		reason = ": " + aws.ToString(i.StateReason.Message)
	}
	return hint.With(fmt.Errorf("instance %s was started and is %s%s", id, i.State.Name, reason),
		"its console may say why: aws ec2 get-console-output --latest --instance-id %s; macaw up starts it again", id)
}

// ended explains why an instance that should run has ended.
func ended(i *types.Instance) error {
	id, code := aws.ToString(i.InstanceId), ""
	if i.StateReason != nil {
		code = aws.ToString(i.StateReason.Code)
	}
	if code == "" || strings.HasPrefix(code, "Client.UserInitiated") {
		return fmt.Errorf("instance %s: %w", id, errNoLonger)
	}
	return endedHint(code, fmt.Errorf("instance %s terminated at launch: %s", id, aws.ToString(i.StateReason.Message)))
}

// instance returns nil if there is no such instance.
func (a *applier) instance(ctx context.Context, id string) (*types.Instance, error) {
	out, err := a.api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, r := range out.Reservations {
		for i := range r.Instances {
			if r.Instances[i].State != nil {
				return &r.Instances[i], nil
			}
		}
	}
	return nil, nil
}

func startInstance(part string) step {
	return func(ctx context.Context, a *applier) error {
		if err := a.call(ctx, func(ctx context.Context) error {
			_, err := a.api.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{a.id(part)}})
			return err
		}, "IncorrectInstanceState", "IncorrectState"); err != nil { // while it is stopping
			return err
		}
		return awaitInstance(part)(ctx, a)
	}
}

func allocateAddress(part string) step {
	return oneCreation(func(ctx context.Context, a *applier) error {
		out, err := a.api.AllocateAddress(ctx, &ec2.AllocateAddressInput{
			Domain: types.DomainTypeVpc, TagSpecifications: a.tags(types.ResourceTypeElasticIp, part),
		}, noRetry)
		if err == nil {
			a.set(part, aws.ToString(out.AllocationId))
		}
		return err
	}, func(ctx context.Context, a *applier) (bool, error) {
		found, err := inventory.FindAddresses(ctx, a.api, a.mine(part)...)
		if err != nil || len(found) == 0 {
			return false, err
		}
		a.set(part, aws.ToString(found[0].AllocationId))
		return true, nil
	})
}

// associateAddress names the private address, since AWS otherwise takes the primary one, and allows
// reassociation: some accounts are refused without it (EC2 API Reference, AssociateAddress).
func associateAddress(t target) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		_, err := a.api.AssociateAddress(ctx, &ec2.AssociateAddressInput{
			AllocationId: aws.String(a.id(t.part)), NetworkInterfaceId: aws.String(a.id(t.eni)),
			PrivateIpAddress: aws.String(t.private), AllowReassociation: aws.Bool(true),
		})
		return err
	}, "InvalidInstanceID", "IncorrectInstanceState") // while the ENI's instance is pending
}
