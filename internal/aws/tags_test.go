// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestTags(t *testing.T) {
	tags := Tags("blue", ProviderPart("gw-1", 2))
	for key, want := range map[string]string{
		"Name": "blue-eni-gw-1-provider-2", TagCloud: "blue", TagPart: "eni/gw-1/provider-2", "other": "",
	} {
		if got := Tag(tags, key); got != want {
			t.Errorf("tag %s is %q, want %q", key, got, want)
		}
	}
	if got := Part([]types.Tag{{Key: aws.String(TagPart)}}); got != "" {
		t.Errorf("a tag without a value is %q", got)
	}
}

// A node's name may begin with another's.
func TestIsProviderPart(t *testing.T) {
	for part, want := range map[string]bool{
		ProviderPart("gw-1", 1): true, ProviderPart("gw-1", 12): true, "eni/gw-1/management": false,
		ProviderPart("gw-11", 1): false, ProviderPart("gw", 1): false, "": false,
	} {
		if got := IsProviderPart("gw-1", part); got != want {
			t.Errorf("%q: %t", part, got)
		}
	}
}
