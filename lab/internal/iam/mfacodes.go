// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"crypto/rand"
	"encoding/base32"
	"net/http"
	"regexp"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	// step is the lifetime of a code (RFC 6238, section 5.2; IAM User Guide, id_credentials_mfa).
	step = 30
	// tolerated is by how many steps a code may be older or newer than the device's clock says (RFC 6238,
	// section 5.2, recommends one for the network's delay; AWS's documentation is silent).
	tolerated = 1
	// synchronized is by how many steps codes may be older or newer than now when a device is enabled or
	// synchronized again. That there is such a time is documented (IAM API Reference, EnableMFADevice), its
	// length is not: users report five minutes.
	synchronized = 10
	// seedBytes are those of a seed, whose text has 64 letters (examples of the AWS CLI).
	seedBytes = 40
)

func newSeed() string {
	seed := make([]byte, seedBytes)
	rand.Read(seed) // never fails, by its documentation
	return base32.StdEncoding.EncodeToString(seed)
}

func stepAt(t time.Time) int64 { return t.Unix() / step }

// is reports whether a code is that of a step.
func (d *deviceRecord) is(code string, at int64) bool {
	ok, err := hotp.ValidateCustom(code, uint64(max(at, 0)), d.Seed, //nolint:gosec // not negative
		hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	return ok && err == nil
}

// synchronize takes two consecutive codes, and from them the difference of clocks.
func (d *deviceRecord) synchronize(now time.Time, first, second string) bool {
	for at := stepAt(now) - synchronized; at <= stepAt(now)+synchronized; at++ {
		if at > d.Last && d.is(first, at-1) && d.is(second, at) {
			d.Drift, d.Last = at-stepAt(now), at
			if d.Drift >= -tolerated && d.Drift <= tolerated {
				d.Drift = 0
			}
			return true
		}
	}
	return false
}

// take reports whether a code is valid now. Each is only once (RFC 6238, section 5.2), and with it those
// before it. The difference of clocks is followed (section 6).
func (d *deviceRecord) take(now time.Time, code string) bool {
	for off := int64(-tolerated); off <= tolerated; off++ {
		if at := stepAt(now) + d.Drift + off; at > d.Last && d.is(code, at) {
			d.Drift, d.Last = d.Drift+off, at
			return true
		}
	}
	return false
}

var (
	validSerial = regexp.MustCompile(`^[\w+=/:,.@-]{9,256}$`)
	validCode   = regexp.MustCompile(`^[0-9]{6}$`)
)

// serial reads the serial number of a device.
func (p *params) serial() string { return p.checkSerial(p.need("SerialNumber")) }

func (p *params) checkSerial(v string) string {
	if v != "" && !validSerial.MatchString(v) {
		p.wrong(invalid("1 validation error detected: Value '%s' at 'serialNumber' failed to satisfy constraint: Member "+
			"must satisfy regular expression pattern: [\\w+=/:,.@-]*, and have length between 9 and 256", v))
	}
	return v
}

// code reads a code.
func (p *params) code(name string) string { return p.checkCode(name, p.need(name)) }

func (p *params) checkCode(name, v string) string {
	if v != "" && !validCode.MatchString(v) {
		p.wrong(invalid("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length "+
			"6 and satisfy regular expression pattern: [\\d]*", lowerFirst(name)))
	}
	return v
}

// mfa is the serial number and the code of a request to STS, both optional.
type mfa struct{ serial, code string }

func (p *params) mfa() mfa {
	return mfa{p.checkSerial(p.text("SerialNumber")), p.checkCode("TokenCode", p.text("TokenCode"))}
}

// authenticate takes the code of a request, for the rest of the call. The texts are reported by users;
// that for one without the other is the lab's. A device that is another user's, or none, is not told from a
// device that there is not.
func (t *tx) authenticate(m mfa) error {
	refuse := func(why string) error {
		return fail(http.StatusForbidden, "AccessDenied", "MultiFactorAuthentication failed%s", why)
	}
	d := t.Devices[m.serial]
	switch {
	case m == mfa{}:
		return nil
	case m.serial == "" || m.code == "":
		return refuse(", must provide both MFA serial number and one time pass code. ")
	case d == nil || t.who.user == "" || d.User != t.who.user:
		return refuse(", unable to validate MFA code.  Please verify your MFA serial number is valid and associated with " +
			"this user. ")
	case !d.take(t.now, m.code):
		return refuse(" with invalid MFA one time pass code. ")
	}
	t.who.mfa, t.used = t.now, true
	return nil
}
