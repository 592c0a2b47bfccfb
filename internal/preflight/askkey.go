// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	awsapi "macaw.example/internal/aws"
)

// Keys is the subset of KMS that this package uses; *kms.Client implements it.
type Keys interface {
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	CreateGrant(context.Context, *kms.CreateGrantInput, ...func(*kms.Options)) (*kms.CreateGrantOutput, error)
	GenerateDataKeyWithoutPlaintext(context.Context, *kms.GenerateDataKeyWithoutPlaintextInput, ...func(*kms.Options)) (
		*kms.GenerateDataKeyWithoutPlaintextOutput, error)
}

// keyEnabled is the state of a key that can be used.
const keyEnabled = "Enabled"

// awsManaged reports whether a key is AWS's own, which every caller may use.
func awsManaged(key string) bool { return strings.HasSuffix(key, "alias/aws/ebs") }

// askKey asks KMS about the key of new volumes. A launch in dry run does not look at it. EBS makes a
// grant and a data key in the caller's name (EBS User Guide, ebs-encryption-requirements), and KMS
// tells in dry run whether it would (KMS Developer Guide, testing-permissions). Only a yes is sure: a
// policy may allow the use of a key through EC2 and not by a call of one's own (kms:ViaService,
// kms:GrantIsForAWSResource). IAM's simulation does not look at the key's policy.
func askKey(ctx context.Context, api Keys, id string) (k Key) {
	out, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(id)})
	switch {
	case awsapi.Code(err) == "NotFoundException":
		return Key{Missing: true}
	case err != nil:
		return Key{Untold: err}
	case out.KeyMetadata == nil:
		return k
	}
	k.State = string(out.KeyMetadata.KeyState)
	if k.State != keyEnabled {
		return k
	}
	dry, arn := aws.Bool(true), aws.ToString(out.KeyMetadata.Arn)
	partition, _, _ := strings.Cut(strings.TrimPrefix(arn, "arn:"), ":")
	var grant, data error
	_ = awsapi.Reads(ctx,
		func(ctx context.Context) error {
			account := aws.ToString(out.KeyMetadata.AWSAccountId)
			_, grant = api.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: &arn, DryRun: dry,
				GranteePrincipal: aws.String("arn:" + partition + ":iam::" + account + ":root"),
				Operations:       []types.GrantOperation{types.GrantOperationDecrypt}})
			return nil
		},
		func(ctx context.Context) error {
			_, data = api.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &arn,
				DryRun: dry, KeySpec: types.DataKeySpecAes256})
			return nil
		})
	for _, err := range []error{grant, data} {
		if awsapi.Code(err) != "DryRunOperationException" {
			k.Untold = err
			return k
		}
	}
	k.Usable = true
	return k
}
