// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// send signs a request with AWS's signer and sends it.
func (l *lab) send(method, query, form string, at time.Time, spoil func(*http.Request)) (int, string) {
	l.t.Helper()
	r, err := http.NewRequest(method, l.url+"/"+query, strings.NewReader(form))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form))
	creds := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, hex.EncodeToString(sum[:]), "ec2", "us-east-1",
		at); err != nil {
		l.t.Fatal(err)
	}
	if spoil != nil {
		spoil(r)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestResultOnTheWire(t *testing.T) {
	l := newLab(t)
	status, body := l.send("POST", "",
		"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&"+
			"TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=a%3C%26b",
		time.Now(), nil)
	want := regexp.MustCompile(`^<\?xml version="1.0" encoding="UTF-8"\?>\n` +
		`<CreateVpcResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>[0-9a-f-]{36}</requestId>` +
		`<vpc><vpcId>vpc-[0-9a-f]{17}</vpcId>.*<cidrBlockAssociationSet><item>.*</item></cidrBlockAssociationSet>.*` +
		`<tagSet><item><key>Name</key><value>a&lt;&amp;b</value></item></tagSet></vpc></CreateVpcResponse>$`)
	if status != 200 || !want.MatchString(body) {
		t.Errorf("got %d %s", status, body)
	}
	status, body = l.send("GET",
		"?Action=DescribeAddresses&Version=2016-11-15&Filter.1.Name=tag%3AName&Filter.1.Value.1=a%20b", "", time.Now(), nil)
	if status != 200 || !strings.Contains(body, "<addressesSet></addressesSet>") {
		t.Errorf("an empty list by GET: %d %s", status, body)
	}
}

func TestErrorOnTheWire(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct {
		name, form string
		status     int
		code       string
	}{
		{"unknown action", "Action=CreateMoon&Version=2016-11-15", 400, "InvalidAction"},
		{"no action", "Version=2016-11-15", 400, "MissingAction"},
		{"old version", "Action=DescribeVpcs&Version=2006-01-01", 400, "NoSuchVersion"},
		{"missing parameter", "Action=CreateVpc&Version=2016-11-15", 400, "MissingParameter"},
		{"missing parameter beside a resource that is not there", "Action=AttachInternetGateway&Version=2016-11-15&" +
			"InternetGatewayId=igw-0123456789abcdef0", 400, "MissingParameter"},
		{"two resources that are not there", "Action=AttachInternetGateway&Version=2016-11-15&" +
			"InternetGatewayId=igw-0123456789abcdef0&VpcId=vpc-0123456789abcdef0", 400, "InvalidInternetGatewayID.NotFound"},
		{"list for a resource", "Action=DeleteVpc&Version=2016-11-15&VpcId.1=vpc-0123456789abcdef0", 400,
			"MalformedQueryString"},
		{"unknown parameter", "Action=DescribeVpcs&Version=2016-11-15&Moon.1=x", 400, "UnknownParameter"},
		{"no dry run of this", "Action=UnassignPrivateIpAddresses&Version=2016-11-15&DryRun=true&NetworkInterfaceId=eni-1",
			400, "UnknownParameter"},
		{"no dry run of this either",
			"Action=AssignIpv6Addresses&Version=2016-11-15&DryRun=true&NetworkInterfaceId=eni-1&Ipv6AddressCount=1",
			400, "UnknownParameter"},
		{"parameter of another action",
			"Action=CreateRoute&Version=2016-11-15&RouteTableId=rtb-1&DestinationCidrBlock=0.0.0.0%2F0&LocalTarget=true",
			400, "UnknownParameter"},
		{"another service's resources", "Action=DescribeTransitGateways&Version=2016-11-15", 400, "InvalidAction"},
		{"dry run", "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&DryRun=true", 412, "DryRunOperation"},
		{"dry run that would fail", "Action=CreateVpc&Version=2016-11-15&CidrBlock=10&DryRun=true", 400,
			"InvalidParameterValue"},
		{"bad number", "Action=DescribeVpcs&Version=2016-11-15&MaxResults=x", 400, "InvalidParameterValue"},
		{"bad filter", "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=moon&Filter.1.Value.1=x", 400,
			"InvalidParameterValue"},
	} {
		status, body := l.send("POST", "", c.form, time.Now(), nil)
		want := regexp.MustCompile(`^<\?xml .*\?>\n<Response><Errors><Error><Code>` + c.code +
			`</Code><Message>.+</Message></Error></Errors><RequestID>[0-9a-f-]{36}</RequestID></Response>$`)
		if status != c.status || !want.MatchString(body) {
			t.Errorf("%s: got %d %s", c.name, status, body)
		}
	}
	if n := len(must(l.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{}))(l).Vpcs); n != 0 {
		t.Errorf("a dry run made %d VPCs", n)
	}
}

