// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"macaw.example/internal/hint"
	"macaw.example/lab/labtest"
)

const region = "eu-central-1"

// desk is an operator's machine: AWS's configuration, and the lab's API over HTTP.
type desk struct {
	*testing.T
	dir    string
	api    *labtest.API
	server *httptest.Server
	ahead  atomic.Int64 // of the clock of sessions, in nanoseconds
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, dir: t.TempDir()}
	d.api = labtest.NewAPI(t, labtest.APIOptions{Region: region,
		Account: labtest.AccountSettings{PermissionSets: []string{"AdministratorAccess"}},
		Now:     func() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }})
	d.server = httptest.NewServer(d.api)
	t.Cleanup(d.server.Close)
	for _, name := range os.Environ() {
		name, _, _ = strings.Cut(name, "=")
		if strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range map[string]string{
		"HOME": d.dir, "AWS_CONFIG_FILE": filepath.Join(d.dir, "config"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(d.dir, "credentials"), "AWS_ENDPOINT_URL": d.server.URL,
		// The SDK does not use the other one for the services that credentials come from.
		"AWS_ENDPOINT_URL_STS": d.server.URL, "AWS_ENDPOINT_URL_SSO": d.server.URL, "AWS_ENDPOINT_URL_SSO_OIDC": d.server.URL,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	return d
}

func (d *desk) write(name, format string, args ...any) {
	d.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.Fatal(err)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) keys(id, secret, token string) {
	d.Helper()
	d.write("credentials", "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n", id,
		secret, token)
}

// see makes a call of EC2, with credentials that are found first.
func (d *desk) see(o Options) error {
	o.Region = region
	cfg, err := Load(d.Context(), o)
	if err == nil {
		_, err = ec2.NewFromConfig(cfg).DescribeVpcs(d.Context(), &ec2.DescribeVpcsInput{})
	}
	return err
}

// want compares an error with its text, reason and hint.
func (d *desk) want(err error, reason Reason, text, advice string) {
	d.Helper()
	var e *Error
	if !errors.As(err, &e) {
		d.Fatalf("%v is no error about credentials", err)
	}
	hints := hint.All(err)
	if e.Reason != reason || !strings.Contains(err.Error(), text) || len(hints) != 1 ||
		!strings.Contains(hints[0], advice) {
		d.Errorf("reason %d: %v\nhints %q\nwant reason %d: %s\nhint %s", e.Reason, err, hints, reason, text, advice)
	}
}

func TestNoCredentials(t *testing.T) {
	d := newDesk(t)
	d.want(d.see(Options{}), Missing, "there are no AWS credentials: none in the environment, none in profile default, "+
		"and this machine has no role", "aws configure, aws configure sso or aws login; AWS_PROFILE or --profile")
	d.want(d.see(Options{Profile: "office"}), Missing, `AWS's configuration has no profile "office"`,
		"aws configure list-profiles")
	t.Setenv("AWS_PROFILE", "office")
	d.want(d.see(Options{}), Missing, `AWS's configuration has no profile "office"`, "aws configure sso --profile office")
}

// A profile that is named has priority over keys in the environment.
func TestProfile(t *testing.T) {
	d := newDesk(t)
	d.write("config", "[profile work]\nregion = eu-west-1\n")
	d.write("credentials", "[work]\naws_access_key_id = %s\naws_secret_access_key = %s\n", labtest.AccessKey,
		labtest.SecretKey)
	if err := d.see(Options{Profile: "work"}); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_PROFILE", "work")
	if err := d.see(Options{}); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7ANOTHER")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	if err := d.see(Options{Profile: "work"}); err != nil {
		t.Error(err)
	}
	d.want(d.see(Options{}), Invalid, "AWS does not accept the AWS credentials of the environment (AuthFailure)",
		"the access key may be deleted or inactive")
}

// A file from Windows leaves a carriage return at the end of a variable. It is no fault of the network.
func TestControlCharacters(t *testing.T) {
	d := newDesk(t)
	for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", labtest.AccessKey)
			t.Setenv("AWS_SECRET_ACCESS_KEY", labtest.SecretKey)
			t.Setenv(variable, os.Getenv(variable)+"x\r")
			d.want(d.see(Options{}), Invalid, variable+" has a character at its end or within that no key has: '\\r'", "Windows")
		})
	}
	d.write("config", "[profile work]\nregion = eu-west-1\n")
	d.write("credentials", "[work]\naws_access_key_id = %s\u00e9\naws_secret_access_key = x\n", labtest.AccessKey)
	d.want(d.see(Options{Profile: "work"}), Invalid,
		"aws_access_key_id of the AWS credentials of profile work has a character", "write it again")
}

