// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials"
)

const encodedMessage = "Encoded authorization failure message: "

// powerless makes a user without any policy and returns a caller with its access key. The key is only in this
// process, and is deleted with the run.
func (b *bench) powerless() Wire {
	name := b.identityName()
	b.iam(nil, "CreateUser", b.withIdentity("UserName", name)...)
	var key struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	b.iam(&key, "CreateAccessKey", "UserName", name)
	as := b.cfg.Wire
	as.Credentials = credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
	b.eventually("EC2 knows the access key", func() (string, bool) {
		a := b.callAs(as, "DescribeVpcs")
		e := a.refusal()
		b.holds(e != nil, "a user without rights may not DescribeVpcs", "%d %.200s", a.Status, a.Body)
		return e.Errors[0].Code, e.Errors[0].Code != "AuthFailure" && e.Errors[0].Code != "InvalidClientTokenId"
	})
	return as
}

// callAs sends an action of EC2's as another caller.
func (b *bench) callAs(as Wire, action string, parameters ...string) wireAnswer {
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	return must(as.send(b.ctx, "ec2", http.MethodPost, form, nil))(b)
}

var rightsChecks = []Check{
	{
		ID: "unauthorized", Title: "Callers without rights", Confidence: Documented,
		Source: "EC2 API Reference, errors-overview: UnauthorizedOperation, and DryRun of each action",
		Rule: "A call that the caller's policies do not allow is UnauthorizedOperation with status 403, with and without " +
			"DryRun, and changes nothing",
		Needs: []string{"wire-error", "dry-run", "iam-role"},
		run: func(b *bench) {
			as, p := b.powerless(), b.place(28)
			for _, c := range [][]string{{"DescribeVpcs"}, {"DescribeVpcs", "DryRun", "true"},
				{"DeleteSubnet", "SubnetId", p.subnet, "DryRun", "true"}, {"DeleteSubnet", "SubnetId", p.subnet},
				{"CreateTags", "ResourceId.1", p.subnet, "Tag.1.Key", "k", "Tag.1.Value", "v"}} {
				b.wantRefusal(b.callAs(as, c[0], c[1:]...), 403, strings.Join(c, " ")+" without rights", "UnauthorizedOperation")
			}
			b.hasTag(p.subnet, "k", nil)
		},
	},
	{
		ID: "unauthorized-message", Title: "Why a call was refused", Confidence: Documented,
		Source: "STS API Reference, DecodeAuthorizationMessage; Service Authorization Reference, Amazon EC2",
		Rule: "A refused call that would change something has an encoded message, which DecodeAuthorizationMessage " +
			"decodes: allowed, explicitDeny, and the action and resource in context",
		Needs: []string{"unauthorized"},
		run: func(b *bench) {
			as, p := b.powerless(), b.place(28)
			a := b.callAs(as, "DeleteSubnet", "SubnetId", p.subnet)
			b.wantRefusal(a, 403, "DeleteSubnet without rights", "UnauthorizedOperation")
			_, encoded, ok := strings.Cut(a.refusal().Errors[0].Message, encodedMessage)
			b.holds(ok, "a message with "+encodedMessage, "%.300s", a.refusal().Errors[0].Message)
			var out struct {
				Text string `xml:"DecodeAuthorizationMessageResult>DecodedMessage"`
			}
			err := b.cfg.Wire.query(b.ctx, "sts", "2011-06-15", "DecodeAuthorizationMessage", &out, "EncodedMessage", encoded)
			if code(err) == "AccessDenied" {
				b.skip("the caller may not call sts:DecodeAuthorizationMessage")
			}
			b.need(err)
			var why struct {
				Allowed, ExplicitDeny *bool
				Context               struct{ Action, Resource string }
			}
			b.holds(json.Unmarshal([]byte(out.Text), &why) == nil, "the message is JSON", "%.300s", out.Text)
			b.holds(why.Allowed != nil && !*why.Allowed && why.ExplicitDeny != nil && !*why.ExplicitDeny,
				"allowed and explicitDeny are false", "%.300s", out.Text)
			b.want("the action", why.Context.Action, "ec2:DeleteSubnet")
			b.holds(strings.HasSuffix(why.Context.Resource, ":subnet/"+p.subnet), "the subnet's ARN", "%s", why.Context.Resource)
			err = b.cfg.Wire.query(b.ctx, "sts", "2011-06-15", "DecodeAuthorizationMessage", nil, "EncodedMessage", "moon")
			b.wantStatus(err, 400, "a message that is none", "InvalidAuthorizationMessage",
				"InvalidAuthorizationMessageException")
		},
	},
	{
		ID: "unauthorized-order", Title: "What a caller without rights learns", Confidence: Unknown,
		Source: "EC2 API Reference, errors-overview: UnauthorizedOperation",
		Rule:   "Whether errors of parameters come before UnauthorizedOperation",
		Needs:  []string{"unauthorized"},
		run: func(b *bench) {
			as := b.powerless()
			b.outcomes(as)
		},
	},
	{
		ID: "dry-run-order", Title: "What a dry run checks", Confidence: Unknown,
		Source: "EC2 API Reference, errors-overview: DryRunOperation checks the permissions",
		Rule:   "Whether errors of parameters and of state come before DryRunOperation",
		Needs:  []string{"dry-run"},
		run:    func(b *bench) { b.outcomes(b.cfg.Wire) },
	},
}

// outcomes observes what calls that cannot succeed, with DryRun, are answered.
func (b *bench) outcomes(as Wire) {
	for _, c := range []struct {
		what string
		call []string
	}{
		{"without SubnetId", []string{"DeleteSubnet"}},
		{"with an unknown parameter", []string{"DeleteSubnet", "SubnetId", b.unknownID("subnet"), "Moon", "full"}},
		{"of an ID of another form", []string{"DeleteSubnet", "SubnetId", "moon"}},
		{"of an unknown subnet", []string{"DeleteSubnet", "SubnetId", b.unknownID("subnet")}},
		{"of a VPC with a gateway", []string{"DeleteVpc", "VpcId", b.sites.main.vpc}},
	} {
		a := b.callAs(as, c.call[0], append([]string{"DryRun", "true"}, c.call[1:]...)...)
		e := a.refusal()
		b.holds(e != nil, c.call[0]+" with DryRun is refused", "%d %.200s", a.Status, a.Body)
		b.observe("%s %s: %d %s", c.call[0], c.what, a.Status, e.Errors[0].Code)
	}
}
