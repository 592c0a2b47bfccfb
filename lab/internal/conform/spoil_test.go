// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// spoilt are the checks of accounts, identities and rights, each with a change of the lab's answers that breaks
// its rule: of the answers to requests that contain call, text is replaced.
var spoilt = []struct {
	check, call string
	from, to    string
	status      int // another status, if not 0
}{
	{check: "account-encryption", call: "Action=GetEbsEncryptionByDefault", from: "<sseType>none", to: "<sseType>off"},
	{check: "account-encryption", call: "Action=GetEbsDefaultKmsKeyId", from: "alias/aws/ebs", to: "aws/ebs"},
	{check: "account-metadata-defaults", call: "Action=GetInstanceMetadataDefaults", from: "<managedBy>account",
		to: "<managedBy>moon"},
	{check: "account-images", call: "Action=GetAllowedImagesSettings", from: "<state>disabled", to: "<state>off"},
	{check: "account-public-access", call: "Action=DescribeVpcBlockPublicAccessOptions",
		from: "<internetGatewayBlockMode>off", to: "<internetGatewayBlockMode>block-ingress"},
	{check: "default-vpc", call: "Action=CreateSecurityGroup", from: "VPCIdNotSpecified", to: "MissingParameter"},
	{check: "quota", call: "GetServiceQuota", from: "NoSuchResourceException", to: "ResourceNotFoundException"},
	{check: "quota", call: "GetServiceQuota", from: "EC2-VPC Elastic IPs", to: "Elastic IPs"},
	{check: "key-unknown", call: "DescribeKey", from: "123456789012:key/", to: ""},
	{check: "key-unknown", call: "DescribeKey", status: 404},
	{check: "prices", call: "GetProducts", from: `\"unit\":\"Hrs\"`, to: `\"unit\":\"Quantity\"`},
	{check: "prices", call: "GetProducts", from: `"PriceList":[]`, to: `"PriceList":["{}"]`},
	{check: "iam-role", call: "Action=CreateRole", from: "EntityAlreadyExists", to: "InvalidInput"},
	{check: "iam-role", call: "Action=DeleteRole", from: "NoSuchEntity", to: "ValidationError"},
	{check: "iam-document", call: "Action=GetRolePolicy", from: "%7B", to: "{"},
	{check: "iam-document", call: "Action=GetRolePolicy", from: "DeleteVpc", to: "DeleteSubnet"},
	{check: "iam-simulate", call: "Action=SimulatePrincipalPolicy", from: "explicitDeny", to: "implicitDeny"},
	{check: "iam-simulate-mixed", call: "Action=SimulatePrincipalPolicy", from: "InvalidInput", to: "ValidationError"},
	{check: "unauthorized", call: "Action=DeleteSubnet", from: "UnauthorizedOperation", to: "AuthFailure"},
	{check: "unauthorized", call: "Action=DescribeVpcs", from: "UnauthorizedOperation", to: "UnauthorizedOperation",
		status: 400},
	{check: "unauthorized-message", call: "Action=DeleteSubnet", from: "Encoded authorization failure message: ",
		to: "Encoded: "},
	{check: "unauthorized-message", call: "Action=DecodeAuthorizationMessage", from: "ec2:DeleteSubnet",
		to: "ec2:DeleteVpc"},
	{check: "type-not-offered", call: "Action=RunInstances", from: "<Code>Unsupported<",
		to: "<Code>UnsupportedOperation<"},
	{check: "type-not-offered", call: "Action=RunInstances", from: "us-east-1", to: "moon"},
	{check: "tags-keys", call: "Action=CreateTags", from: "InvalidParameterValue", to: "MissingParameter"},
	{check: "tags-keys", call: "Action=CreateNetworkInterface", from: "InvalidParameterValue", to: "InvalidTag"},
}

// TestSpoiltAnswers shows that checks can fail: each fails when the lab's answers are changed against its rule.
func TestSpoiltAnswers(t *testing.T) {
	for i, s := range spoilt {
		t.Run(fmt.Sprintf("%s-%d", s.check, i), func(t *testing.T) {
			t.Parallel()
			changed := false
			cfg := startLabWith(t, func(api http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if err != nil {
						t.Error(err)
					}
					r.Body = io.NopCloser(bytes.NewReader(body))
					seen := httptest.NewRecorder()
					api.ServeHTTP(seen, r)
					answer := seen.Body.String()
					if strings.Contains(string(body)+r.Header.Get("X-Amz-Target"), s.call) && strings.Contains(answer, s.from) {
						changed = true
						answer = strings.ReplaceAll(answer, s.from, s.to)
						if s.status != 0 && seen.Code >= 400 {
							seen.Code = s.status
						}
					}
					w.Header().Set("Content-Type", seen.Header().Get("Content-Type"))
					w.WriteHeader(seen.Code)
					_, _ = io.WriteString(w, answer)
				})
			})
			cfg.Width = 1
			checks, _ := Select([]string{s.check})
			for n := range checks {
				checks[n].Needs = nil // which may be spoilt too
			}
			checks = slices.DeleteFunc(checks, func(c Check) bool { return c.ID != s.check })
			report, _ := Run(t.Context(), cfg, checks) // removal may be spoilt too
			r := report.Results[0]
			if !changed || r.Status != Failed {
				t.Errorf("%s after a change (%v): expected %q, saw %q; %s", r.Status, changed, r.Expected, r.Seen, r.Problem)
			}
		})
	}
}

// TestSpoiltIsWhole requires a spoilt answer for each check of accounts, identities and rights.
func TestSpoiltIsWhole(t *testing.T) {
	for _, c := range slices.Concat(accountChecks, serviceChecks, identityChecks, rightsChecks, offerChecks) {
		done := c.Confidence == Unknown
		for _, s := range spoilt {
			done = done || s.check == c.ID
		}
		if !done {
			t.Errorf("nothing shows that %s can fail", c.ID)
		}
	}
}

// TestDefaultVPCConforms runs the check of the default VPC in an account that has one.
func TestDefaultVPCConforms(t *testing.T) {
	cfg := startLab(t)
	api := cfg.EC2.(*ec2.Client)
	if _, err := api.CreateDefaultVpc(t.Context(), &ec2.CreateDefaultVpcInput{}); err != nil {
		t.Fatal(err)
	}
	checks, _ := Select([]string{"default-vpc"})
	verdict := func() Result {
		report, err := Run(t.Context(), cfg, checks)
		if err != nil {
			t.Fatal(err)
		}
		return report.Results[0]
	}
	if r := verdict(); r.Status != Passed || !strings.Contains(r.Observations[0], "3 default subnets, 3 of them") {
		t.Errorf("%s, observed %q: expected %s, saw %s; %s", r.Status, r.Observations, r.Expected, r.Seen, r.Problem)
	}
	cfg.EC2 = wrongDefault{cfg.EC2}
	if r := verdict(); r.Status != Failed {
		t.Errorf("a default VPC of another range: %s", r.Status)
	}
}

// wrongDefault is an EC2 whose VPCs have another range.
type wrongDefault struct{ EC2 }

func (e wrongDefault) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput, o ...options) (
	*ec2.DescribeVpcsOutput, error) {
	out, err := e.EC2.DescribeVpcs(ctx, in, o...)
	if err == nil {
		for i := range out.Vpcs {
			out.Vpcs[i].CidrBlock = aws.String("10.0.0.0/16")
		}
	}
	return out, err
}