func TestSignature(t *testing.T) {
	l := newLab(t)
	const form = "Action=DescribeVpcs&Version=2016-11-15"
	for _, c := range []struct {
		name   string
		at     time.Time
		spoil  func(*http.Request)
		status int
		code   string
	}{
		{"good", time.Now(), nil, 200, "DescribeVpcsResponse"},
		{"none", time.Now(), func(r *http.Request) { r.Header.Del("Authorization") }, 403, "MissingAuthenticationToken"},
		{"other query", time.Now(), func(r *http.Request) { r.URL.RawQuery = "DryRun=true" }, 403, "SignatureDoesNotMatch"},
		{"other body", time.Now(), func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("Action=DescribeTags&Version=2016-11-15"))
		}, 403, "SignatureDoesNotMatch"},
		{"old", time.Now().Add(-16 * time.Minute), nil, 400, "RequestExpired"},
		{"another algorithm", time.Now(), func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }, 400,
			"IncompleteSignature"},
	} {
		if status, body := l.send("POST", "", form, c.at, c.spoil); status != c.status || !strings.Contains(body, c.code) {
			t.Errorf("%s: got %d %s, want %d %s", c.name, status, body, c.status, c.code)
		}
	}
	_, err := l.client("AKIDNOBODY", secretKey).DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{})
	l.wantCode(err, "AuthFailure")
	_, err = l.client(accessKey, "guess").DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{})
	l.wantCode(err, "SignatureDoesNotMatch")
}

func TestMiddleware(t *testing.T) {
	l := newLab(t)
	s := NewServer(l.state, nil, func(next Handler) Handler {
		return func(s *State, c *Call) (result, error) {
			return nil, failStatus(503, "RequestLimitExceeded", "Request limit exceeded.")
		}
	})
	if _, err := s.handle(l.state, &Call{Action: "DescribeVpcs"}); code(err) == "" {
		t.Error("the middleware was not asked")
	}
}

func TestParameterStore(t *testing.T) {
	l := newLab(t)
	c := ssm.New(ssm.Options{Region: "us-east-1", BaseEndpoint: &l.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
	out, err := c.GetParameter(l.ctx, &ssm.GetParameterInput{Name: aws.String(debianParameter)})
	if err != nil || *out.Parameter.Value != stockAMI {
		t.Errorf("got %v, %v", out, err)
	}
	_, err = c.GetParameter(l.ctx, &ssm.GetParameterInput{Name: aws.String("/moon")})
	l.wantCode(err, "ParameterNotFound")
}

func TestFiltersAndPages(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	for i, cidr := range []string{"10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.4.0/24", "10.0.5.0/24",
		"10.0.6.0/24"} {
		id := l.subnet(v, cidr)
		must(l.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{id},
			Tags: []types.Tag{{Key: aws.String("n"), Value: aws.String(string(rune('a' + i)))}}}))(l)
	}
	for _, c := range []struct {
		name   string
		values []string
		want   int
	}{
		{"tag:n", []string{"a", "b"}, 2},
		{"tag:n", []string{"?"}, 7},
		{"tag:n", []string{`\?`}, 0},
		{"tag-key", []string{"n*"}, 7},
		{"cidr-block", []string{"10.0.?.0/24"}, 7},
		{"cidr-block", []string{"10.0.3.0/24"}, 1},
		{"vpc-id", []string{"vpc-0"}, 0},
	} {
		out := must(l.DescribeSubnets(l.ctx,
			&ec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: &c.name, Values: c.values}}}))(l)
		if len(out.Subnets) != c.want {
			t.Errorf("%s=%v finds %d subnets, want %d", c.name, c.values, len(out.Subnets), c.want)
		}
	}
	seen, pages := map[string]bool{}, 0
	for p := ec2.NewDescribeSubnetsPaginator(l.Client,
		&ec2.DescribeSubnetsInput{MaxResults: aws.Int32(5)}); p.HasMorePages(); pages++ {
		for _, s := range must(p.NextPage(l.ctx))(l).Subnets {
			seen[*s.SubnetId] = true
		}
	}
	if len(seen) != 7 || pages != 2 {
		t.Errorf("saw %d subnets on %d pages", len(seen), pages)
	}
	_, err := l.DescribeSubnets(l.ctx, &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(4)})
	l.wantCode(err, "InvalidParameterValue")
	_, err = l.DescribeSubnets(l.ctx,
		&ec2.DescribeSubnetsInput{MaxResults: aws.Int32(5), SubnetIds: []string{"subnet-0123456789abcdef0"}})
	l.wantCode(err, "InvalidParameterCombination")
	_, err = l.DescribeSubnets(l.ctx, &ec2.DescribeSubnetsInput{NextToken: aws.String("moon")})
	l.wantCode(err, "InvalidNextToken")
	out := must(l.DescribeTags(l.ctx,
		&ec2.DescribeTagsInput{Filters: []types.Filter{{Name: aws.String("resource-type"), Values: []string{"subnet"}}}}))(l)
	if len(out.Tags) != 7 {
		t.Errorf("%d tags described", len(out.Tags))
	}
}
