// SPDX-License-Identifier: Apache-2.0

// Package wirefuzz sends the API's endpoint requests that no client would send. It is a
// separate package because fuzzing instruments every linked package: the SDK's clients,
// which the other tests use, would make it slow.
package wirefuzz

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/iam"
)

var root = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "never told"}

// machines does nothing and succeeds.
type machines struct{}

func (machines) Launch(context.Context, ec2.Instance) error                    { return nil }
func (machines) Start(context.Context, ec2.Instance) error                     { return nil }
func (machines) Stop(context.Context, string) error                            { return nil }
func (machines) Reboot(context.Context, string) error                          { return nil }
func (machines) Terminate(context.Context, string) error                       { return nil }
func (machines) ConsoleOutput(context.Context, string) ([]byte, error)         { return nil, nil }
func (machines) CreateImage(ctx context.Context, instance, image string) error { return nil }
func (machines) DeleteImage(context.Context, string) error                     { return nil }

// endpoint is a region with an account, recreated before it grows too large.
type endpoint struct {
	state   *ec2.State
	handler http.Handler
	left    int // calls until it is recreated
	// user may do about half of everything, so each of its calls is authorized by
	// policies.
	user aws.Credentials
}

func (e *endpoint) renew(tb testing.TB) {
	if e.left--; e.left > 0 {
		return
	}
	if e.state != nil {
		e.state.Close()
	}
	log := slog.New(slog.DiscardHandler)
	account, err := iam.Open(iam.Config{Root: iam.Key{ID: root.AccessKeyID, Secret: root.SecretAccessKey}, Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	e.state, err = ec2.Open(ec2.Config{Machines: machines{}, Profiles: account, Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	e.handler, e.left = ec2.NewServer(e.state, account), 100
	e.must(tb, "iam", "Action=CreateUser&UserName=ann")
	e.must(tb, "iam", "Action=PutUserPolicy&UserName=ann&PolicyName=p&PolicyDocument="+url.QueryEscape(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotLike":{"aws:ResourceTag/${aws:username}":"?"}}}}`))
	var key struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := xml.Unmarshal([]byte(e.must(tb, "iam", "Action=CreateAccessKey&UserName=ann")), &key); err != nil {
		tb.Fatal(err)
	}
	e.user = aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	e.must(tb, "ec2", "Action=CreateVpc&CidrBlock=10.0.0.0%2F16")
}

func (e *endpoint) must(tb testing.TB, service, form string) string {
	status, body := e.call(tb, root, service, form)
	if status != http.StatusOK {
		tb.Fatalf("%s: %d %s", form, status, body)
	}
	return body
}

// call signs a form and sends it.
func (e *endpoint) call(tb testing.TB, who aws.Credentials, service, form string) (int, string) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(form))
	sum := sha256.Sum256([]byte(form))
	if err := v4.NewSigner().SignHTTP(context.Background(), who, r, hex.EncodeToString(sum[:]), service, "us-east-1",
		time.Now()); err != nil {
		tb.Fatal(err)
	}
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// FuzzForm sends any form, as the root and as a user with policies. The response must
// be well-formed XML, and never an internal error.
func FuzzForm(f *testing.F) {
	for _, form := range []string{
		"Action=RunInstances&ImageId=ami-1&MinCount=1&MaxCount=2&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.PrivateIpAddresses.1.PrivateIpAddress=10.0.0.4",
		"Action=DescribeVpcs&Filter.1.Name=tag%3AName&Filter.1.Value.1=a*&Filter.1.Value.2=b&MaxResults=5",
		"Action=CreateTags&ResourceId.1=eni-1&ResourceId.2=i-1&Tag.1.Key=k&Tag.1.Value=",
		"Action=ModifyNetworkInterfaceAttribute&SourceDestCheck.Value=false&NetworkInterfaceId=eni-1&SecurityGroupId.1=sg-1",
		"Action=AllocateAddress&TagSpecification.01.Tag.1.Key=x&TagSpecification.-1.Tag=&.=&Filter..Name=x&Filter.1=y",
		"Action=AuthorizeSecurityGroupIngress&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0%2F8",
		"Action=CreateVpc&CidrBlock=10.0.0.0%2F8&DryRun=true", "Action=DeleteKeyPair&KeyName=%00",
		"Action=DisassociateAddress&AssociationId=",
	} {
		f.Add("ec2", form)
	}
	for _, form := range []string{
		"Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=%7B%7D&Tags.member.1.Key=k&Tags.member.1.Value=v",
		"Action=ListPolicies&MaxItems=1&Marker=AA%3D%3D",
		"Action=PutUserPolicy&UserName=ann&PolicyName=p&PolicyDocument=%7B%7D",
		"Action=CreatePolicyVersion&PolicyArn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FIAMFullAccess",
	} {
		f.Add("iam", form)
	}
	f.Add("sts", "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&RoleSessionName=xx&DurationSeconds=900")
	e := &endpoint{}
	f.Cleanup(func() {
		if e.state != nil {
			e.state.Close()
		}
	})
	f.Fuzz(func(t *testing.T, service, form string) {
		// Making an RSA key takes longer than everything else together.
		if strings.Contains(form, "CreateKeyPair") {
			return
		}
		if len(form) > 1024 || service != "ec2" && service != "iam" && service != "sts" {
			return
		}
		e.renew(t)
		for _, who := range []aws.Credentials{e.user, root} {
			status, body := e.call(t, who, service, form)
			// Some EC2 errors have status 500; these two codes are the lab's own
			// faults.
			if strings.Contains(body, "<Code>InternalError<") || strings.Contains(body, "<Code>ServiceFailure<") {
				t.Errorf("%s %q: %d %s", service, form, status, body)
			}
			wellFormed(t, body)
		}
	})
}

func wellFormed(t *testing.T, body string) {
	d := xml.NewDecoder(strings.NewReader(body))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%v in %q", err, body)
			return
		}
	}
}

// FuzzSignature requires that no unsigned request is accepted.
func FuzzSignature(f *testing.F) {
	now := time.Now().UTC()
	date, day := now.Format("20060102T150405Z"), now.Format("20060102")
	scope := root.AccessKeyID + "/" + day + "/us-east-1/ec2/aws4_request"
	f.Add("AWS4-HMAC-SHA256 Credential="+scope+", SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64), date,
		"", "", "Action=DescribeVpcs")
	f.Add("", "", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+url.QueryEscape(scope)+"&X-Amz-Date="+date+"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00", "")
	f.Add("AWS4-HMAC-SHA256 Credential=ASIAEXAMPLEEXAMPLE0/"+day+"/us-east-1/sts/aws4_request, SignedHeaders=host, "+
		"Signature=1", date, "AAAA", "", "x=1")
	e := &endpoint{}
	f.Fuzz(func(t *testing.T, authorization, date, token, query, body string) {
		if e.handler == nil {
			e.renew(t)
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Amz-Date", date)
		r.Header.Set("X-Amz-Security-Token", token)
		w := httptest.NewRecorder()
		e.handler.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("%q, %q: %d %s", authorization, query, w.Code, w.Body)
		}
	})
}
