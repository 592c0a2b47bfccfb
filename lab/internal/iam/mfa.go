// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/pquerna/otp"
)

// The quotas of MFA devices (IAM User Guide, reference_iam-quotas): those of the account are as many as
// its users.
const (
	maxDevices     = maxUsers
	maxUserDevices = 8
	maxDeviceName  = 226 // CloudFormation's maximum (AWS::IAM::VirtualMFADevice): the API Reference has none
)

// deviceRecord is a virtual MFA device. Its serial number is its ARN.
type deviceRecord struct {
	entity
	Seed    string    // Base32
	User    string    // name; empty if it is not enabled
	Enabled time.Time `json:",omitzero"`
	// Drift is how many steps the device's clock is ahead of the account's, Last the step of the last code
	// that was taken.
	Drift, Last int64
}

func (t *tx) serial(d *deviceRecord) string { return t.cfg.arn("mfa", d.Path, d.Name) }

// devicesOf returns the serial numbers of a user's devices.
func (t *tx) devicesOf(user string) []string {
	var serials []string
	for serial, d := range t.Devices {
		if d.User == user {
			serials = append(serials, serial)
		}
	}
	return serials
}

type virtualDeviceXML struct {
	SerialNumber     string
	Base32StringSeed string   `xml:",omitempty"`
	QRCodePNG        string   `xml:",omitempty"`
	User             *userXML `xml:",omitempty"`
	EnableDate       string   `xml:",omitempty"`
	Tags             *members[tagXML]
}

type virtualDeviceResult struct{ VirtualMFADevice virtualDeviceXML }

// createDevice is the only call that returns the seed, twice: as text, and in a QR code (IAM API
// Reference, VirtualMFADevice). Both are binary data, which the Query protocol encodes in Base64.
func createDevice(t *tx, p *params) (any, error) {
	d := &deviceRecord{entity: entity{Name: p.name("VirtualMFADeviceName", maxDeviceName), Path: p.path(), Tags: p.tags(),
		Created: t.now}}
	if err := p.done(); err != nil {
		return nil, err
	}
	switch {
	case t.Devices[t.serial(d)] != nil:
		return nil, exists("MFADevice entity at the same path and name already exists.")
	case len(t.Devices) >= maxDevices:
		return nil, quota("VirtualMFADevicesPerAccount", maxDevices)
	}
	d.Seed = newSeed()
	picture, err := qrCode(d, t.cfg.Account)
	if err != nil {
		return nil, err
	}
	t.Devices[t.serial(d)] = d
	return virtualDeviceResult{virtualDeviceXML{SerialNumber: t.serial(d),
		Base32StringSeed: base64.StdEncoding.EncodeToString([]byte(d.Seed)),
		QRCodePNG:        base64.StdEncoding.EncodeToString(picture), Tags: optional(tagsXML(d.Tags))}}, nil
}

