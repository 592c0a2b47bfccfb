// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"macaw.example/internal/privatefile"
	"macaw.example/internal/smallfile"
)

// assumedFor is the lifetime of a role's session if the profile does not set duration_seconds.
const assumedFor = time.Hour

// code asks for the code of an MFA device.
func (o Options) code(serial string) (string, error) {
	if o.Ask == nil {
		return "", &Error{
			Err: errors.New("no terminal"), Reason: Missing,
			text: "the profile's role needs a code of MFA device " + serial + ", and there is no terminal to ask on",
			hint: "run aws sts get-caller-identity with the same profile on a terminal first: its session is used, from " +
				"~/.aws/cli/cache; or set temporary credentials (aws sts get-session-token --serial-number " + serial +
				" --token-code CODE) in the environment, AWS_SESSION_TOKEN included; or a credential_process",
		}
	}
	// The SDK gives no context; an interruption ends the process.
	code, err := o.Ask(context.Background(), "Code of MFA device "+serial+": ")
	if err != nil {
		return "", err
	}
	if code = strings.TrimSpace(code); !validCode.MatchString(code) {
		return "", &Error{
			Err: errors.New("no code"), Reason: Missing,
			text: "the answer is no code of MFA device " + serial,
			hint: "a code has six digits: run the same command again",
		}
	}
	return code, nil
}

var validCode = regexp.MustCompile(`^[0-9]{6}$`)

// shared are the credentials of a role with MFA. A code works only once, so that a session is kept
// for other commands, in the AWS CLI's cache and form (awscli/customizations/assumerole.py and
// AssumeRoleCredentialFetcher in botocore/credentials.py): the CLI uses sessions of Macaw, and Macaw
// those of the CLI.
type shared struct {
	inner aws.CredentialsProvider
	path  string // empty for no cache
	alone bool   // nobody can be asked
}

// cached is a file of the cache.
type cached struct {
	Credentials struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      time.Time
	}
}

// spare is how much of a cached session must be left (botocore, DEFAULT_EXPIRY_WINDOW_SECONDS).
const spare = 15 * time.Minute

// Retrieve implements aws.CredentialsProvider.
func (s *shared) Retrieve(ctx context.Context) (aws.Credentials, error) {
	left := spare
	if s.alone {
		left = time.Minute
	}
	if c, ok := s.read(); ok && time.Until(c.Expires) > left {
		return c, nil
	}
	c, err := s.inner.Retrieve(ctx)
	if err != nil {
		return c, err
	}
	s.write(c)
	return c, nil
}

func (s *shared) read() (aws.Credentials, bool) {
	if s.path == "" {
		return aws.Credentials{}, false
	}
	b, err := smallfile.Read(s.path)
	if err != nil {
		return aws.Credentials{}, false
	}
	var c cached
	if json.Unmarshal(b, &c) != nil || c.Credentials.AccessKeyID == "" {
		return aws.Credentials{}, false
	}
	return aws.Credentials{
		AccessKeyID: c.Credentials.AccessKeyID, SecretAccessKey: c.Credentials.SecretAccessKey,
		SessionToken: c.Credentials.SessionToken, CanExpire: true, Expires: c.Credentials.Expiration,
		Source: "AWS CLI's cache",
	}, true
}

// write keeps a session. Without it the next command asks again, so errors are no obstacle.
func (s *shared) write(c aws.Credentials) {
	if s.path == "" {
		return
	}
	var file cached
	file.Credentials.AccessKeyID, file.Credentials.SecretAccessKey = c.AccessKeyID, c.SecretAccessKey
	file.Credentials.SessionToken, file.Credentials.Expiration = c.SessionToken, c.Expires.UTC().Truncate(time.Second)
	b, err := json.Marshal(file)
	if err == nil {
		_ = privatefile.Replace(s.path, b)
	}
}

// cachePath is the file in which the AWS CLI keeps the session of the profile's role; empty if the
// home directory is unknown.
func (o origin) cachePath() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	// Python's json.dumps of the call's parameters, with sorted keys.
	var args []string
	add := func(key string, value any) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(value) // text and numbers
		args = append(args, fmt.Sprintf("%q: %s", key, bytes.TrimSpace(b.Bytes())))
	}
	if d := o.config.RoleDurationSeconds; d != nil {
		add("DurationSeconds", int(d.Seconds()))
	}
	if o.config.ExternalID != "" {
		add("ExternalId", o.config.ExternalID)
	}
	add("RoleArn", o.config.RoleARN)
	if o.config.RoleSessionName != "" {
		add("RoleSessionName", o.config.RoleSessionName)
	}
	if o.config.MFASerial != "" {
		add("SerialNumber", o.config.MFASerial)
	}
	sum := sha1.Sum([]byte("{" + strings.Join(args, ", ") + "}"))
	return filepath.Join(home, ".aws", "cli", "cache", hex.EncodeToString(sum[:])+".json")
}
