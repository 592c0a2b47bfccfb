// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// All services of the JSON protocol refuse a signature with that protocol's codes.
func TestJSONRefusals(t *testing.T) {
	l := newLab(t)
	replace := func(old, with string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
		}
	}
	for _, target := range []string{"AmazonSSM.GetParameter", "ServiceQuotasV20190624.GetServiceQuota",
		"AWSPriceListService.GetProducts", "TrentService.DescribeKey"} {
		for _, c := range []struct {
			name  string
			at    time.Time
			spoil func(*http.Request)
			code  string
			text  string
		}{
			{"another secret", time.Now(), replace("Signature=", "Signature=0"), "InvalidSignatureException",
				"The request signature we calculated does not match"},
			{"an unknown key", time.Now(), replace(accessKey, "AKIDNOBODY"), "UnrecognizedClientException",
				"The security token included in the request is invalid."},
			{"an old request", time.Now().Add(-16 * time.Minute), nil, "InvalidSignatureException", "Signature expired: "},
			{"another region", time.Now(), replace("us-east-1", "eu-north-1"), "InvalidSignatureException",
				"The request signature we calculated"},
			{"no signature", time.Now(), func(r *http.Request) { r.Header.Del("Authorization") },
				"MissingAuthenticationTokenException", ""},
			{"another algorithm", time.Now(), replace("AWS4-HMAC-SHA256", "AWS3"), "IncompleteSignatureException", ""},
		} {
			status, body := l.send("POST", "", "{}", c.at, func(r *http.Request) {
				r.Header.Set("X-Amz-Target", target)
				if c.spoil != nil {
					c.spoil(r)
				}
			})
			if want := fmt.Sprintf(`"__type":%q`, c.code); status != 400 || !strings.Contains(body, want) ||
				!strings.Contains(body, c.text) {
				t.Errorf("%s, %s: got %d %s, want 400 %s %s", target, c.name, status, body, want, c.text)
			}
		}
	}
}
