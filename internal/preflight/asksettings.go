// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
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
// concerns: pending or running (EC2 User Guide, ec2-on-demand-instances). It does the same for Spot Instances (EC2
// User Guide, using-spot-limits), if the cloud has any.
func (a *asker) askVCPUs(ctx context.Context) error {
	type quota struct {
		check, code string
		of          types.InstanceLifecycleType
		into        *Quota
		err         error
	}
	all := []*quota{{check: checkVCPUs, code: infra.VCPUQuota, into: &a.VCPUs}}
	if slices.ContainsFunc(a.Cloud.Nodes, func(n cloud.Node) bool { return n.Spot }) {
		all = append(all, &quota{check: checkSpotVCPUs, code: infra.SpotVCPUQuota,
			of: types.InstanceLifecycleTypeSpot, into: &a.SpotVCPUs})
	}
	limits := make([]int, len(all))
	var running []types.Instance
	var unseen error
	var reads []func(context.Context) error
	for n, q := range all {
		reads = append(reads, func(ctx context.Context) error {
			limits[n], q.err = a.vcpuQuota(ctx, q.code)
			return ctx.Err()
		})
	}
	if a.Quotas != nil {
		reads = append(reads, func(ctx context.Context) error {
			running, unseen = a.running(ctx)
			return ctx.Err()
		})
	}
	if err := awsapi.Reads(ctx, reads...); err != nil {
		return err
	}
	for n, q := range all {
		if err := cmp.Or(q.err, unseen); err != nil {
			if err := a.unknown(ctx, q.check, err); err != nil {
				return err
			}
			continue
		}
		a.set(func() { *q.into = Quota{Limit: limits[n], Held: vcpusOf(running, q.of)} })
	}
	return nil
}

func (a *asker) vcpuQuota(ctx context.Context, code string) (int, error) {
	if a.Quotas == nil {
		return -1, errors.New("no client of Service Quotas")
	}
	out, err := a.Quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
		ServiceCode: aws.String("ec2"), QuotaCode: aws.String(code),
	})
	if err != nil {
		return -1, err
	}
	if out.Quota == nil || out.Quota.Value == nil {
		return -1, errors.New("the answer of Service Quotas has no value")
	}
	return int(*out.Quota.Value), nil
}

// running are the account's instances that count against a quota.
func (a *asker) running(ctx context.Context) (all []types.Instance, err error) {
	in := &ec2.DescribeInstancesInput{Filters: []types.Filter{
		awsapi.Filter("instance-state-name", "pending", "running"),
	}}
	reservations, err := awsapi.Collect(ctx, ec2.NewDescribeInstancesPaginator(a.EC2, in),
		func(out *ec2.DescribeInstancesOutput) []types.Reservation { return out.Reservations })
	for _, r := range reservations {
		all = append(all, r.Instances...)
	}
	return all, err
}

func vcpusOf(running []types.Instance, of types.InstanceLifecycleType) (n int) {
	for _, i := range running {
		if c := i.CpuOptions; c != nil && Standard(string(i.InstanceType)) && i.InstanceLifecycle == of {
			n += int(aws.ToInt32(c.CoreCount) * aws.ToInt32(c.ThreadsPerCore))
		}
	}
	return n
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
	calls := map[string]func(context.Context) error{
		"CreateVpc": func(ctx context.Context) error {
			_, err := a.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{DryRun: dry,
				CidrBlock: aws.String(a.Cloud.VPC.CIDR.String()), TagSpecifications: tags(types.ResourceTypeVpc)})
			return err
		},
		"CreateInternetGateway": func(ctx context.Context) error {
			_, err := a.EC2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{DryRun: dry,
				TagSpecifications: tags(types.ResourceTypeInternetGateway)})
			return err
		},
	}
	if !a.Bakery {
		calls["AllocateAddress"] = func(ctx context.Context) error {
			_, err := a.EC2.AllocateAddress(ctx, &ec2.AllocateAddressInput{DryRun: dry, Domain: types.DomainTypeVpc,
				TagSpecifications: tags(types.ResourceTypeElasticIp)})
			return err
		}
	}
	reads := []func(context.Context) error{func(ctx context.Context) error {
		image, err := a.Image(ctx)
		if err != nil || image.ID == "" {
			return err
		}
		_, err = a.EC2.RunInstances(ctx, infra.DryLaunch(a.Cloud, image))
		return a.tried(ctx, "RunInstances", err)
	}}
	for action, call := range calls {
		reads = append(reads, func(ctx context.Context) error { return a.tried(ctx, action, call(ctx)) })
	}
	return awsapi.Reads(ctx, reads...)
}

// tried notes the result of a call in dry run.
func (a *asker) tried(ctx context.Context, action string, err error) error {
	switch code := awsapi.Code(err); {
	case ctx.Err() != nil:
		return ctx.Err()
	case code == "DryRunOperation":
	case refusal(err):
		a.set(func() { a.Denied[action] = err })
	case code == "":
		return fmt.Errorf("trying %s in dry run: %w", action, err)
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