func TestRefused(t *testing.T) {
	d := newDesk(t)
	session, err := sts.NewFromConfig(d.api.Config()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	s := session.Credentials
	for _, tt := range []struct {
		name, id, secret, token string
		text, advice            string
	}{
		{"unknown", "AKIAIOSFODNN7ANOTHER", "x", "", "AWS does not accept the AWS credentials of profile default",
			"the access key may be deleted or inactive, or of another partition"},
		{"wrong secret", labtest.AccessKey, "hidden", "", "AWS does not accept the AWS credentials of profile default",
			"the secret key is not that of the access key: aws configure --profile default"},
		{"without its token", *s.AccessKeyId, *s.SecretAccessKey, "", "AWS does not accept",
			"needs its session token: AWS_SESSION_TOKEN"},
		{"with a token of others", labtest.AccessKey, labtest.SecretKey, *s.SessionToken, "AWS does not accept",
			"the access key is a permanent one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &desk{T: t, dir: d.dir, api: d.api}
			d.keys(tt.id, tt.secret, tt.token)
			cfg, err := Load(t.Context(), Options{Region: region})
			if err != nil {
				t.Fatal(err)
			}
			_, asEC2 := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
			_, asIAM := iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{})
			_, asJSON := servicequotas.NewFromConfig(cfg).GetServiceQuota(t.Context(), &servicequotas.GetServiceQuotaInput{
				ServiceCode: aws.String("ec2"), QuotaCode: aws.String("L-1216C47A")})
			_, asKMS := kms.NewFromConfig(cfg).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("x")})
			_, asSSM := ssm.NewFromConfig(cfg).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("x")})
			_, asPrices := pricing.NewFromConfig(cfg).GetProducts(t.Context(),
				&pricing.GetProductsInput{ServiceCode: aws.String("AmazonEC2")})
			for _, err := range []error{asEC2, asIAM, asJSON, asKMS, asSSM, asPrices} {
				d.want(err, Invalid, tt.text, tt.advice)
				for _, secret := range []string{tt.secret, tt.token} {
					if len(secret) > 3 && strings.Contains(err.Error()+hint.All(err)[0], secret) {
						t.Errorf("the error has a secret: %v", err)
					}
				}
			}
		})
	}
}

// A session that began without MFA is not for IAM.
func TestSessionWithoutMFA(t *testing.T) {
	d := newDesk(t)
	session, err := sts.NewFromConfig(d.api.Config()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	d.keys(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	cfg, err := Load(t.Context(), Options{Region: region})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); err != nil {
		t.Error(err)
	}
	_, err = iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{})
	d.want(err, Invalid, "AWS does not accept the AWS credentials of profile default (InvalidClientTokenId)",
		"that did not begin with a code of an MFA device: begin one with --serial-number and --token-code")
}

