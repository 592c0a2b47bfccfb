// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"

	awsapi "macaw.example/internal/aws"
)

// Reason is why a call had no valid credentials.
type Reason int

// The reasons.
const (
	Missing Reason = iota + 1 // there are none, or they cannot be retrieved
	Expired
	Invalid    // AWS does not know them, or the secret is another
	WrongClock // of this machine: signatures have a time
)

// Error is about credentials. Its text has no secret.
type Error struct {
	Err        error // the SDK's
	Reason     Reason
	text, hint string
}

func (e *Error) Error() string { return e.text }
func (e *Error) Unwrap() error { return e.Err }

// Hint says how to get valid credentials.
func (e *Error) Hint() string { return e.hint }

// missing is an error in retrieving credentials.
func (o origin) missing(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Err: err, Reason: Missing, hint: o.renewal()}
	if r := o.reason(err, middleware.Metadata{}); r != 0 {
		e.Reason = r // of those by which the role's are requested
	}
	if unreached := awsapi.Unreached(err); unreached != nil {
		e.text, e.hint = fmt.Sprintf("retrieving %v: %v", o, unreached), unreached.Hint()
		return e
	}
	e.text = fmt.Sprintf("retrieving %v: %v", o, text(readable(err)))
	switch {
	case o.kind == fromElsewhere && o.role == "" && awsapi.Code(err) == "":
		e.text = "there are no AWS credentials: none in the environment, none in the profile, and this machine has no role"
		if half := halfOfKeys(); half != "" {
			e.text, e.hint = "the AWS credentials of the environment are incomplete: "+half, "set both, or unset both; a "+
				"session has AWS_SESSION_TOKEN as well"
			return e
		}
		if o.profile != "" {
			e.text = strings.Replace(e.text, "the profile", "profile "+word(o.profile), 1)
		}
		e.hint += "; or target: lab in the file, for a cloud without AWS"
	case o.kind == fromSSO && ended(err):
		e.text = "there is no valid SSO session for profile " + word(o.source)
	case o.kind == fromSSO && awsapi.Code(err) == "ForbiddenException": // SSO Portal API, GetRoleCredentials
		e.hint = "the account or the permission set in the profile is not assigned to you: aws configure sso --profile " +
			word(o.source)
	case o.mfa != "" && strings.Contains(err.Error(), "MultiFactorAuthentication"):
		e.hint = "a code works once and for half a minute: wait for the next one; mfa_serial of profile " +
			word(o.mfaProfile) + " must be your device's"
	case o.role != "" && strings.Contains(err.Error(), "DurationSeconds exceeds"):
		e.hint = fmt.Sprintf("duration_seconds of profile %s must not be longer than the role's MaxSessionDuration, nor "+
			"than 3600 if source_profile assumes a role itself", word(o.profile))
	case o.role != "" && strings.Contains(err.Error(), "by root accounts"):
		e.hint = "the account's root user cannot assume a role: profile " + word(o.source) + " needs the key of an IAM user"
	case o.role != "" && awsapi.Code(err) == "AccessDenied" && o.mfa == "":
		e.hint = fmt.Sprintf("the trust policy of %s must name you, and your own policies allow sts:AssumeRole; if it asks "+
			"for MFA, profile %s needs mfa_serial", o.role, word(o.profile))
	case o.role != "" && awsapi.Code(err) == "AccessDenied":
		e.hint = fmt.Sprintf("the trust policy of %s must name you, and your own policies allow sts:AssumeRole", o.role)
	}
	return e
}

// unprintable is an error of a key or a token with a character that none has, as of a file with the lines of Windows:
// Go's client would refuse the request for its header, and that looks like the network's fault. The text has only
// that character.
func (o origin) unprintable(c aws.Credentials) error {
	for _, part := range []struct{ variable, value string }{{"AWS_ACCESS_KEY_ID", c.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", c.SecretAccessKey}, {"AWS_SESSION_TOKEN", c.SessionToken}} {
		at := strings.IndexFunc(part.value, func(r rune) bool { return r <= ' ' || r > '~' })
		if at < 0 {
			continue
		}
		what := part.variable
		if o.kind != fromEnvironment {
			what = fmt.Sprintf("%s of %v", strings.ToLower(what), o)
		}
		r, _ := utf8.DecodeRuneInString(part.value[at:])
		return &Error{Err: errors.New("an unprintable character"), Reason: Invalid,
			text: fmt.Sprintf("%s has a character at its end or within that no key has: %q", what, r),
			hint: "write it again, without what a file with the line ends of Windows, or copying, has added"}
	}
	return nil
}

// ended reports whether an error is that of an SSO session that is over, or was never begun. The SDK
// has a type for it only with the older form of profiles.
func ended(err error) bool {
	switch awsapi.Code(err) {
	case "UnauthorizedException", "InvalidGrantException", "ExpiredTokenException", "InvalidClientException":
		return true // SSO Portal API, GetRoleCredentials; OIDC API, CreateToken
	}
	_, ok := errors.AsType[*ssocreds.InvalidTokenError](err)
	return ok || errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "cached SSO token is expired")
}

