// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"bytes"
	"encoding/base32"
	"fmt"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/pquerna/otp/totp"

	"macaw.example/lab/internal/iam"
)

// device is an app on a user's phone.
type device struct {
	a            *account
	serial, seed string
}

func (a *account) device(name string) *device {
	a.t.Helper()
	d := must(a.CreateVirtualMFADevice(a.ctx, &iamsdk.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name}))(a).
		VirtualMFADevice
	return &device{a: a, serial: *d.SerialNumber, seed: string(d.Base32StringSeed)}
}

// code is the one that the app shows a time from now.
func (d *device) code(off time.Duration) string {
	code, err := totp.GenerateCode(d.seed, d.a.clock.now().Add(off))
	if err != nil {
		d.a.t.Fatal(err)
	}
	return code
}

func (d *device) enable(user string, first, second string) error {
	_, err := d.a.EnableMFADevice(d.a.ctx, &iamsdk.EnableMFADeviceInput{UserName: &user, SerialNumber: &d.serial,
		AuthenticationCode1: &first, AuthenticationCode2: &second})
	return err
}

const step = 30 * time.Second

// enabled is a device of a user, in sync, none of whose present codes is used.
func (a *account) enabled(user string) *device {
	a.t.Helper()
	d := a.device(user)
	if err := d.enable(user, d.code(-step), d.code(0)); err != nil {
		a.t.Fatal(err)
	}
	a.clock.advance(2 * step)
	return d
}

// The calls that make, give and remove devices, and their refusals.
func TestMFADevices(t *testing.T) {
	a := newAccount(t)
	annID, _ := a.user("ann", "")
	d := a.device("ann")
	if want := "arn:aws:iam::123456789012:mfa/ann"; d.serial != want {
		t.Errorf("the serial number is %s, want %s", d.serial, want)
	}
	if b, err := base32.StdEncoding.DecodeString(d.seed); err != nil || len(d.seed) != 64 || len(b) != 40 {
		t.Errorf("the seed is %s: %v", d.seed, err)
	}
	made := must(a.CreateVirtualMFADevice(a.ctx, &iamsdk.CreateVirtualMFADeviceInput{Path: aws.String("/x/"),
		VirtualMFADeviceName: aws.String("ann")}))(a).VirtualMFADevice
	if picture, err := png.Decode(bytes.NewReader(made.QRCodePNG)); err != nil || picture.Bounds().Dx() < 100 {
		t.Errorf("the QR code: %v", err)
	}
	_, err := a.CreateVirtualMFADevice(a.ctx, &iamsdk.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("ann")})
	a.wantCode(err, "EntityAlreadyExists")

	a.wantCode(d.enable("ann", d.code(0), d.code(0)), "InvalidAuthenticationCode")
	a.wantCode(d.enable("ann", d.code(0), d.code(-step)), "InvalidAuthenticationCode")
	a.wantCode(d.enable("ann", d.code(-step), "12"), "ValidationError")
	a.wantCode(d.enable("ann", d.code(-time.Hour-step), d.code(-time.Hour)), "InvalidAuthenticationCode")
	a.wantCode(d.enable("bob", d.code(-step), d.code(0)), "NoSuchEntity")
	none := &device{a: a, serial: d.serial + "x", seed: d.seed}
	a.wantCode(none.enable("ann", d.code(-step), d.code(0)), "NoSuchEntity")
	a.wantCode(d.enable("ann", d.code(-step), d.code(0)), "")
	a.wantCode(d.enable("ann", d.code(0), d.code(step)), "EntityAlreadyExists")

	listed := must(a.ListMFADevices(a.ctx, &iamsdk.ListMFADevicesInput{UserName: aws.String("ann")}))(a).MFADevices
	if len(listed) != 1 || *listed[0].SerialNumber != d.serial || listed[0].EnableDate == nil {
		t.Errorf("devices of ann: %v", listed)
	}
	for status, want := range map[types.AssignmentStatusType]string{"": "ann", "Any": "ann", "Assigned": "ann",
		"Unassigned": "x/ann"} {
		all := must(a.ListVirtualMFADevices(a.ctx, &iamsdk.ListVirtualMFADevicesInput{AssignmentStatus: status}))(a).
			VirtualMFADevices
		first := all[0]
		if !strings.HasSuffix(*first.SerialNumber, "mfa/"+want) || (first.User != nil) != (want == "ann") ||
			first.Base32StringSeed != nil || len(all) != map[bool]int{true: 2, false: 1}[status == "" || status == "Any"] {
			t.Errorf("devices with status %q: %v", status, all)
		}
	}
	_, err = a.DeleteVirtualMFADevice(a.ctx, &iamsdk.DeleteVirtualMFADeviceInput{SerialNumber: &d.serial})
	a.wantCode(err, "DeleteConflict")
	must(a.DeleteAccessKey(a.ctx, &iamsdk.DeleteAccessKeyInput{UserName: aws.String("ann"), AccessKeyId: &annID}))(a)
	_, err = a.DeleteUser(a.ctx, &iamsdk.DeleteUserInput{UserName: aws.String("ann")})
	a.wantCode(err, "DeleteConflict")
	must(a.DeactivateMFADevice(a.ctx, &iamsdk.DeactivateMFADeviceInput{UserName: aws.String("ann"),
		SerialNumber: &d.serial}))(a)
	_, err = a.DeactivateMFADevice(a.ctx, &iamsdk.DeactivateMFADeviceInput{UserName: aws.String("ann"),
		SerialNumber: &d.serial})
	a.wantCode(err, "NoSuchEntity")
	must(a.DeleteVirtualMFADevice(a.ctx, &iamsdk.DeleteVirtualMFADeviceInput{SerialNumber: &d.serial}))(a)
	must(a.DeleteUser(a.ctx, &iamsdk.DeleteUserInput{UserName: aws.String("ann")}))(a)
}

