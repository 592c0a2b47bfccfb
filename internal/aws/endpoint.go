// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"fmt"
	"net/url"

	"macaw.example/internal/hint"
)

// CheckEndpoint refuses an unusable endpoint in AWS's configuration; nil is the region's default.
func CheckEndpoint(endpoint *string) error {
	if endpoint == nil {
		return nil
	}
	u, err := url.Parse(*endpoint)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return nil
	}
	return hint.With(
		fmt.Errorf("the endpoint of AWS is set to %q, which is no URL such as "+
			"https://ec2.eu-central-1.amazonaws.com", *endpoint),
		"unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_EC2, and endpoint_url in AWS's configuration, "+
			"unless you meant another endpoint",
	)
}
