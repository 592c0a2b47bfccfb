// SPDX-License-Identifier: Apache-2.0

package labtest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/labtest"
)

// TestRole runs a program with the AWS SDK on an instance. It finds region, endpoint and
// credentials by itself, and may do what its role allows.
func TestRole(t *testing.T) {
	lab := labtest.Start(t)
	ctx := t.Context()
	api := iam.NewFromConfig(lab.Config())
	name := aws.String("labtest")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	later := func(f func(context.Context) error) {
		t.Cleanup(func() {
			if err := f(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	must(api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(
		`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}}`)}))
	later(func(ctx context.Context) error {
		_, err := api.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		return err
	})
	must(api.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: name, PolicyDocument: aws.String(
		`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}}`)}))
	later(func(ctx context.Context) error {
		_, err := api.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: name})
		return err
	})
	must(api.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name}))
	later(func(ctx context.Context) error {
		_, err := api.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: name})
		return err
	})
	must(api.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: name}))
	later(func(ctx context.Context) error {
		_, err := api.RemoveRoleFromInstanceProfile(ctx,
			&iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: name})
		return err
	})

	m := lab.Launch(t, labtest.Machine{Name: "role", InstanceProfile: *name})
	program := filepath.Join(t.TempDir(), "whoami")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./testdata/whoami")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	m.Copy(t, file, "/usr/local/bin/whoami")
	want := "instance " + m.ID + "\nregion us-east-1\ncaller arn:aws:sts::123456789012:assumed-role/labtest/" + m.ID +
		"\nDescribeInstances <nil>\nCreateVpc UnauthorizedOperation\n"
	if diff := cmp.Diff(want, m.Run(t, "whoami")); diff != "" {
		t.Errorf("the program says (-want +got):\n%s", diff)
	}
}
