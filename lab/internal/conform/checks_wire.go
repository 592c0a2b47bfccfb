// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

var (
	wireResult = regexp.MustCompile(
		`^\s*(<\?xml[^>]*\?>)?\s*` +
			`<DescribeVpcsResponse xmlns="http://ec2\.amazonaws\.com/doc/2016-11-15/">` +
			`\s*<requestId>[0-9a-f-]{36}</requestId>\s*<vpcSet`)
	wireVoid = regexp.MustCompile(`<requestId>[0-9a-f-]{36}</requestId>\s*<return>true</return>\s*</CreateTagsResponse>`)
	longID   = regexp.MustCompile(`^[a-z]+-[0-9a-f]{17}$`)
)

var wireChecks = []Check{
	{
		ID: "wire-result", Title: "A result on the wire", Confidence: Documented, Source: "EC2 API Reference, query-requests",
		Rule: "GET and POST are answered with <ActionResponse xmlns=…/2016-11-15/>, the request ID first and members " +
			"directly inside",
		run: func(b *bench) {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				a := b.callBy(method, nil, "DescribeVpcs", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", b.sites.main.vpc)
				b.holds(a.Status == 200 && wireResult.MatchString(a.Body),
					method+": <DescribeVpcsResponse xmlns=…> with <requestId> and <vpcSet>", "%d %.300s", a.Status, a.Body)
			}
		},
	},
	{
		ID: "wire-void", Title: "A call without a result", Confidence: Documented, Source: "EC2 API Reference, CreateTags",
		Rule: "A call that returns nothing is answered with <return>true</return>",
		run: func(b *bench) {
			a := b.call("CreateTags", "ResourceId.1", b.sites.main.vpc, "Tag.1.Key", "void", "Tag.1.Value", "")
			b.holds(a.Status == 200 && wireVoid.MatchString(a.Body), "<return>true</return>", "%d %.300s", a.Status, a.Body)
		},
	},
	{
		ID: "wire-ids", Title: "IDs have 17 digits", Confidence: Documented, Source: "EC2 User Guide, resource-ids",
		Rule: "An ID is the kind's prefix, a dash and 17 hexadecimal digits",
		run: func(b *bench) {
			for _, id := range []string{b.sites.main.vpc, b.sites.main.gateway, b.sites.main.table, b.place(28).subnet} {
				b.holds(longID.MatchString(id), "a prefix and 17 hexadecimal digits", "%s", id)
			}
		},
	},
	{
		ID: "wire-error", Title: "An error on the wire", Confidence: Documented, Source: "EC2 API Reference, errors-overview",
		Rule: "A refusal is <Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/></Response>, without a " +
			"namespace, with status 400 for a client's error",
		run: func(b *bench) {
			a := b.call("DescribeVpcs", "VpcId.1", b.unknownID("vpc"))
			b.wantRefusal(a, 400, "an unknown VPC", "InvalidVpcID.NotFound")
			b.holds(a.refusal().RequestID != "", "a <RequestID>", "%.300s", a.Body)
			b.holds(!strings.Contains(a.Body, "xmlns"), "no namespace", "%.300s", a.Body)
		},
	},
	{
		ID: "wire-unknown-action", Title: "An action that does not exist", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview",
		Rule:   "An action that EC2 does not know is InvalidAction", Needs: []string{"wire-error"},
		run: func(b *bench) {
			b.wantRefusal(b.call("DescribeMoons"), 400, "DescribeMoons", "InvalidAction")
		},
	},
	{
		ID: "wire-no-action", Title: "A request without an action", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview",
		Rule:   "A request without an action is MissingAction", Needs: []string{"wire-error"},
		run: func(b *bench) { b.wantRefusal(b.call(""), 400, "no Action", "MissingAction") },
	},
	{
		ID: "wire-unknown-parameter", Title: "A parameter that does not exist", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview",
		Rule:   "A parameter that the action does not know is UnknownParameter", Needs: []string{"wire-error"},
		run: func(b *bench) {
			b.wantRefusal(b.call("DescribeVpcs", "Moon", "full"), 400, "DescribeVpcs with Moon", "UnknownParameter")
		},
	},
	{
		ID: "wire-missing-parameter", Title: "A parameter that is missing", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview",
		Rule:   "A required parameter that is missing is MissingParameter", Needs: []string{"wire-error"},
		run: func(b *bench) {
			b.wantRefusal(b.call("CreateSubnet", "CidrBlock", "10.213.255.0/24"), 400, "CreateSubnet without VpcId",
				"MissingParameter")
			b.wantRefusal(b.call("DeleteSubnet"), 400, "DeleteSubnet without SubnetId", "MissingParameter")
		},
	},
	{
		ID: "wire-version", Title: "An API version of the past", Confidence: Unknown,
		Source: "EC2 API Reference, query-requests",
		Rule:   "What is answered to a version that never was",
		run: func(b *bench) {
			form := url.Values{"Action": {"DescribeVpcs"}, "Version": {"2001-01-01"}}
			a := must(b.cfg.Wire.send(b.ctx, "ec2", http.MethodPost, form, nil))(b)
			if e := a.refusal(); e != nil {
				b.observe("%d %s: %s", a.Status, e.Errors[0].Code, e.Errors[0].Message)
			} else {
				b.observe("%d %.100s", a.Status, a.Body)
			}
		},
	},
	{
		ID: "wire-signature", Title: "Signatures are checked", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview; IAM User Guide, signing",
		Rule:   "A request that is not signed, or was changed after it was signed, is refused with 401 or 403",
		Needs:  []string{"wire-error"},
		run: func(b *bench) {
			for _, c := range []struct {
				what  string
				spoil func(*http.Request)
			}{
				{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }},
				{"another query", func(r *http.Request) { r.URL.RawQuery = "DryRun=true" }},
				{"an access key that nobody has", func(r *http.Request) {
					r.Header.Set("Authorization", regexp.MustCompile(`Credential=[^/]*/`).ReplaceAllString(
						r.Header.Get("Authorization"), "Credential=AKIAMACAWCONFORM0000/"))
				}},
			} {
				a := b.callBy(http.MethodPost, c.spoil, "DescribeVpcs")
				e := a.refusal()
				b.holds(e != nil && (a.Status == 401 || a.Status == 403), c.what+": 401 or 403", "%d %.300s", a.Status, a.Body)
				b.observe("%s: %d %s", c.what, a.Status, e.Errors[0].Code)
			}
		},
	},
	{
		ID: "dry-run", Title: "DryRun changes nothing", Confidence: Reported,
		Source: "EC2 API Reference, errors-overview: DryRunOperation; clients' recordings of the status 412",
		Rule:   "A call with DryRun that would succeed is DryRunOperation with status 412, and has no effect",
		Needs:  []string{"wire-error"},
		run: func(b *bench) {
			p := b.place(28)
			for _, c := range [][]string{
				{"DeleteSubnet", "SubnetId", p.subnet}, {"DescribeVpcs"}, {"AllocateAddress", "Domain", "vpc"},
				{"CreateNetworkInterface", "SubnetId", p.subnet},
				{"CreateTags", "ResourceId.1", p.subnet, "Tag.1.Key", "dry", "Tag.1.Value", "run"},
			} {
				b.wantRefusal(b.call(c[0], append([]string{"DryRun", "true"}, c[1:]...)...), 412, c[0]+" with DryRun",
					"DryRunOperation")
			}
			subnets := must(b.DescribeSubnets(b.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{p.subnet}}))(b).Subnets
			b.want("free addresses of the subnet", aws.ToInt32(subnets[0].AvailableIpAddressCount), int32(11))
		},
	},
	{
		ID: "dry-run-assign", Title: "Assign and Unassign have no DryRun", Confidence: Inferred,
		Source: "EC2 API Reference, AssignPrivateIpAddresses: no such parameter is listed",
		Rule:   "DryRun on AssignPrivateIpAddresses and UnassignPrivateIpAddresses is UnknownParameter",
		Needs:  []string{"wire-unknown-parameter"},
		run: func(b *bench) {
			p := b.place(28)
			e := aws.ToString(b.eni(p, p.at(4)).NetworkInterfaceId)
			for _, action := range []string{"AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"} {
				b.wantRefusal(b.call(action, "DryRun", "true", "NetworkInterfaceId", e, "PrivateIpAddress.1", p.at(5)), 400, action,
					"UnknownParameter")
			}
			b.hasAddresses(e, p.at(4))
		},
	},
	{
		ID: "caller-identity", Title: "Who calls", Confidence: Documented, Source: "STS API Reference, GetCallerIdentity",
		Rule: "GetCallerIdentity answers with the account, 12 digits, and the caller's ARN; it needs no permission",
		run: func(b *bench) {
			a := must(b.cfg.Wire.send(b.ctx, "sts", http.MethodPost,
				url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}, nil))(b)
			whole := regexp.MustCompile(`(?s)<GetCallerIdentityResponse.*<GetCallerIdentityResult>.*` +
				`<Arn>arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:.*<Account>[0-9]{12}</Account>`)
			b.holds(a.Status == 200 && whole.MatchString(a.Body), "Arn and Account", "%d %.300s", a.Status, a.Body)
		},
	},
}
