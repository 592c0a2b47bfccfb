// SPDX-License-Identifier: Apache-2.0

// Package kms is the part of the lab's Key Management Service that tells whether a key may be used:
// DescribeKey, and CreateGrant and GenerateDataKeyWithoutPlaintext in dry run, for the account's own
// key. Nothing is encrypted, no grant is kept, and every other call is missing.
package kms

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/awsquery"
)

// Target is the prefix of X-Amz-Target in calls to KMS (botocore, kms 2014-11-01).
const Target = "TrentService."

// Key is a customer managed key.
type Key struct {
	ARN, Account string
	// Setting is the account's setting of EBS encryption, which says what the key is like.
	Setting string
}

type metadata struct {
	AWSAccountId, KeyId, Arn                        string
	KeyState, KeyManager, KeyUsage, KeySpec, Origin string
	Enabled                                         bool
}

// Answer answers a call of a caller whose own policies permit it.
func Answer(key Key, action string, body []byte) (any, *awsquery.Error) {
	var in struct {
		KeyId  string
		DryRun bool
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fail("SerializationException", "Unable to parse the request")
	}
	_, id, _ := strings.Cut(key.ARN, ":key/")
	here := key.Setting != "" && key.Setting != account.EncryptAWS && (in.KeyId == key.ARN || in.KeyId == id)
	// The key's policy delegates to IAM's, as that of a new key does, but not that of a forbidden one (KMS
	// Developer Guide, key-policy-default).
	switch {
	case action != "DescribeKey" && action != "CreateGrant" && action != "GenerateDataKeyWithoutPlaintext":
		return nil, fail("UnknownOperationException", "")
	case !here:
		return nil, missing(key, in.KeyId)
	case key.Setting == account.EncryptForbidden:
		return nil, fail("AccessDeniedException", "The caller is not authorized to perform: kms:%s on resource: %s because "+
			"no resource-based policy allows the kms:%s action", action, key.ARN, action)
	case action == "DescribeKey":
		m := metadata{AWSAccountId: key.Account, KeyId: id, Arn: key.ARN, KeyState: "Enabled", KeyManager: "CUSTOMER",
			KeyUsage: "ENCRYPT_DECRYPT", KeySpec: "SYMMETRIC_DEFAULT", Origin: "AWS_KMS", Enabled: true}
		if key.Setting == account.EncryptDisabled {
			m.KeyState, m.Enabled = "Disabled", false
		}
		return map[string]metadata{"KeyMetadata": m}, nil
	case key.Setting == account.EncryptDisabled:
		return nil, fail("DisabledException", "%s is disabled.", key.ARN)
	case !in.DryRun:
		return nil, fail("UnsupportedOperationException", "The lab has %s in dry run only.", action)
	}
	// KMS Developer Guide, testing-permissions.
	return nil, fail("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// missing refuses a key that does not exist. Users' logs have the texts, with the ARN of the key or alias.
func missing(key Key, id string) *awsquery.Error {
	here, _, _ := strings.Cut(key.ARN, ":key/")
	switch {
	case strings.HasPrefix(id, "alias/"):
		return fail("NotFoundException", "Alias %s:%s is not found.", here, id)
	case uuid.MatchString(id):
		return fail("NotFoundException", "Key '%s:key/%s' does not exist", here, id)
	case strings.HasPrefix(id, "arn:") && strings.Contains(id, ":alias/"):
		return fail("NotFoundException", "Alias %s is not found.", id)
	case strings.HasPrefix(id, "arn:"):
		return fail("NotFoundException", "Key '%s' does not exist", id)
	}
	return fail("NotFoundException", "Invalid keyId %s", id)
}

func fail(code, format string, args ...any) *awsquery.Error {
	return awsquery.Errorf(http.StatusBadRequest, code, format, args...)
}
