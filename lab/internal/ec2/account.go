// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"slices"
	"strings"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/vpc"
)

// The calls that show the account's settings (package account). The lab's commands change them, not
// AWS's Modify calls.

func (t *tx) settings() account.Settings { return t.cfg.Settings.Settings() }

// managedBy says who set a setting: the account itself or its organization (EC2 API Reference,
// GetAllowedImagesSettings).
const managedBy = "account"

// awsKey is the key that AWS manages, which encrypts volumes unless the account has another (EBS
// User Guide, encryption-by-default).
const awsKey = "alias/aws/ebs"

// ownKey is the ID of the account's own key.
const ownKey = "1234abcd-12ab-34cd-56ef-1234567890ab"

type getEncryptionOutput struct {
	response
	On   bool   `xml:"ebsEncryptionByDefault"`
	Type string `xml:"sseType"`
}

func getEbsEncryptionByDefault(t *tx, _ dryRunOnly) (*getEncryptionOutput, error) {
	out := &getEncryptionOutput{On: t.settings().Encryption != "", Type: "none"}
	if out.On {
		out.Type = "sse-kms"
	}
	return out, nil
}

// dryRunOnly is the input of calls without parameters of their own.
type dryRunOnly struct{ dryRun }

type getKeyOutput struct {
	response
	Key string `xml:"kmsKeyId"`
}

func getEbsDefaultKmsKeyID(t *tx, _ dryRunOnly) (*getKeyOutput, error) {
	return &getKeyOutput{Key: t.encryptionKey()}, nil
}

// encryptionKey is the key of volumes that name none.
func (t *tx) encryptionKey() string {
	switch t.settings().Encryption {
	case account.EncryptOwn, account.EncryptForbidden, account.EncryptDisabled:
		return t.cfg.arnOf("kms", "key/"+ownKey)
	}
	return awsKey
}

type imageCriterionXML struct {
	Providers set[string] `xml:"imageProviderSet"`
}

type getAllowedImagesOutput struct {
	response
	State     string                 `xml:"state"`
	Criteria  set[imageCriterionXML] `xml:"imageCriterionSet"`
	ManagedBy string                 `xml:"managedBy"`
}

func getAllowedImagesSettings(t *tx, _ dryRunOnly) (*getAllowedImagesOutput, error) {
	out := &getAllowedImagesOutput{State: "disabled", ManagedBy: managedBy}
	if providers := t.settings().ImageProviders; len(providers) > 0 {
		out.State = "enabled"
		out.Criteria.Items = []imageCriterionXML{{set[string]{Items: providers}}}
	}
	return out, nil
}

// imageAllowed reports whether the account may see and launch an image. Its own are always allowed
// (EC2 API Reference, EnableAllowedImagesSettings).
func (t *tx) imageAllowed(i *imageRecord) bool {
	providers := t.settings().ImageProviders
	return len(providers) == 0 || i.Owner == t.cfg.Account || slices.Contains(providers, i.Owner)
}

type blockPublicAccessXML struct {
	Account    string `xml:"awsAccountId"`
	Region     string `xml:"awsRegion"`
	State      string `xml:"state"`
	Mode       string `xml:"internetGatewayBlockMode"`
	ManagedBy  string `xml:"managedBy"`
	Exclusions string `xml:"exclusionsAllowed"`
}

type describeBlockOutput struct {
	response
	Options blockPublicAccessXML `xml:"vpcBlockPublicAccessOptions"`
}

func describeVpcBlockPublicAccessOptions(t *tx, _ dryRunOnly) (*describeBlockOutput, error) {
	out := &describeBlockOutput{Options: blockPublicAccessXML{Account: t.cfg.Account, Region: t.cfg.Region,
		State: "default-state", Mode: "off", ManagedBy: managedBy, Exclusions: "allowed"}}
	if mode := t.settings().BlockPublicAccess; mode != "" {
		out.Options.State, out.Options.Mode = "update-complete", mode
	}
	return out, nil
}

// blockMode is the mode as it is shown on a VPC and its subnets.
func (t *tx) blockMode(vpcID string) string {
	if s := t.settings(); s.BlockPublicAccess != "" && !slices.Contains(s.Excluded, vpcID) {
		return s.BlockPublicAccess
	}
	return "off"
}

// publicAccess is the effect on a VPC.
func (t *tx) publicAccess(vpcID string) vpc.PublicAccess {
	s := t.settings()
	switch {
	case slices.Contains(s.Excluded, vpcID):
	case s.BlockPublicAccess == account.BlockIngress:
		return vpc.PublicAccessNAT
	case s.BlockPublicAccess == account.BlockBidirectional:
		return vpc.PublicAccessNone
	}
	return vpc.PublicAccessAll
}

type exclusionXML struct {
	ID    string `xml:"exclusionId"`
	Mode  string `xml:"internetGatewayExclusionMode" filter:"internet-gateway-exclusion-mode"`
	ARN   string `xml:"resourceArn" filter:"resource-arn"`
	State string `xml:"state" filter:"state"`
}

type describeExclusionsInput struct {
	query
	ExclusionId []string
}

type describeExclusionsOutput struct {
	response
	Exclusions set[exclusionXML] `xml:"vpcBlockPublicAccessExclusionSet"`
	NextToken  string            `xml:"nextToken,omitempty"`
}

var kindExclusion = kind{name: "exclusion", prefix: "vpcbpa-exclude",
	malformed: "InvalidVpcBlockPublicAccessExclusionId.Malformed",
	notFound:  "InvalidVpcBlockPublicAccessExclusionId.NotFound"}

func describeVpcBlockPublicAccessExclusions(t *tx, in describeExclusionsInput) (*describeExclusionsOutput, error) {
	var all []item[exclusionXML]
	for _, excluded := range t.settings().Excluded {
		id := "vpcbpa-exclude-" + strings.TrimPrefix(excluded, "vpc-")
		all = append(all, item[exclusionXML]{id,
			exclusionXML{id, "allow-bidirectional", t.cfg.arn("vpc", excluded), "create-complete"}})
	}
	page, next, err := choose(kindExclusion, all, in.ExclusionId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeExclusionsOutput{Exclusions: page, NextToken: next}, nil
}

type metadataDefaultsXML struct {
	Tokens    string `xml:"httpTokens,omitempty"`
	Enforced  string `xml:"httpTokensEnforced,omitempty"`
	ManagedBy string `xml:"managedBy"`
}

type getMetadataDefaultsOutput struct {
	response
	Account metadataDefaultsXML `xml:"accountLevel"`
}

func getInstanceMetadataDefaults(t *tx, _ dryRunOnly) (*getMetadataDefaultsOutput, error) {
	out := &getMetadataDefaultsOutput{Account: metadataDefaultsXML{ManagedBy: managedBy}}
	if t.settings().EnforceIMDSv2 {
		out.Account.Tokens, out.Account.Enforced = "required", "enabled"
	}
	return out, nil
}