// qrCode is the picture for apps of an account.
func qrCode(d *deviceRecord, account string) ([]byte, error) {
	key, err := otp.NewKeyFromURL(fmt.Sprintf("otpauth://totp/%s@%s?secret=%s", d.Name, account, d.Seed))
	if err != nil {
		return nil, fmt.Errorf("encoding the seed of MFA device %s: %w", d.Name, err)
	}
	const pixels = 200
	picture, err := key.Image(pixels, pixels)
	if err != nil {
		return nil, fmt.Errorf("drawing the QR code of MFA device %s: %w", d.Name, err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return nil, fmt.Errorf("drawing the QR code of MFA device %s: %w", d.Name, err)
	}
	return b.Bytes(), nil
}

// device finds a device of any user, or of none.
func (t *tx) device(serial string) (*deviceRecord, error) {
	if d := t.Devices[serial]; d != nil {
		return d, nil
	}
	return nil, missing("VirtualMFADevice with serial number %s doesn't exist.", serial)
}

// deviceOf finds the device of a request that a user has.
func (t *tx) deviceOf(user, serial string) (*deviceRecord, error) {
	if _, err := t.user(user); err != nil {
		return nil, err
	}
	d := t.Devices[serial]
	if d == nil || d.User != user {
		return nil, missing("MFA Device with serial number %s does not exist for user %s.", serial, user)
	}
	return d, nil
}

// enableDevice gives a device to a user. Its codes may be older or newer than now: then the device is out of
// sync, and later codes are refused until ResyncMFADevice (IAM API Reference, EnableMFADevice).
func enableDevice(t *tx, p *params) (any, error) {
	name, serial := p.need("UserName"), p.serial()
	first, second := p.code("AuthenticationCode1"), p.code("AuthenticationCode2")
	if err := p.done(); err != nil {
		return nil, err
	}
	if _, err := t.user(name); err != nil {
		return nil, err
	}
	d, err := t.device(serial)
	switch {
	case err != nil:
		return nil, err
	case d.User != "":
		return nil, exists("MFA Device is already in use.")
	case len(t.devicesOf(name)) >= maxUserDevices:
		return nil, quota("MFADevicesPerUser", maxUserDevices)
	case !d.synchronize(t.now, first, second):
		return nil, badCodes()
	}
	d.User, d.Enabled = name, t.now
	return nil, nil
}

func badCodes() *APIError {
	return fail(http.StatusForbidden, "InvalidAuthenticationCode", "Authentication code for device is not valid.")
}

func resyncDevice(t *tx, p *params) (any, error) {
	name, serial := p.need("UserName"), p.serial()
	first, second := p.code("AuthenticationCode1"), p.code("AuthenticationCode2")
	if err := p.done(); err != nil {
		return nil, err
	}
	d, err := t.deviceOf(name, serial)
	if err != nil {
		return nil, err
	}
	if !d.synchronize(t.now, first, second) {
		return nil, badCodes()
	}
	return nil, nil
}

func deactivateDevice(t *tx, p *params) (any, error) {
	serial := p.serial()
	u, err := t.self(p)
	if err != nil {
		return nil, err
	}
	d, err := t.deviceOf(u.Name, serial)
	if err != nil {
		return nil, err
	}
	d.User, d.Enabled, d.Drift, d.Last = "", time.Time{}, 0, 0
	return nil, nil
}

func deleteDevice(t *tx, p *params) (any, error) {
	serial := p.serial()
	if err := p.done(); err != nil {
		return nil, err
	}
	d, err := t.device(serial)
	if err != nil {
		return nil, err
	}
	if d.User != "" {
		return nil, conflict("MFA VirtualDevice in use. Must deactivate first.")
	}
	delete(t.Devices, serial)
	return nil, nil
}

type deviceXML struct{ UserName, SerialNumber, EnableDate string }

type devicesResult struct {
	MFADevices members[deviceXML]
	truncated
}

func listDevices(t *tx, p *params) (any, error) {
	pg := p.page()
	u, err := t.self(p)
	if err != nil {
		return nil, err
	}
	serials, more := pg.cut(t.devicesOf(u.Name))
	return devicesResult{membersOf(serials, func(serial string) deviceXML {
		return deviceXML{u.Name, serial, timestamp(t.Devices[serial].Enabled)}
	}), more}, nil
}

type virtualDevicesResult struct {
	VirtualMFADevices members[virtualDeviceXML]
	truncated
}

// listVirtualDevices lists all of the account's. It shows neither seeds nor tags (IAM API Reference,
// ListVirtualMFADevices).
func listVirtualDevices(t *tx, p *params) (any, error) {
	which, pg := p.text("AssignmentStatus"), p.page()
	if statuses := []string{"", "Any", "Assigned", "Unassigned"}; !slices.Contains(statuses, which) {
		p.wrong(invalid("1 validation error detected: Value '%s' at 'assignmentStatus' failed to satisfy constraint: Member "+
			"must satisfy enum value set: [Any, Unassigned, Assigned]", which))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	serials := slices.DeleteFunc(slices.Collect(maps.Keys(t.Devices)), func(serial string) bool {
		assigned := t.Devices[serial].User != ""
		return which == "Assigned" && !assigned || which == "Unassigned" && assigned
	})
	serials, more := pg.cut(serials)
	return virtualDevicesResult{membersOf(serials, func(serial string) virtualDeviceXML {
		x := virtualDeviceXML{SerialNumber: serial}
		if u := t.Users[t.Devices[serial].User]; u != nil {
			user := t.userXML(u, false)
			x.User, x.EnableDate = &user, timestamp(t.Devices[serial].Enabled)
		}
		return x
	}), more}, nil
}
