// SPDX-License-Identifier: Apache-2.0

package infra

import "testing"

func TestIdentity(t *testing.T) {
	for _, tt := range []struct {
		Identity
		text string
		aws  bool
	}{
		{Identity{Lab: true, Region: "us-east-1"}, "the lab", false},
		{Identity{Account: "1", ARN: "arn:x", Region: "eu-central-1"}, "account 1, eu-central-1, as arn:x", true},
		{Identity{Region: "eu-central-1"}, "an account that AWS does not tell, eu-central-1", true},
		{Identity{Account: "1", ARN: "arn:x", Region: "r", Endpoint: "http://127.0.0.1:8773"},
			"account 1, r, as arn:x, at the endpoint http://127.0.0.1:8773 instead of AWS's", false},
		{Identity{Account: "1", ARN: "arn:x", Region: "r", Endpoint: "https://ec2.eu-central-1.amazonaws.com"},
			"account 1, r, as arn:x, at the endpoint https://ec2.eu-central-1.amazonaws.com", true},
		{Identity{Account: "1", ARN: "arn:x", Region: "r", Endpoint: "https://amazonaws.com.example.net"},
			"account 1, r, as arn:x, at the endpoint https://amazonaws.com.example.net instead of AWS's", false},
	} {
		if tt.String() != tt.text || tt.AtAWS() != tt.aws {
			t.Errorf("%s, of AWS: %v; want %s, %v", tt, tt.AtAWS(), tt.text, tt.aws)
		}
	}
}