// A user has at most eight devices.
func TestMFADevicesOfAUser(t *testing.T) {
	a := newAccount(t)
	a.user("ann", "")
	for n := range 9 {
		d, want := a.device(fmt.Sprintf("d%d", n)), ""
		if n == 8 {
			want = "LimitExceeded"
		}
		a.wantCode(d.enable("ann", d.code(-step), d.code(0)), want)
	}
}

func (d *device) session(id, secret, code string) (*sts.GetSessionTokenOutput, error) {
	return d.a.sts(id, secret, "").GetSessionToken(d.a.ctx,
		&sts.GetSessionTokenInput{SerialNumber: &d.serial, TokenCode: &code})
}

// A code is valid for about half a minute, and once.
func TestMFACodes(t *testing.T) {
	a := newAccount(t)
	id, secret := a.user("ann", "")
	bobID, bobSecret := a.user("bob", "")
	d := a.enabled("ann")
	try := func(code, want string) {
		t.Helper()
		_, err := d.session(id, secret, code)
		if want == "" {
			a.wantCode(err, "")
			return
		}
		a.wantCode(err, "AccessDenied")
		if err != nil && !strings.Contains(err.Error(), "MultiFactorAuthentication failed"+want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	const invalid = " with invalid MFA one time pass code. "
	code := d.code(0)
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	try(wrong, invalid)
	try(d.code(-5*step), invalid)
	try(d.code(5*step), invalid)
	try(code, "")
	try(code, invalid) // used
	a.open()           // also after a restart
	try(code, invalid)
	a.clock.advance(step)
	try(d.code(-step), invalid) // the same
	try(d.code(0), "")
	_, err := d.session(bobID, bobSecret, d.code(step))
	a.wantCode(err, "AccessDenied")
	if !strings.Contains(err.Error(), ", unable to validate MFA code.  Please verify your MFA serial number is valid and "+
		"associated with this user.") {
		t.Error(err)
	}
	_, err = a.sts(id, secret, "").GetSessionToken(a.ctx, &sts.GetSessionTokenInput{TokenCode: aws.String(d.code(step))})
	a.wantCode(err, "AccessDenied")
	_, err = a.sts(id, secret, "").GetSessionToken(a.ctx, &sts.GetSessionTokenInput{SerialNumber: &d.serial,
		TokenCode: aws.String("12345x")})
	a.wantCode(err, "ValidationError")
}

// A device that was enabled with old codes is out of sync until it is synchronized.
func TestMFASync(t *testing.T) {
	a := newAccount(t)
	id, secret := a.user("ann", "")
	d := a.device("ann")
	a.wantCode(d.enable("ann", d.code(-5*step), d.code(-4*step)), "")
	_, err := d.session(id, secret, d.code(0))
	a.wantCode(err, "AccessDenied")
	resync := func(first, second string) error {
		_, err := a.ResyncMFADevice(a.ctx, &iamsdk.ResyncMFADeviceInput{UserName: aws.String("ann"), SerialNumber: &d.serial,
			AuthenticationCode1: &first, AuthenticationCode2: &second})
		return err
	}
	a.wantCode(resync(d.code(0), d.code(0)), "InvalidAuthenticationCode")
	a.wantCode(resync(d.code(-step), d.code(0)), "")
	_, err = d.session(id, secret, d.code(step))
	a.wantCode(err, "")
}

// What a policy that asks for MFA allows: to no permanent key, unless it asks with IfExists; to a user's
// session with MFA; never to a role's session, which has none.
func TestMFAInPolicies(t *testing.T) {
	a := newAccount(t)
	on := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*","iam:ListRoles","sts:*"],"Resource":"*"},` +
			`{"Effect":"Deny","NotAction":"sts:*","Resource":"*","Condition":` + condition + `}]}`
	}
	const (
		strict  = `{"Bool":{"aws:MultiFactorAuthPresent":"false"}}` // does not deny where the key is absent
		exists  = `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`
		recent  = `{"NumericGreaterThan":{"aws:MultiFactorAuthAge":"300"}}`
		both    = `{"NumericGreaterThanIfExists":{"aws:MultiFactorAuthAge":"300"}}`
		present = `{"Null":{"aws:MultiFactorAuthAge":"true"}}`
	)
	id, secret := a.user("ann", on(strict))
	d := a.enabled("ann")
	role := a.role("work", trustAWS("arn:aws:iam::123456789012:root"))
	must(a.PutRolePolicy(a.ctx, &iamsdk.PutRolePolicyInput{RoleName: aws.String("work"), PolicyName: aws.String("p"),
		PolicyDocument: aws.String(on(strict))}))(a)
	plain := must(a.sts(id, secret, "").GetSessionToken(a.ctx, nil))(a).Credentials
	with := must(d.session(id, secret, d.code(0)))(a).Credentials
	assumed := must(a.sts(id, secret, "").AssumeRole(a.ctx, &sts.AssumeRoleInput{RoleArn: &role,
		RoleSessionName: aws.String("s1"), SerialNumber: &d.serial, TokenCode: aws.String(d.code(step))}))(a).Credentials
	for _, c := range []struct {
		condition                   string
		key, plain, with, later, as bool
	}{
		{strict, true, false, true, true, false},
		{exists, false, false, true, true, false},
		{recent, true, true, true, false, true},
		{both, false, false, true, false, false},
		{present, false, false, true, true, false},
	} {
		for kind, name := range map[string]string{"user": "ann", "role": "work"} {
			if kind == "user" {
				must(a.PutUserPolicy(a.ctx, &iamsdk.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"),
					PolicyDocument: aws.String(on(c.condition))}))(a)
				continue
			}
			must(a.PutRolePolicy(a.ctx, &iamsdk.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"),
				PolicyDocument: aws.String(on(c.condition))}))(a)
		}
		try := func(who, id, secret, token string, want bool) {
			t.Helper()
			code := map[bool]string{false: "UnauthorizedOperation"}[want]
			_, err := a.ec2(id, secret, token).DescribeVpcs(a.ctx, &ec2sdk.DescribeVpcsInput{})
			t.Log(c.condition, who)
			a.wantCode(err, code)
		}
		before := a.clock.ahead
		try("key", id, secret, "", c.key)
		try("session", *plain.AccessKeyId, *plain.SecretAccessKey, *plain.SessionToken, c.plain)
		try("session with MFA", *with.AccessKeyId, *with.SecretAccessKey, *with.SessionToken, c.with)
		try("role", *assumed.AccessKeyId, *assumed.SecretAccessKey, *assumed.SessionToken, c.as)
		a.clock.advance(10 * time.Minute)
		try("old session with MFA", *with.AccessKeyId, *with.SecretAccessKey, *with.SessionToken, c.later)
		a.clock.advance(before - a.clock.ahead)
	}
}

