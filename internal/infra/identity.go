// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Identity is whose account a command uses, and where.
type Identity struct {
	// Account is its ID and ARN the caller's; both are empty in the lab, and if AWS does not tell.
	Account string `json:"account,omitempty"`
	ARN     string `json:"arn,omitempty"`
	Region  string `json:"region"`
	// Endpoint is a URL that replaces AWS's, by the environment or AWS's configuration.
	Endpoint string `json:"endpoint,omitempty"`
	Lab      bool   `json:"lab,omitempty"` // target: lab
}

// String is the identity for display: "account 123456789012, eu-central-1, as arn:...".
func (i Identity) String() string {
	if i.Lab {
		return "the lab"
	}
	text := "an account that AWS does not tell, " + i.Region
	if i.Account != "" {
		text = fmt.Sprintf("account %s, %s, as %s", i.Account, i.Region, i.ARN)
	}
	if i.Endpoint != "" {
		text += ", at the endpoint " + i.Endpoint
		if !i.AtAWS() {
			text += " instead of AWS's"
		}
	}
	return text
}

// AtAWS reports whether the account is of AWS, and of no emulator: a VPC or FIPS endpoint is AWS's too (AWS General
// Reference, rande).
func (i Identity) AtAWS() bool {
	if i.Lab || i.Endpoint == "" {
		return !i.Lab
	}
	u, err := url.Parse(i.Endpoint)
	if err != nil {
		return false
	}
	return slices.ContainsFunc([]string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"},
		func(domain string) bool { return strings.HasSuffix(u.Hostname(), domain) })
}