// text is the part of an SDK's error that tells something.
func text(err error) string {
	if awsapi.Code(err) != "" {
		return awsapi.Text(err)
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	for _, noise := range []string{"failed to refresh cached credentials, ", "process provider error: "} {
		line = strings.ReplaceAll(line, noise, "")
	}
	return line
}

// reason returns why a call's credentials were refused; 0 if the error is about something else. The
// codes are those of EC2 (EC2 API Reference, errors-overview), of the Query protocol (IAM API
// Reference, CommonErrors) and of the JSON protocol (Service Quotas API Reference, CommonErrors).
func (o origin) reason(err error, metadata middleware.Metadata) Reason {
	if awsapi.Code(err) == "" {
		return 0
	}
	text := awsapi.Text(err)
	switch awsapi.Code(err) {
	case "ExpiredToken", "ExpiredTokenException":
		return Expired
	case "RequestExpired":
		// EC2 says so of signatures that are too old, and of temporary credentials that have ended.
		if off, known := clockOff(metadata); known && off.Abs() > tolerated || !o.session() {
			return WrongClock
		}
		return Expired
	case "RequestTimeTooSkewed", "RequestInTheFuture":
		return WrongClock
	case "SignatureDoesNotMatch", "InvalidSignatureException":
		if strings.Contains(text, "Signature expired") || strings.Contains(text, "Signature not yet current") {
			return WrongClock
		}
		return Invalid
	case "AuthFailure":
		// The code is also that of images that another account does not share.
		if strings.Contains(text, "access credentials") {
			return Invalid
		}
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "IncompleteSignature",
		"IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException":
		return Invalid
	}
	return 0
}

// session reports whether the credentials may be temporary ones.
func (o origin) session() bool {
	return o.temporary || o.role != "" || o.kind == fromSSO || o.kind == fromLogin || o.kind == fromProcess ||
		o.kind == fromElsewhere
}

// tolerated is the largest difference of clocks that AWS accepts (IAM User Guide, "Elements of an
// AWS API request signature").
const tolerated = 15 * time.Minute

// clockOff is how far AWS's clock is ahead of this machine's.
func clockOff(metadata middleware.Metadata) (time.Duration, bool) {
	theirs, ok := awsmiddleware.GetServerTime(metadata)
	if !ok {
		return 0, false
	}
	ours, ok := awsmiddleware.GetResponseAt(metadata)
	return theirs.Sub(ours), ok
}

// refused is the error of a call of a service that AWS refused for a reason.
func (o origin) refused(
	service string, err error, why Reason, with aws.Credentials, metadata middleware.Metadata,
) error {
	e := &Error{Err: err, Reason: why}
	switch code := awsapi.Code(err); why {
	case Expired:
		e.text = fmt.Sprintf("%v have expired (%s)", o, code)
		e.hint = o.renewal() + "; then run the same command again: what has been made so far stays"
	case WrongClock:
		e.text = fmt.Sprintf("AWS refuses the time of this machine's requests (%s)", code)
		if off, known := clockOff(metadata); known && off.Abs() > time.Minute {
			direction := "behind"
			if off < 0 {
				direction = "ahead of"
			}
			e.text = fmt.Sprintf("this machine's clock is %s %s AWS's (%s)", off.Abs().Round(time.Minute), direction, code)
		}
		e.hint = "set the clock, and have it kept right: timedatectl set-ntp true, or the date settings of macOS and Windows"
	default:
		e.text = fmt.Sprintf("AWS does not accept %v (%s)", o, code)
		e.hint = o.correction(service, code, with)
	}
	return e
}

// correction says what may be wrong with credentials that AWS does not accept.
func (o origin) correction(service, code string, with aws.Credentials) string {
	temporary := strings.HasPrefix(with.AccessKeyID, "ASIA") // IAM User Guide, reference_identifiers
	switch {
	case strings.Contains(code, "Signature"):
		return "the secret key is not that of the access key: " + o.renewal()
	case temporary && with.SessionToken != "" && o.role == "" && service == iam.ServiceID:
		// STS API Reference, GetSessionToken.
		return "AWS lets no session of aws sts get-session-token call IAM that did not begin with a code of an MFA device: " +
			"begin one with --serial-number and --token-code, or use the permanent key; otherwise the session is not valid: " +
			o.renewal()
	case temporary && with.SessionToken == "":
		return "the access key is a temporary one, which needs its session token: AWS_SESSION_TOKEN, or aws_session_token " +
			"in the profile"
	case !temporary && with.SessionToken != "":
		return "the access key is a permanent one, and has no session token: unset AWS_SESSION_TOKEN, or remove " +
			"aws_session_token from the profile"
	}
	return "the access key may be deleted or inactive, or of another partition of AWS than the region: " + o.renewal()
}

// halfOfKeys names the variable that is missing if the environment has only one of the two; it is empty otherwise. The
// SDK then takes the environment for one without credentials.
func halfOfKeys() string {
	id, secret := "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
	switch hasID, hasSecret := os.Getenv(id) != "", os.Getenv(secret) != ""; {
	case hasID && !hasSecret:
		return id + " is set, and " + secret + " is not"
	case hasSecret && !hasID:
		return secret + " is set, and " + id + " is not"
	}
	return ""
}