// A role that asks for MFA is assumed with a code, or by a session that had one.
func TestAssumeRoleWithMFA(t *testing.T) {
	a := newAccount(t)
	id, secret := a.user("ann", "")
	d := a.enabled("ann")
	role := a.role("admin", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+
		`arn:aws:iam::123456789012:user/ann"},"Action":"sts:AssumeRole","Condition":{"Bool":{`+
		`"aws:MultiFactorAuthPresent":"true"},"StringEquals":{"sts:ExternalId":"x:1"}}}]}`)
	assume := func(id, secret, token string, change func(*sts.AssumeRoleInput)) error {
		in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s1"), ExternalId: aws.String("x:1")}
		if change != nil {
			change(in)
		}
		_, err := a.sts(id, secret, token).AssumeRole(a.ctx, in)
		return err
	}
	withCode := func(off time.Duration) func(*sts.AssumeRoleInput) {
		return func(in *sts.AssumeRoleInput) { in.SerialNumber, in.TokenCode = &d.serial, aws.String(d.code(off)) }
	}
	a.wantCode(assume(id, secret, "", nil), "AccessDenied")
	a.wantCode(assume(id, secret, "", withCode(0)), "")
	a.wantCode(assume(id, secret, "", withCode(0)), "AccessDenied")
	a.clock.advance(2 * step)
	a.wantCode(assume(id, secret, "", func(in *sts.AssumeRoleInput) {
		withCode(0)(in)
		in.ExternalId = nil
	}), "AccessDenied")
	a.wantCode(assume(id, secret, "", withCode(0)), "AccessDenied") // it is taken all the same
	a.wantCode(assume(id, secret, "", func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("x") }),
		"ValidationError")
	a.clock.advance(2 * step)
	k := must(d.session(id, secret, d.code(0)))(a).Credentials
	a.wantCode(assume(*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken, nil), "")
}

