// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestAssumeRole(t *testing.T) {
	a := newAccount(t)
	id, secret := a.user("ann", "")
	bobID, bobSecret := a.user("bob",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`)
	forAnn := a.role("forann", trustAWS("arn:aws:iam::123456789012:user/ann"))
	forAccount := a.role("foraccount", trustAWS("arn:aws:iam::123456789012:root"))
	forEC2 := a.role("forec2", trustEC2)
	for _, c := range []struct {
		name, id, secret, role string
		want                   string
	}{
		{"named by the role", id, secret, forAnn, ""},
		{"not named", bobID, bobSecret, forAnn, "AccessDenied"},
		{"the account, without a right", id, secret, forAccount, "AccessDenied"},
		{"the account, with a right", bobID, bobSecret, forAccount, ""},
		{"the root", root.ID, root.Secret, forAccount, "AccessDenied"},
		{"the root, named", root.ID, root.Secret, a.role("forall", trustAWS("*")), "AccessDenied"},
		{"a service's", bobID, bobSecret, forEC2, "AccessDenied"},
		{"none", bobID, bobSecret, forAnn + "x", "AccessDenied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := a.sts(c.id, c.secret, "").AssumeRole(a.ctx,
				&sts.AssumeRoleInput{RoleArn: &c.role, RoleSessionName: aws.String("work")})
			a.wantCode(err, c.want)
			if err != nil {
				return
			}
			k := out.Credentials
			who := must(a.sts(*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken).GetCallerIdentity(a.ctx, nil))(a)
			if *who.Arn != *out.AssumedRoleUser.Arn || *who.UserId != *out.AssumedRoleUser.AssumedRoleId {
				t.Errorf("the credentials are %s's, want %s's", *who.Arn, *out.AssumedRoleUser.Arn)
			}
		})
	}
}

func TestSessionCredentials(t *testing.T) {
	a := newAccount(t)
	role := a.role("admin", trustAWS("*"))
	must(a.PutRolePolicy(a.ctx, &iamsdk.PutRolePolicyInput{RoleName: aws.String("admin"), PolicyName: aws.String("p"),
		PolicyDocument: aws.String(allowEC2)}))(a)
	annID, annSecret := a.user("ann", "")
	k := must(a.sts(annID, annSecret, "").AssumeRole(a.ctx,
		&sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("work")}))(a).Credentials
	check := func(name, id, secret, token, wantEC2, wantSTS string) {
		t.Helper()
		_, err := a.ec2(id, secret, token).DescribeVpcs(a.ctx, &ec2sdk.DescribeVpcsInput{})
		t.Log(name)
		a.wantCode(err, wantEC2)
		_, err = a.sts(id, secret, token).GetCallerIdentity(a.ctx, nil)
		a.wantCode(err, wantSTS)
	}
	check("good", *k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken, "", "")
	check("no token", *k.AccessKeyId, *k.SecretAccessKey, "", "AuthFailure", "InvalidClientTokenId")
	spoilt := "A" + (*k.SessionToken)[1:]
	if spoilt == *k.SessionToken {
		spoilt = "B" + spoilt[1:]
	}
	check("spoilt token", *k.AccessKeyId, *k.SecretAccessKey, spoilt, "AuthFailure", "InvalidClientTokenId")
	check("another's token", "ASIA0000000000000000", *k.SecretAccessKey, *k.SessionToken, "AuthFailure",
		"InvalidClientTokenId")
	check("token with a key of one's own", root.ID, root.Secret, *k.SessionToken, "AuthFailure", "InvalidClientTokenId")
	check("wrong secret", *k.AccessKeyId, "x", *k.SessionToken, "SignatureDoesNotMatch", "SignatureDoesNotMatch")
	a.open()
	check("after a restart", *k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken, "", "")
	must(a.DeleteRolePolicy(a.ctx,
		&iamsdk.DeleteRolePolicyInput{RoleName: aws.String("admin"), PolicyName: aws.String("p")}))(a)
	check("without its policy", *k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken, "UnauthorizedOperation", "")
	a.clock.advance(time.Hour)
	check("ended", *k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken, "RequestExpired", "ExpiredToken")
}

func TestInstanceCredentials(t *testing.T) {
	a := newAccount(t)
	a.role("node", trustEC2)
	must(a.CreateInstanceProfile(a.ctx, &iamsdk.CreateInstanceProfileInput{InstanceProfileName: aws.String("prof")}))(a)
	get := func() (string, string, time.Time, bool) {
		role, c, ok := a.store.InstanceCredentials("us-east-1", "i-1", "prof")
		return role, c.ID, c.Expires, ok
	}
	if role, _, _, ok := get(); ok || role != "" {
		t.Errorf("a profile without a role gives credentials of %q", role)
	}
	must(a.AddRoleToInstanceProfile(a.ctx,
		&iamsdk.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("prof"), RoleName: aws.String("node")}))(a)
	role, id, ends, ok := get()
	if !ok || role != "node" {
		t.Fatalf("credentials of %q, %v", role, ok)
	}
	a.open()
	if _, again, _, _ := get(); again != id {
		t.Errorf("after a restart the key is %s, was %s", again, id)
	}
	// New ones are available at least five minutes before the old ones expire.
	for range 24 {
		a.clock.advance(5 * time.Minute)
		_, now, e, _ := get()
		if left := e.Sub(a.clock.now()); left < 5*time.Minute || left > time.Hour {
			t.Errorf("credentials with %v left", left)
		}
		if now != id && e.Sub(ends) < 25*time.Minute {
			t.Errorf("renewed after %v", e.Sub(ends))
		}
		id, ends = now, e
	}
	must(a.UpdateAssumeRolePolicy(a.ctx,
		&iamsdk.UpdateAssumeRolePolicyInput{RoleName: aws.String("node"), PolicyDocument: aws.String(trustAWS("*"))}))(a)
	if role, _, _, ok := get(); ok || role != "node" {
		t.Errorf("a role that EC2 may not assume gives credentials: %q, %v", role, ok)
	}
}
