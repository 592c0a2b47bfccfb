// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// kind is how credentials are obtained.
type kind int

const (
	fromEnvironment kind = iota + 1
	fromKeys             // in a profile
	fromSSO
	fromLogin
	fromProcess
	fromElsewhere // a web identity, or the machine's own role
)

// origin is where the credentials of a configuration come from.
type origin struct {
	kind kind
	// profile is the one in use, source the one that it takes its credentials from: another one only
	// for a role with source_profile. Both are empty for the environment.
	profile, source string
	temporary       bool   // they have a session token
	role            string // ARN; empty if none is assumed
	// mfa is the serial number of the device that the role needs, or a role by which it is assumed;
	// mfaProfile is the profile that says so.
	mfa, mfaProfile string
	config          *config.SharedConfig
}

// originOf follows the SDK's order (config.resolveCredentialChain). named is whether the profile was
// chosen by the program: the SDK then ignores the environment's keys.
func originOf(cfg aws.Config, named bool) origin {
	var env config.EnvConfig
	var p config.SharedConfig
	for _, source := range cfg.ConfigSources {
		switch c := source.(type) {
		case config.EnvConfig:
			env = c
		case config.SharedConfig:
			p = c
		}
	}
	if !named && env.Credentials.HasKeys() {
		return origin{kind: fromEnvironment, temporary: env.Credentials.SessionToken != ""}
	}
	if !named && env.WebIdentityTokenFilePath != "" {
		return origin{kind: fromElsewhere}
	}
	from := origin{profile: cmp.Or(p.Profile, "default"), role: p.RoleARN, config: &p}
	source := &p
	for {
		if from.mfa == "" && source.MFASerial != "" {
			from.mfa, from.mfaProfile = source.MFASerial, source.Profile
		}
		if source.Source == nil {
			break
		}
		source = source.Source
	}
	from.source = cmp.Or(source.Profile, from.profile)
	switch {
	case source.Credentials.HasKeys():
		from.kind, from.temporary = fromKeys, source.Credentials.SessionToken != ""
	case source.CredentialSource == "Environment":
		from.kind, from.temporary = fromEnvironment, env.Credentials.SessionToken != ""
	case source.CredentialSource != "", source.WebIdentityTokenFile != "":
		from.kind = fromElsewhere
	case source.SSOSession != nil, source.SSOStartURL != "":
		from.kind = fromSSO
	case source.LoginSession != "":
		from.kind = fromLogin
	case source.CredentialProcess != "":
		from.kind = fromProcess
	default:
		from.kind = fromElsewhere
	}
	return from
}

// String names the credentials in a sentence.
func (o origin) String() string {
	switch {
	case o.profile == "" && o.kind == fromEnvironment:
		return "the AWS credentials of the environment"
	case o.profile == "":
		return "the AWS credentials"
	}
	return "the AWS credentials of profile " + word(o.profile)
}

// renewal says how to get new credentials.
func (o origin) renewal() string {
	switch o.kind {
	case fromEnvironment:
		return "set new ones in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or unset these and " +
			"choose a profile with AWS_PROFILE"
	case fromSSO:
		return "aws sso login --profile " + word(o.source)
	case fromLogin:
		return "aws login --profile " + word(o.source)
	case fromProcess:
		return fmt.Sprintf("the command in credential_process of profile %s gives them: run it by hand, or log in where it "+
			"asks for them", word(o.source))
	case fromKeys:
		if o.temporary {
			return fmt.Sprintf("put new ones into profile %s, with the tool that put these there", word(o.source))
		}
		return "aws configure --profile " + word(o.source)
	}
	return "aws configure, aws configure sso or aws login; AWS_PROFILE or --profile chooses a profile"
}

var plain = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// word is a name as one word of a command, in any shell.
func word(name string) string {
	if plain.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}
