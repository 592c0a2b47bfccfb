// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"macaw.example/internal/hint"
	"macaw.example/lab/labtest"
)

// startURL is that of the lab's IAM Identity Center.
const startURL = "https://lab.awsapps.com/start"

// withSSO writes profiles with an SSO session.
func (d *desk) withSSO() {
	d.Helper()
	d.write("config", "[sso-session corp]\nsso_region = %s\nsso_start_url = %s\n"+
		"sso_registration_scopes = sso:account:access\n"+
		"[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = AdministratorAccess\n"+
		"[profile other]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Other\n"+
		"[profile legacy]\nsso_start_url = %s\nsso_region = %s\nsso_account_id = 123456789012\n"+
		"sso_role_name = AdministratorAccess\n"+
		"[profile role]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = work\n", region, startURL, startURL,
		region)
}

// cachedToken is a file of the AWS CLI's cache (AWS SDKs and Tools Reference Guide, feature-sso-credentials).
type cachedToken struct {
	AccessToken  string    `json:"accessToken"`
	ExpiresAt    time.Time `json:"expiresAt"`
	StartURL     string    `json:"startUrl"`
	Region       string    `json:"region"`
	ClientID     string    `json:"clientId,omitempty"`
	ClientSecret string    `json:"clientSecret,omitempty"`
	RefreshToken string    `json:"refreshToken,omitempty"`
}

// path is the file of a session, given by the name that its file is called after: the session's own, or the
// start URL.
func (d *desk) tokenPath(of string) string {
	sum := sha1.Sum([]byte(of))
	return filepath.Join(".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
}

func (d *desk) keep(of string, c cachedToken) {
	d.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		d.Fatal(err)
	}
	d.write(d.tokenPath(of), "%s", b)
}

// login begins an SSO session as aws sso login does, with a user who agrees at once.
func (d *desk) login(of string, scopes ...string) cachedToken {
	d.Helper()
	oidc := ssooidc.NewFromConfig(d.api.Config())
	c, err := oidc.RegisterClient(d.Context(), &ssooidc.RegisterClientInput{ClientName: aws.String("test"),
		ClientType: aws.String("public"), Scopes: scopes})
	if err != nil {
		d.Fatal(err)
	}
	started, err := oidc.StartDeviceAuthorization(d.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: c.ClientId, ClientSecret: c.ClientSecret, StartUrl: aws.String(startURL)})
	if err != nil {
		d.Fatal(err)
	}
	page, err := http.PostForm(d.server.URL+"/device", url.Values{"user_code": {*started.UserCode}, "password": {labtest.SecretKey}})
	if err != nil {
		d.Fatal(err)
	}
	page.Body.Close()
	token, err := oidc.CreateToken(d.Context(), &ssooidc.CreateTokenInput{ClientId: c.ClientId,
		ClientSecret: c.ClientSecret, DeviceCode: started.DeviceCode,
		GrantType: aws.String("urn:ietf:params:oauth:grant-type:device_code")})
	if err != nil {
		d.Fatal(err)
	}
	kept := cachedToken{AccessToken: *token.AccessToken, ExpiresAt: time.Now().UTC().Add(time.Duration(token.ExpiresIn) *
		time.Second), StartURL: startURL, Region: region, ClientID: *c.ClientId, ClientSecret: *c.ClientSecret,
		RefreshToken: aws.ToString(token.RefreshToken)}
	d.keep(of, kept)
	return kept
}

// Without a session, and with one that has expired, the error says how to begin one.
func TestNoSSOSession(t *testing.T) {
	d := newDesk(t)
	d.withSSO()
	for _, expired := range []bool{false, true} {
		if expired {
			for _, of := range []string{"corp", startURL} {
				d.keep(of, cachedToken{AccessToken: "hidden", ExpiresAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
					StartURL: startURL, Region: region})
			}
		}
		for profile, named := range map[string]string{"work": "work", "legacy": "legacy", "role": "work"} {
			d.want(d.see(Options{Profile: profile}), Missing, "there is no valid SSO session for profile "+named,
				"aws sso login --profile "+named)
		}
	}
}

// The two forms of profiles get credentials from the portal.
func TestSSO(t *testing.T) {
	d := newDesk(t)
	d.withSSO()
	d.login("corp", "sso:account:access")
	d.login(startURL)
	for _, profile := range []string{"work", "legacy"} {
		if err := d.see(Options{Profile: profile}); err != nil {
			t.Errorf("%s: %v %q", profile, err, hint.All(err))
		}
	}
	d.want(d.see(Options{Profile: "other"}), Missing, "No access", "the account or the permission set in the profile is "+
		"not assigned to you: aws configure sso --profile other")
}

