// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
)

// askVCPUs takes the quota of on-demand instances from Service Quotas, and counts the vCPUs of those that it
// concerns: pending or running (EC2 User Guide, ec2-on-demand-instances).
func (a *asker) askVCPUs(ctx context.Context) error {
	q, err := a.vcpus(ctx, infra.VCPUQuota, "")
	a.set(func() { a.VCPUs = q })
	return err
}

// askSpotVCPUs does the same for Spot Instances (EC2 User Guide, using-spot-limits), if the cloud has any.
func (a *asker) askSpotVCPUs(ctx context.Context) error {
	if !slices.ContainsFunc(a.Cloud.Nodes, func(n cloud.Node) bool { return n.Spot }) {
		return nil
	}
	q, err := a.vcpus(ctx, infra.SpotVCPUQuota, types.InstanceLifecycleTypeSpot)
	a.set(func() { a.SpotVCPUs = q })
	return err
}

func (a *asker) vcpus(ctx context.Context, code string, of types.InstanceLifecycleType) (Quota, error) {
	q := Quota{Limit: -1}
	if a.Quotas == nil {
		return q, errors.New("no client of Service Quotas")
	}
	out, err := a.Quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
		ServiceCode: aws.String("ec2"), QuotaCode: aws.String(code),
	})
	if err != nil {
		return q, err
	}
	if out.Quota == nil || out.Quota.Value == nil {
		return q, errors.New("the answer of Service Quotas has no value")
	}
	in := &ec2.DescribeInstancesInput{Filters: []types.Filter{
		awsapi.Filter("instance-state-name", "pending", "running"),
	}}
	reservations, err := awsapi.Collect(ctx, ec2.NewDescribeInstancesPaginator(a.EC2, in),
		func(out *ec2.DescribeInstancesOutput) []types.Reservation { return out.Reservations })
	if err != nil {
		return q, err
	}
	q.Limit = int(*out.Quota.Value)
	for _, r := range reservations {
		for _, i := range r.Instances {
			if c := i.CpuOptions; c != nil && Standard(string(i.InstanceType)) && i.InstanceLifecycle == of {
				q.Held += int(aws.ToInt32(c.CoreCount) * aws.ToInt32(c.ThreadsPerCore))
			}
		}
	}
	return q, nil
}

// Standard reports whether an instance type counts against [infra.VCPUQuota].
func Standard(instanceType string) bool {
	for _, other := range []string{"dl", "inf", "mac", "trn", "hpc"} { // they have quotas of their own
		if strings.HasPrefix(instanceType, other) {
			return false
		}
	}
	return instanceType != "" && strings.Contains("acdhimrtz", instanceType[:1])
}

func (a *asker) askEncryption(ctx context.Context) error {
	on, err := a.EC2.GetEbsEncryptionByDefault(ctx, &ec2.GetEbsEncryptionByDefaultInput{})
	if err != nil || !aws.ToBool(on.EbsEncryptionByDefault) {
		return err
	}
	key, err := a.EC2.GetEbsDefaultKmsKeyId(ctx, &ec2.GetEbsDefaultKmsKeyIdInput{})
	if err != nil {
		return err
	}
	id, told := aws.ToString(key.KmsKeyId), Key{}
	if a.Keys != nil && !awsManaged(id) {
		told = askKey(ctx, a.Keys, id)
	}
	a.set(func() { a.Encryption, a.Key = id, told })
	return ctx.Err()
}

