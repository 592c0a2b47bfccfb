// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"macaw.example/lab/labtest"
)

const device = "arn:aws:iam::123456789012:mfa/ann"

// withMFA gives the desk a profile whose role asks for MFA: of user ann, whose device it returns. calls counts
// the requests for the role.
func (d *desk) withMFA(settings string) (phone *labtest.MFADevice, calls *int) {
	d.Helper()
	api := iam.NewFromConfig(d.api.Config())
	id, secret := d.user("ann")
	role, err := api.CreateRole(d.Context(), &iam.CreateRoleInput{RoleName: aws.String("operator"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":` +
			`"arn:aws:iam::123456789012:user/ann"},"Action":"sts:AssumeRole","Condition":{"Bool":{` +
			`"aws:MultiFactorAuthPresent":"true"}}}]}`)})
	if err != nil {
		d.Fatal(err)
	}
	d.mayAll("operator")
	if phone, err = d.api.NewMFADevice(d.Context(), "ann"); err != nil {
		d.Fatal(err)
	}
	if phone.Serial != device {
		d.Fatalf("the device is %s", phone.Serial)
	}
	d.write("credentials", "[keys]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret)
	d.write("config", "[profile admin]\nrole_arn = %s\nsource_profile = keys\nmfa_serial = %s\nregion = %s\n%s",
		*role.Role.Arn, device, region, settings)
	return phone, d.assumed()
}

// user makes a user with a key, and no rights.
func (d *desk) user(name string) (id, secret string) {
	d.Helper()
	api := iam.NewFromConfig(d.api.Config())
	if _, err := api.CreateUser(d.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		d.Fatal(err)
	}
	key, err := api.CreateAccessKey(d.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		d.Fatal(err)
	}
	return *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey
}

// mayAll lets a role do everything.
func (d *desk) mayAll(role string) {
	d.Helper()
	if _, err := iam.NewFromConfig(d.api.Config()).PutRolePolicy(d.Context(), &iam.PutRolePolicyInput{RoleName: &role,
		PolicyName: aws.String("all"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)}); err != nil {
		d.Fatal(err)
	}
}

// assumed counts the calls of AssumeRole from now on.
func (d *desk) assumed() *int {
	calls := new(int)
	d.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if strings.HasPrefix(string(body), "Action=AssumeRole&") {
			*calls++
		}
		d.api.ServeHTTP(w, r)
	})
	return calls
}

// fromPhone answers questions with a code of a device.
func fromPhone(questions *[]string, phone *labtest.MFADevice) func(context.Context, string) (string, error) {
	return func(_ context.Context, question string) (string, error) {
		*questions = append(*questions, question)
		code, err := phone.Code()
		return code + "\n", err
	}
}

// answers answers questions with a text.
func answers(code string) func(context.Context, string) (string, error) {
	return func(context.Context, string) (string, error) { return code + "\n", nil }
}

// A code is asked for once: the session serves the next command, and without a terminal.
func TestMFA(t *testing.T) {
	d := newDesk(t)
	phone, calls := d.withMFA("")
	d.want(d.see(Options{Profile: "admin"}), Missing, "the profile's role needs a code of MFA device "+device+
		", and there is no terminal to ask on", "aws sts get-caller-identity with the same profile on a terminal first")
	d.want(d.see(Options{Profile: "admin", Ask: answers("12")}), Missing, "the answer is no code of MFA device "+device,
		"a code has six digits")
	used, err := phone.Code()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile("keys"), config.WithRegion(region))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sts.NewFromConfig(keys).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{
		SerialNumber: aws.String(device), TokenCode: &used}); err != nil {
		t.Fatal(err)
	}
	d.want(d.see(Options{Profile: "admin", Ask: answers(used)}), Missing, "MultiFactorAuthentication "+
		"failed with invalid MFA one time pass code", "a code works once and for half a minute")
	*calls = 0
	var questions []string
	if err := d.see(Options{Profile: "admin", Ask: fromPhone(&questions, phone)}); err != nil {
		t.Fatal(err)
	}
	if err := d.see(Options{Profile: "admin", Ask: fromPhone(&questions, phone)}); err != nil {
		t.Error(err)
	}
	if err := d.see(Options{Profile: "admin"}); err != nil {
		t.Error(err)
	}
	if want := "Code of MFA device " + device + ": "; len(questions) != 1 || questions[0] != want || *calls != 1 {
		t.Errorf("questions %q, %d calls", questions, *calls)
	}
	files, err := filepath.Glob(filepath.Join(d.dir, ".aws", "cli", "cache", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// The AWS CLI uses the session that Macaw has begun, whatever the profile's settings, and Macaw that of
// the CLI.
func TestMFASharedWithCLI(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip(err)
	}
	for _, settings := range []string{
		"", "duration_seconds = 3600\n", "external_id = a+b:c/d\nrole_session_name = ann@example.org\n",
	} {
		d := newDesk(t)
		phone, calls := d.withMFA(settings)
		var questions []string
		if err := d.see(Options{Profile: "admin", Ask: fromPhone(&questions, phone)}); err != nil {
			t.Fatal(err)
		}
		cli := func(stdin string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), "aws", "--profile", "admin", "--endpoint-url", d.server.URL, "sts",
				"get-caller-identity")
			cmd.Stdin = strings.NewReader(stdin)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), ":assumed-role/operator/") {
				t.Errorf("%q: %v\n%s", settings, err, out)
			}
		}
		cli("")
		if *calls != 1 {
			t.Errorf("%q: the role was assumed %d times", settings, *calls)
		}
		if err := os.RemoveAll(filepath.Join(d.dir, ".aws")); err != nil {
			t.Fatal(err)
		}
		code, err := phone.Code()
		if err != nil {
			t.Fatal(err)
		}
		cli(code + "\n")
		if err := d.see(Options{Profile: "admin"}); err != nil || *calls != 2 {
			t.Errorf("%q: with the CLI's session: %v, %d calls", settings, err, *calls)
		}
	}
}