// A token that has expired is refreshed, and the new one is kept. When the session is over, or the token is
// not the portal's, the error says how to log in.
func TestSSORefresh(t *testing.T) {
	d := newDesk(t)
	d.withSSO()
	kept := d.login("corp", "sso:account:access")
	kept.ExpiresAt = time.Now().Add(-time.Minute)
	d.keep("corp", kept)
	if err := d.see(Options{Profile: "work"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(d.dir, d.tokenPath("corp")))
	if err != nil || strings.Contains(string(b), kept.AccessToken) || strings.Contains(string(b), kept.RefreshToken) {
		t.Errorf("the token is the old one: %v", err)
	}
	d.keep("corp", kept) // its refresh token is used
	over := func(profile string) {
		t.Helper()
		err := d.see(Options{Profile: profile})
		d.want(err, Missing, "there is no valid SSO session for profile "+profile, "aws sso login --profile "+profile)
		if text := err.Error() + strings.Join(hint.All(err), ""); strings.Contains(text, kept.AccessToken) ||
			kept.RefreshToken != "" && strings.Contains(text, kept.RefreshToken) || strings.Contains(text, kept.ClientSecret) {
			t.Errorf("the error has a secret: %s", text)
		}
	}
	over("work")
	kept = d.login("corp", "sso:account:access")
	d.ahead.Store(int64(9 * time.Hour)) // AWS's session is over, which the file does not know
	over("work")
	kept = d.login(startURL)
	d.ahead.Store(int64(18 * time.Hour))
	over("legacy")
}

// Credentials that end in the middle of a run are taken from the portal again, by a token that is refreshed.
func TestSSOInARun(t *testing.T) {
	d := newDesk(t)
	d.withSSO()
	kept := d.login("corp", "sso:account:access")
	cfg, err := Load(t.Context(), Options{Region: region, Profile: "work"})
	if err != nil {
		t.Fatal(err)
	}
	see := func() error {
		_, err := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		return err
	}
	if err := see(); err != nil {
		t.Fatal(err)
	}
	// An hour later both have ended; this machine's clock stays, so that the SDK does not know.
	d.ahead.Store(int64(61 * time.Minute))
	kept.ExpiresAt = time.Now().Add(-time.Minute)
	d.keep("corp", kept)
	if err := see(); err != nil {
		t.Error(err)
	}
	d.ahead.Store(int64(10 * time.Hour))
	err = see()
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(hint.All(err)[0], "aws sso login --profile work") {
		t.Errorf("%v %q", err, hint.All(err))
	}
}

// The AWS CLI logs in at the lab, and Macaw uses its session.
func TestSSOLoginByCLI(t *testing.T) {
	const cli = "/usr/bin/aws" // Debian's, of the second generation: the first has no aws sso login
	if out, err := exec.CommandContext(t.Context(), cli, "--version").Output(); err != nil ||
		!strings.HasPrefix(string(out), "aws-cli/2") {
		t.Skipf("%s: %s %v", cli, out, err)
	}
	d := newDesk(t)
	d.withSSO()
	// It has no variables for endpoints yet: a proxy leads AWS's names to the lab.
	server, ca := d.serveTLS("oidc."+region+".amazonaws.com", "portal.sso."+region+".amazonaws.com")
	var connects atomic.Int32
	p := proxy(t, server.Listener.Addr().String(), &connects)
	env := append(os.Environ(), "HTTPS_PROXY="+strings.Replace(p.URL, "http://", "http://ann:hidden@", 1),
		"AWS_CA_BUNDLE="+ca)
	login := exec.CommandContext(t.Context(), cli, "sso", "login", "--no-browser", "--profile", "work")
	login.Env, login.Stderr = env, os.Stderr
	out, err := login.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`^[0-9A-Z]{4}-[0-9A-Z]{4}$`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if code.MatchString(lines.Text()) {
			page, err := http.PostForm(d.server.URL+"/device", url.Values{"user_code": {lines.Text()}, "password": {labtest.SecretKey}})
			if err != nil {
				t.Fatal(err)
			}
			page.Body.Close()
		}
	}
	if err := login.Wait(); err != nil {
		t.Fatalf("aws sso login: %v", err)
	}
	who := exec.CommandContext(t.Context(), cli, "--profile", "work", "--region", region, "--endpoint-url", d.server.URL,
		"sts", "get-caller-identity")
	who.Env = env
	if text, err := who.CombinedOutput(); err != nil ||
		!strings.Contains(string(text), ":assumed-role/AWSReservedSSO_AdministratorAccess_") {
		t.Errorf("%v\n%s", err, text)
	}
	if err := d.see(Options{Profile: "work"}); err != nil {
		t.Error(err, hint.All(err))
	}
}

// serveTLS serves the lab's API over HTTPS under some names. It returns the file with the certificate.
func (d *desk) serveTLS(names ...string) (*httptest.Server, string) {
	d.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		d.Fatal(err)
	}
	server := httptest.NewUnstartedServer(d.api)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	d.Cleanup(server.Close)
	d.write("names.pem", "%s", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return server, filepath.Join(d.dir, "names.pem")
}