func (a *asker) askPublicAccess(ctx context.Context) error {
	out, err := a.EC2.DescribeVpcBlockPublicAccessOptions(ctx, &ec2.DescribeVpcBlockPublicAccessOptionsInput{})
	if err != nil || out.VpcBlockPublicAccessOptions == nil {
		return err
	}
	o := out.VpcBlockPublicAccessOptions
	a.set(func() {
		a.PublicAccess = string(o.InternetGatewayBlockMode)
		a.Managed[checkPublicAccess] = o.ManagedBy == types.ManagedByDeclarativePolicy
	})
	if o.InternetGatewayBlockMode == types.InternetGatewayBlockModeOff {
		return nil
	}
	in := &ec2.DescribeVpcBlockPublicAccessExclusionsInput{}
	for {
		page, err := a.EC2.DescribeVpcBlockPublicAccessExclusions(ctx, in)
		if err != nil {
			return err
		}
		for _, e := range page.VpcBlockPublicAccessExclusions {
			both := e.InternetGatewayExclusionMode == types.InternetGatewayExclusionModeAllowBidirectional
			if both && strings.HasSuffix(string(e.State), "-complete") && !strings.HasPrefix(string(e.State), "delete") {
				a.set(func() { a.Excluded = append(a.Excluded, aws.ToString(e.ResourceArn)) })
			}
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			return nil
		}
	}
}

func (a *asker) askImages(ctx context.Context) error {
	out, err := a.EC2.GetAllowedImagesSettings(ctx, &ec2.GetAllowedImagesSettingsInput{})
	if err != nil || aws.ToString(out.State) != "enabled" {
		return err
	}
	owners := []string{}
	for _, c := range out.ImageCriteria {
		owners = append(owners, c.ImageProviders...)
	}
	slices.Sort(owners)
	a.set(func() {
		a.Images = slices.Compact(owners)
		a.Managed[checkImage] = out.ManagedBy == types.ManagedByDeclarativePolicy
	})
	return nil
}

func (a *asker) askMetadata(ctx context.Context) error {
	out, err := a.EC2.GetInstanceMetadataDefaults(ctx, &ec2.GetInstanceMetadataDefaultsInput{})
	if err == nil && out.AccountLevel != nil {
		a.set(func() { a.TokensEnforced = string(out.AccountLevel.HttpTokensEnforced) == "enabled" })
	}
	return err
}

// try makes calls in dry run, with the cloud's own tags, which service control policies and the
// caller's policies may ask for. Only calls that name no other resource can be tried before those
// exist. The launch names no subnet: without a default VPC, AWS refuses it for that reason, but
// after it has looked at the caller's rights (reported by users).
func (a *asker) try(ctx context.Context) error {
	dry := aws.Bool(true)
	tags := func(t types.ResourceType) []types.TagSpecification {
		return awsapi.Tagged(t, a.Cloud.Name, "preflight")
	}
	calls := map[string]func() error{
		"CreateVpc": func() error {
			_, err := a.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{DryRun: dry,
				CidrBlock: aws.String(a.Cloud.VPC.CIDR.String()), TagSpecifications: tags(types.ResourceTypeVpc)})
			return err
		},
		"CreateInternetGateway": func() error {
			_, err := a.EC2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{DryRun: dry,
				TagSpecifications: tags(types.ResourceTypeInternetGateway)})
			return err
		},
	}
	if !a.Bakery {
		calls["AllocateAddress"] = func() error {
			_, err := a.EC2.AllocateAddress(ctx, &ec2.AllocateAddressInput{DryRun: dry, Domain: types.DomainTypeVpc,
				TagSpecifications: tags(types.ResourceTypeElasticIp)})
			return err
		}
	}
	if a.Image.ID != "" {
		calls["RunInstances"] = func() error {
			_, err := a.EC2.RunInstances(ctx, infra.DryLaunch(a.Cloud, a.Image))
			return err
		}
	}
	for action, call := range calls {
		err := call()
		switch code := awsapi.Code(err); {
		case ctx.Err() != nil:
			return ctx.Err()
		case code == "DryRunOperation":
		case refusal(err):
			a.set(func() { a.Denied[action] = err })
		case code == "":
			return fmt.Errorf("trying %s in dry run: %w", action, err)
		}
	}
	return nil
}

// refusal reports whether the same call would be refused later too. Other codes are about what is
// missing in a dry run, or have a check of their own.
func refusal(err error) bool {
	code := awsapi.Code(err)
	return code == "UnauthorizedOperation" ||
		code == "InvalidParameterCombination" && strings.Contains(awsapi.Text(err), "Free Tier")
}