// Without mfa_serial, and with the root's key, the error says what the profile lacks.
func TestAssumeRoleRefused(t *testing.T) {
	d := newDesk(t)
	d.withMFA("")
	const role = "arn:aws:iam::123456789012:role/operator"
	d.write("config", "[profile plain]\nrole_arn = %s\nsource_profile = keys\n"+
		"[profile other]\nrole_arn = %[1]s\nsource_profile = keys\nmfa_serial = %[2]sx\n", role, device)
	d.want(d.see(Options{Profile: "plain"}), Missing, "not authorized to perform: sts:AssumeRole on resource: "+role,
		"if it asks for MFA, profile plain needs mfa_serial")
	d.want(d.see(Options{Profile: "other", Ask: answers("123456")}), Missing, "Please verify your MFA serial number is "+
		"valid", "mfa_serial of profile other must be your device's")
	d.write("credentials", "[keys]\naws_access_key_id = %s\naws_secret_access_key = %s\n", labtest.AccessKey,
		labtest.SecretKey)
	d.want(d.see(Options{Profile: "plain"}), Missing, "Roles may not be assumed by root accounts",
		"profile keys needs the key of an IAM user")
}

// A profile may take its credentials from a profile that assumes a role itself: with the code of the first.
func TestRoleChain(t *testing.T) {
	d := newDesk(t)
	phone, calls := d.withMFA("")
	api := iam.NewFromConfig(d.api.Config())
	if _, err := api.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("deployer"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":` +
			`"arn:aws:iam::123456789012:role/operator"},"Action":"sts:AssumeRole"}]}`)}); err != nil {
		t.Fatal(err)
	}
	d.mayAll("deployer")
	const role = "arn:aws:iam::123456789012:role/"
	d.write("config", "[profile admin]\nrole_arn = %soperator\nsource_profile = keys\nmfa_serial = %s\n"+
		"[profile chain]\nrole_arn = %[1]sdeployer\nsource_profile = admin\n"+
		"[profile long]\nrole_arn = %[1]sdeployer\nsource_profile = admin\nduration_seconds = 7200\n", role, device)
	var questions []string
	ask := fromPhone(&questions, phone)
	if err := d.see(Options{Profile: "chain", Ask: ask}); err != nil {
		t.Fatal(err)
	}
	if len(questions) != 1 || *calls != 2 {
		t.Errorf("questions %q, %d calls", questions, *calls)
	}
	if err := d.see(Options{Profile: "chain"}); err != nil {
		t.Error(err)
	}
	d.want(d.see(Options{Profile: "long", Ask: ask}), Missing, "The requested DurationSeconds exceeds the 1 hour session "+
		"limit for roles assumed by role chaining", "nor than 3600 if source_profile assumes a role itself")
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip(err)
	}
	out, err := exec.CommandContext(t.Context(), "aws", "--profile", "chain", "--region", region,
		"--endpoint-url", d.server.URL, "sts",
		"get-caller-identity").CombinedOutput()
	if err != nil || !strings.Contains(string(out), ":assumed-role/deployer/") {
		t.Errorf("the AWS CLI: %v\n%s", err, out)
	}
}
