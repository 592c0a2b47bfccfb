// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/iampolicy"
	"macaw.example/internal/images"
	"macaw.example/lab/labtest"
)

var update = flag.Bool("update", false, "write the golden files")

const operatorRightsFile = "../../examples/operator-rights.json"

// operatorRights are the rights that Macaw needs on the operator's machine: the calls of the
// interfaces here, and what AWS requires along with them.
func operatorRights() iampolicy.Document {
	calls := func(service string, interfaces ...reflect.Type) (out []string) {
		for _, i := range interfaces {
			for m := range i.NumMethod() {
				out = append(out, service+":"+i.Method(m).Name)
			}
		}
		return out
	}
	var ec2Calls []string
	for _, c := range calls("ec2", reflect.TypeFor[EC2](), reflect.TypeFor[images.Baker]()) {
		ec2Calls = append(ec2Calls, missing([]string{c}, ec2Calls)...)
	}
	return iampolicy.Document{Version: "2012-10-17", Statement: []iampolicy.Statement{
		{Sid: "MakeClouds", Effect: "Allow", Action: ec2Calls, Resource: []string{"*"}},
		{Sid: "SeeQuotas", Effect: "Allow", Action: []string{"servicequotas:GetServiceQuota"}, Resource: []string{"*"}},
		{Sid: "MakeGatewayRoles", Effect: "Allow",
			Action: append(calls("iam", reflect.TypeFor[IAM]()), "iam:TagRole", "iam:TagInstanceProfile"),
			// For a missing role or profile, IAM's ARN has the name without the path.
			Resource: []string{"arn:*:iam::*:role" + iampolicy.RolePath + "*", "arn:*:iam::*:role/macaw-*",
				"arn:*:iam::*:instance-profile" + iampolicy.RolePath + "*", "arn:*:iam::*:instance-profile/macaw-*"}},
		// Into a profile and, with it, to instances.
		{Sid: "PassGatewayRoles", Effect: "Allow", Action: []string{"iam:PassRole"},
			Resource: []string{"arn:*:iam::*:role" + iampolicy.RolePath + "*"}},
		// Macaw works without it: docs/aws.md, Rights.
		{Sid: "Optional", Effect: "Allow", Resource: []string{"*"},
			Action: []string{"iam:SimulatePrincipalPolicy", "kms:CreateGrant", "kms:DescribeKey",
				"kms:GenerateDataKeyWithoutPlaintext", "pricing:GetProducts"}},
	}}
}

func TestOperatorRightsFile(t *testing.T) {
	var got bytes.Buffer
	if err := json.Indent(&got, []byte(operatorRights().Text()), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(operatorRightsFile, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(operatorRightsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s; go test -update writes it anew. -want +got:\n%s", operatorRightsFile, diff)
	}
}

// A user with exactly these rights can make and remove a cloud, in every partition.
func TestLabOperatorRightsAreEnough(t *testing.T) {
	for _, region := range []string{labRegion, "cn-north-1", "us-gov-west-1"} {
		t.Run(region, func(t *testing.T) { operatorRightsAreEnough(t, region) })
	}
}

func operatorRightsAreEnough(t *testing.T, region string) {
	ctx, l := context.Background(), newLab(t, 3, func(o *labtest.APIOptions) { o.Region = region })
	root := l.iam
	name, text := aws.String("operator"), aws.String(operatorRights().Text())
	if _, err := root.CreateUser(ctx, &awsiam.CreateUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	p, err := root.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: name, PolicyDocument: text})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.AttachUserPolicy(ctx, &awsiam.AttachUserPolicyInput{
		UserName: name, PolicyArn: p.Policy.Arn,
	}); err != nil {
		t.Fatal(err)
	}
	key, err := root.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	l.Clients = l.clients(l.as(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
	dual := labWanted(t, l)
	_, out, err := labUp(ctx, l.Clients, dual)
	if err != nil {
		t.Fatal(err)
	}
	if out.Nodes[0].InstanceID == "" {
		t.Error("there is no instance")
	}
	ipv4 := labWanted(t, l)
	ipv4.Cloud = wanted(t, ipv4Only).Cloud
	if _, _, err := labUp(ctx, l.Clients, ipv4); err != nil {
		t.Fatal(err)
	}
	if err := labDown(ctx, l.Clients, "first"); err != nil {
		t.Fatal(err)
	}
	// The two ways out of private nodes, and from one to the other.
	for _, file := range []string{natFile, instanceFile, natFile} {
		several := several(t, strings.Replace(file, ", zones: [a, b]", "", 1))
		if _, _, err := labUp(ctx, l.Clients, several); err != nil {
			t.Fatal(err)
		}
	}
	if err := labDown(ctx, l.Clients, "first"); err != nil {
		t.Fatal(err)
	}
}