// What sessions of GetSessionToken are not for.
func TestSessionTokenLimits(t *testing.T) {
	a := newAccount(t)
	id, secret := a.user("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	d := a.enabled("ann")
	plain := must(a.sts(id, secret, "").GetSessionToken(a.ctx, nil))(a).Credentials
	with := must(d.session(id, secret, d.code(0)))(a).Credentials
	for _, c := range []struct {
		name    string
		k       iam.Key
		token   string
		wantIAM string
	}{
		{"without MFA", iam.Key{ID: *plain.AccessKeyId, Secret: *plain.SecretAccessKey}, *plain.SessionToken,
			"InvalidClientTokenId"},
		{"with MFA", iam.Key{ID: *with.AccessKeyId, Secret: *with.SecretAccessKey}, *with.SessionToken, ""},
	} {
		t.Log(c.name)
		_, err := a.as(c.k.ID, c.k.Secret, c.token).ListRoles(a.ctx, nil)
		a.wantCode(err, c.wantIAM)
		api := a.sts(c.k.ID, c.k.Secret, c.token)
		_, err = api.GetCallerIdentity(a.ctx, nil)
		a.wantCode(err, "")
		_, err = api.GetSessionToken(a.ctx, nil)
		a.wantCode(err, "AccessDenied")
		_, err = api.DecodeAuthorizationMessage(a.ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("x")})
		a.wantCode(err, "AccessDenied")
	}
	// The root's last an hour at most.
	out := must(a.sts(root.ID, root.Secret, "").GetSessionToken(a.ctx, nil))(a).Credentials
	if left := out.Expiration.Sub(a.clock.now()); left > time.Hour {
		t.Errorf("the root's session lasts %v", left)
	}
	_, err := a.sts(root.ID, root.Secret, "").GetSessionToken(a.ctx, &sts.GetSessionTokenInput{
		DurationSeconds: aws.Int32(3601)})
	a.wantCode(err, "ValidationError")
}
