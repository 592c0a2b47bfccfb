// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"macaw.example/internal/credentials"
	"macaw.example/internal/hint"
	"macaw.example/lab/labtest"
)

// awsFiles are AWS's configuration of an operator.
type awsFiles struct{ dir string }

func newAWSFiles(t *testing.T) awsFiles {
	t.Helper()
	f := awsFiles{t.TempDir()}
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", f.dir)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(f.dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(f.dir, "credentials"))
	t.Setenv("AWS_ENDPOINT_URL", "http://lab")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return f
}

func (f awsFiles) write(t *testing.T, name, format string, args ...any) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// operator is a user who may do everything, with an MFA device.
type operator struct {
	api   *labtest.API
	key   aws.Credentials
	phone *labtest.MFADevice
}

func newOperator(t *testing.T, w *world) *operator {
	t.Helper()
	api, name := iam.NewFromConfig(w.aws.Config()), aws.String("ann")
	if _, err := api.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: name, PolicyName: name,
		PolicyDocument: aws.String(mayAll)}); err != nil {
		t.Fatal(err)
	}
	key, err := api.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	phone, err := w.aws.NewMFADevice(t.Context(), *name)
	if err != nil {
		t.Fatal(err)
	}
	return &operator{w.aws, aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId,
		SecretAccessKey: *key.AccessKey.SecretAccessKey}, phone}
}

const mayAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// session writes temporary credentials of the operator, valid for 15 minutes.
func (f awsFiles) session(t *testing.T, o *operator) {
	t.Helper()
	cfg := o.api.Config()
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return o.key, nil })
	code, err := o.phone.Code()
	if err != nil {
		t.Fatal(err)
	}
	out, err := sts.NewFromConfig(cfg).GetSessionToken(context.Background(), &sts.GetSessionTokenInput{
		DurationSeconds: aws.Int32(900), SerialNumber: &o.phone.Serial, TokenCode: &code})
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "credentials", "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n",
		*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

// real makes a run find its credentials as macaw does.
func (p *process) real(d *Deployment) {
	d.AWS = func(ctx context.Context) (aws.Config, error) {
		return credentials.Load(ctx, credentials.Options{Region: "eu-central-1", Profile: d.Profile, HTTPClient: p,
			Ask: d.Ask})
	}
}

// Credentials that end at any moment of up end it with an error that says so; with new ones, up goes
// on to the same state.
func TestUpWithExpiredCredentials(t *testing.T) {
	for _, after := range []int{1, 10, 40, 70} {
		for _, pause := range []time.Duration{15 * time.Minute, 20 * time.Minute} { // the lock is lost after 90 seconds
			t.Run(fmt.Sprint(after, pause), func(t *testing.T) {
				files := newAWSFiles(t)
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					ann := newOperator(t, w)
					files.session(t, ann)
					d, _, p := w.killable(file)
					p.real(d)
					p.called = func(n int) {
						if n == after {
							time.Sleep(pause)
						}
					}
					_, err := d.Up(t.Context(), UpOptions{})
					var refused *credentials.Error
					if !errors.As(err, &refused) || refused.Reason != credentials.Expired {
						t.Fatalf("up: %v", err)
					}
					const text = "the AWS credentials of profile default have expired (RequestExpired)"
					if !strings.Contains(err.Error(), text) && !strings.Contains(err.Error(), "(ExpiredToken)") {
						t.Errorf("up: %v, want %s", err, text)
					}
					hints := strings.Join(hint.All(err), "\n")
					if !strings.Contains(hints, "put new ones into profile default, with the tool that put these there; "+
						"then run the same command again: what has been made so far stays") {
						t.Errorf("hints: %s", hints)
					}
					files.session(t, ann)
					d, _, p = w.killable(file)
					p.real(d)
					res, err := d.Up(t.Context(), UpOptions{})
					if err != nil {
						t.Fatal(err, hint.All(err))
					}
					w.check(t, res)
					w.down(t)
				})
			})
		}
	}
}

// Credentials that are replaced, or replace themselves, are used in the same run.
func TestUpWithRenewedCredentials(t *testing.T) {
	for _, after := range []int{1, 10, 40, 70} {
		for name, prepare := range map[string]func(*testing.T, awsFiles, *operator) (renew func(), ended time.Duration){
			"by another tool": func(t *testing.T, files awsFiles, ann *operator) (func(), time.Duration) {
				files.session(t, ann)
				return func() { files.session(t, ann) }, 16 * time.Minute
			},
			"by a role": func(t *testing.T, files awsFiles, ann *operator) (func(), time.Duration) {
				files.role(t, ann, false)
				return func() {}, 70 * time.Minute
			},
			"by a role with MFA": func(t *testing.T, files awsFiles, ann *operator) (func(), time.Duration) {
				files.role(t, ann, true)
				return func() {}, 70 * time.Minute
			},
		} {
			t.Run(fmt.Sprint(name, after), func(t *testing.T) {
				files := newAWSFiles(t)
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					ann := newOperator(t, w)
					renew, ended := prepare(t, files, ann)
					d, _, p := w.killable(file)
					questions := 0
					d.Ask = func(context.Context, string) (string, error) {
						questions++
						return ann.phone.Code()
					}
					p.real(d)
					p.called = func(n int) {
						if n == after {
							time.Sleep(ended) // the lock's renewals go on
							renew()
						}
					}
					res, err := d.Up(t.Context(), UpOptions{})
					if err != nil {
						t.Fatal(err, hint.All(err))
					}
					w.check(t, res)
					if want := map[bool]int{true: 2}[name == "by a role with MFA"]; questions != want {
						t.Errorf("%d questions for a code, want %d", questions, want)
					}
					w.down(t)
				})
			})
		}
	}
}

// role makes the default profile assume a role. With mfa the role asks for a code.
func (f awsFiles) role(t *testing.T, o *operator, mfa bool) {
	t.Helper()
	condition, serial := "", ""
	if mfa {
		condition = `,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`
		serial = "mfa_serial = " + o.phone.Serial + "\n"
	}
	api := iam.NewFromConfig(o.api.Config())
	role, err := api.CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: aws.String("operator"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":` +
			`"arn:aws:iam::123456789012:user/ann"},"Action":"sts:AssumeRole"` + condition + `}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.PutRolePolicy(context.Background(), &iam.PutRolePolicyInput{RoleName: aws.String("operator"),
		PolicyName: aws.String("all"), PolicyDocument: aws.String(mayAll)}); err != nil {
		t.Fatal(err)
	}
	f.write(t, "credentials", "[ann]\naws_access_key_id = %s\naws_secret_access_key = %s\n", o.key.AccessKeyID,
		o.key.SecretAccessKey)
	f.write(t, "config", "[default]\nrole_arn = %s\nsource_profile = ann\n%s", *role.Role.Arn, serial)
}
