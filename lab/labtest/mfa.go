// SPDX-License-Identifier: Apache-2.0

package labtest

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/pquerna/otp/totp"
)

// MFADevice is a virtual MFA device that is enabled for a user, as an app on the user's phone.
type MFADevice struct {
	Serial string // its ARN

	seed string
	now  func() time.Time
	last int64 // step of the last code that was used
}

// step is the time for which a code is shown.
const step = 30 * time.Second

// NewMFADevice makes an MFA device of the same name for a user, with the right of the account's owner.
func (a *API) NewMFADevice(ctx context.Context, user string) (*MFADevice, error) {
	api := iam.NewFromConfig(a.Config())
	out, err := api.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &user})
	if err != nil {
		return nil, fmt.Errorf("making an MFA device for %s: %w", user, err)
	}
	d := &MFADevice{Serial: *out.VirtualMFADevice.SerialNumber, seed: string(out.VirtualMFADevice.Base32StringSeed),
		now: a.now}
	// Two that are over, so that the present one is unused.
	d.last = d.at() - 1
	first, err := d.of(d.last - 1)
	if err != nil {
		return nil, err
	}
	second, err := d.of(d.last)
	if err != nil {
		return nil, err
	}
	if _, err := api.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: &d.Serial,
		AuthenticationCode1: &first, AuthenticationCode2: &second}); err != nil {
		return nil, fmt.Errorf("enabling the MFA device of %s: %w", user, err)
	}
	return d, nil
}

func (d *MFADevice) at() int64 { return d.now().Unix() / int64(step.Seconds()) }

// of is the code of a step.
func (d *MFADevice) of(at int64) (string, error) {
	code, err := totp.GenerateCode(d.seed, time.Unix(at*int64(step.Seconds()), 0))
	if err != nil {
		return "", fmt.Errorf("making a code of MFA device %s: %w", d.Serial, err)
	}
	return code, nil
}

// Code returns a code that AWS accepts now, and that no earlier call returned. There are two: for more, let
// 30 seconds go by.
func (d *MFADevice) Code() (string, error) {
	next := max(d.last+1, d.at())
	if next > d.at()+1 {
		return "", fmt.Errorf("there is no unused code of MFA device %s before %v", d.Serial,
			time.Unix((next-1)*int64(step.Seconds()), 0))
	}
	d.last = next
	return d.of(next)
}
