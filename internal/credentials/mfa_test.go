// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"macaw.example/lab/labtest"
)

const device = "arn:aws:iam::123456789012:mfa/ann"

// withMFA gives the desk a profile whose role needs the code 123456. The lab has no MFA devices: a
// call with a code is checked here, and made of the lab without it.
func (d *desk) withMFA(settings string) (codes *int) {
	d.Helper()
	api := iam.NewFromConfig(d.api.Config())
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	role, err := api.CreateRole(d.Context(), &iam.CreateRoleInput{RoleName: aws.String("operator"),
		AssumeRolePolicyDocument: &trust})
	if err != nil {
		d.Fatal(err)
	}
	if _, err := api.PutRolePolicy(d.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("operator"),
		PolicyName: aws.String("all"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)}); err != nil {
		d.Fatal(err)
	}
	d.write("credentials", "[keys]\naws_access_key_id = %s\naws_secret_access_key = %s\n", labtest.AccessKey,
		labtest.SecretKey)
	d.write("config", "[profile admin]\nrole_arn = %s\nsource_profile = keys\nmfa_serial = %s\nregion = %s\n%s",
		*role.Role.Arn, device, region, settings)
	codes = new(int)
	d.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		if form.Get("Action") != "AssumeRole" {
			d.api.ServeHTTP(w, r)
			return
		}
		*codes++
		if form.Get("SerialNumber") != device || form.Get("TokenCode") != "123456" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>MultiFactorAuthentication failed with "+
				"invalid MFA one time pass code. </Message></Error></ErrorResponse>")
			return
		}
		out, err := sts.NewFromConfig(d.api.Config()).AssumeRole(r.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String(form.Get("RoleArn")), RoleSessionName: aws.String("session")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		c := out.Credentials
		_ = xml.NewEncoder(w).Encode(assumed{ID: *c.AccessKeyId, Secret: *c.SecretAccessKey, Token: *c.SessionToken,
			Expiration: c.Expiration.UTC().Format(time.RFC3339), ARN: *out.AssumedRoleUser.Arn})
	})
	return codes
}

type assumed struct {
	XMLName    xml.Name `xml:"AssumeRoleResponse"`
	ID         string   `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	Secret     string   `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
	Token      string   `xml:"AssumeRoleResult>Credentials>SessionToken"`
	Expiration string   `xml:"AssumeRoleResult>Credentials>Expiration"`
	ARN        string   `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
}

func answers(questions *[]string, code string) func(context.Context, string) (string, error) {
	return func(_ context.Context, question string) (string, error) {
		*questions = append(*questions, question)
		return code + "\n", nil
	}
}

// A code is asked for once: the session serves the next command, and without a terminal.
func TestMFA(t *testing.T) {
	d := newDesk(t)
	calls := d.withMFA("")
	d.want(d.see(Options{Profile: "admin"}), Missing, "the profile's role needs a code of MFA device "+device+
		", and there is no terminal to ask on", "aws sts get-caller-identity with the same profile on a terminal first")
	var questions []string
	d.want(d.see(Options{Profile: "admin", Ask: answers(&questions, "000000")}), Missing, "MultiFactorAuthentication "+
		"failed", "a code works once and for half a minute")
	if err := d.see(Options{Profile: "admin", Ask: answers(&questions, "123456")}); err != nil {
		t.Fatal(err)
	}
	if err := d.see(Options{Profile: "admin", Ask: answers(&questions, "123456")}); err != nil {
		t.Error(err)
	}
	if err := d.see(Options{Profile: "admin"}); err != nil {
		t.Error(err)
	}
	if want := "Code of MFA device " + device + ": "; len(questions) != 2 || questions[1] != want || *calls != 2 {
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
		"", "duration_seconds = 3600\n", "external_id = a<b>&c\nrole_session_name = ann@example.org\n",
	} {
		d := newDesk(t)
		calls := d.withMFA(settings)
		var questions []string
		if err := d.see(Options{Profile: "admin", Ask: answers(&questions, "123456")}); err != nil {
			t.Fatal(err)
		}
		cli := func(stdin string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), "aws", "--profile", "admin", "--endpoint-url", d.server.URL, "sts",
				"get-caller-identity")
			cmd.Stdin = strings.NewReader(stdin)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), ":assumed-role/operator/session") {
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
		cli("123456\n")
		if err := d.see(Options{Profile: "admin"}); err != nil || *calls != 2 {
			t.Errorf("%q: with the CLI's session: %v, %d calls", settings, err, *calls)
		}
	}
}