// AWS's clock is another: EC2 says of it what it says of ended sessions.
func TestWrongClock(t *testing.T) {
	for _, token := range []bool{false, true} {
		d := newDesk(t)
		id, secret, session := labtest.AccessKey, labtest.SecretKey, ""
		if token {
			out, err := sts.NewFromConfig(d.api.Config()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
			if err != nil {
				t.Fatal(err)
			}
			id, secret, session = *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey,
				*out.Credentials.SessionToken
		}
		d.keys(id, secret, session)
		// This machine's clock cannot be changed: the API's answers are those to an old request, with the
		// date of three hours later.
		late := time.Now().Add(3 * time.Hour)
		d.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", late.UTC().Format(http.TimeFormat))
			r.Header.Set("X-Amz-Date", "20260101T000000Z")
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"),
				time.Now().UTC().Format("/20060102/"), "/20260101/", 1))
			d.api.ServeHTTP(w, r)
		})
		cfg, err := Load(t.Context(), Options{Region: region})
		if err != nil {
			t.Fatal(err)
		}
		_, err = ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		d.want(err, WrongClock, "this machine's clock is 3h0m0s behind AWS's (RequestExpired)", "set the clock")
		_, err = iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{})
		d.want(err, WrongClock, "this machine's clock is 3h0m0s behind AWS's (SignatureDoesNotMatch)", "set the clock")
		_, err = ssm.NewFromConfig(cfg).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("x")})
		d.want(err, WrongClock, "this machine's clock is 3h0m0s behind AWS's (InvalidSignatureException)", "set the clock")
	}
}

func TestProcess(t *testing.T) {
	d := newDesk(t)
	process := func(script string) {
		d.write("give", "#!/bin/sh\n%s\n", script)
		if err := os.Chmod(filepath.Join(d.dir, "give"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		d.write("config", "[profile tool]\ncredential_process = %s\n", filepath.Join(d.dir, "give"))
	}
	process(fmt.Sprintf(`echo '{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q}'`, labtest.AccessKey,
		labtest.SecretKey))
	if err := d.see(Options{Profile: "tool"}); err != nil {
		t.Error(err)
	}
	process("exit 3")
	d.want(d.see(Options{Profile: "tool"}), Missing, "retrieving the AWS credentials of profile tool: error in "+
		"credential_process: exit status 3", "the command in credential_process of profile tool gives them")
	for _, bad := range []string{`{"Version": 1, "SecretAccessKey": "hidden"`, `{"Version": 2, "SecretAccessKey": "hidden"}`} {
		process("echo '" + bad + "'")
		err := d.see(Options{Profile: "tool"})
		d.want(err, Missing, "the output of credential_process is not what AWS's tools expect", "gives them: run it by hand")
		if strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error has a secret: %v", err)
		}
	}
}

// A machine that reaches nothing says so, and not that credentials are wrong.
func TestUnreached(t *testing.T) {
	d := newDesk(t)
	d.keys(labtest.AccessKey, labtest.SecretKey, "")
	d.server.Close()
	err := d.see(Options{})
	var e *Error
	if errors.As(err, &e) || !strings.Contains(err.Error(), "reaching http://127.0.0.1:") {
		t.Error(err)
	}
	d.write("config", "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = default\n")
	err = d.see(Options{Profile: "role"})
	d.want(err, Missing, "retrieving the AWS credentials of profile role: reaching http://127.0.0.1:",
		"look at the network")
}

func TestUnreadableFile(t *testing.T) {
	d := newDesk(t)
	d.write("config", "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\ncredential_source = Nowhere\n")
	if err := d.see(Options{}); err == nil || !strings.Contains(err.Error(), "reading AWS's configuration: ") {
		t.Error(err)
	}
}

// Of half a key, the other half is named.
func TestHalfOfAKey(t *testing.T) {
	const id, secret = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
	for set, missing := range map[string]string{id: secret, secret: id} {
		d := newDesk(t)
		t.Setenv(id, "")
		t.Setenv(secret, "")
		t.Setenv(set, "hidden")
		err := d.see(Options{})
		d.want(err, Missing, set+" is set, and "+missing+" is not", "set both, or unset both")
		if strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error has a secret: %v", err)
		}
	}
}
