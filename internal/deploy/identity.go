// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/preflight"
)

// identity is what is known of the account without asking it.
func (d *Deployment) identity() *infra.Identity {
	me := &infra.Identity{Region: region(d.Cloud), Lab: d.Cloud.InLab()}
	if !me.Lab && d.ec2 != nil && d.ec2.Options().BaseEndpoint != nil {
		me.Endpoint = *d.ec2.Options().BaseEndpoint
	}
	return me
}

// identityOf is the identity of an account that was asked.
func (d *Deployment) identityOf(a preflight.Account) *infra.Identity {
	me := d.identity()
	if a.Caller != nil && !me.Lab {
		me.Account, me.ARN = a.Caller.Account, a.Caller.ARN
	}
	return me
}

// callerIdentity asks AWS who the caller is. Every caller may ask that (STS API Reference, GetCallerIdentity).
func (d *Deployment) callerIdentity(ctx context.Context) (*infra.Identity, error) {
	me := d.identity()
	if me.Lab {
		return me, nil
	}
	out, err := d.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err == nil {
		me.Account, me.ARN = aws.ToString(out.Account), aws.ToString(out.Arn)
	}
	return me, err
}

// atEndpoint adds to a refusal of credentials that they were not sent to AWS.
func (d *Deployment) atEndpoint(err error) error {
	me := d.identity()
	switch awsapi.Code(err) {
	case "AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch":
	default:
		return err
	}
	if me.Lab || me.AtAWS() {
		return err
	}
	return hint.With(err, "requests go to %s instead of AWS: unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_EC2 if you "+
		"meant AWS; they may come from macaw lab env, and the lab has only region us-east-1", me.Endpoint)
}
