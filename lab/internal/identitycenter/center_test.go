// SPDX-License-Identifier: Apache-2.0

package identitycenter_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go"

	"macaw.example/lab/internal/identitycenter"
)

// account is one with a permission set.
type account struct{}

func (account) ID() string               { return "123456789012" }
func (account) Password() string         { return "hidden" }
func (account) PermissionSets() []string { return []string{"AdministratorAccess"} }

func (account) PermissionSetCredentials(set, session string) (identitycenter.Credentials, error) {
	return identitycenter.Credentials{AccessKeyID: "ASIA", SecretAccessKey: set, SessionToken: session,
		Expiration: 1000}, nil
}

// site is an Identity Center behind HTTP, with the SDK's clients.
type site struct {
	*testing.T
	url    string
	ahead  atomic.Int64
	oidc   *ssooidc.Client
	portal *sso.Client
}

func newSite(t *testing.T) *site {
	s := &site{T: t}
	center := identitycenter.New(account{}, func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) })
	server := httptest.NewServer(center)
	t.Cleanup(server.Close)
	s.url = server.URL
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &s.url, RetryMaxAttempts: 1}
	s.oidc, s.portal = ssooidc.NewFromConfig(cfg), sso.NewFromConfig(cfg)
	return s
}

func (s *site) wantCode(err error, want string) {
	s.Helper()
	got := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		got = api.ErrorCode()
	} else if err != nil {
		got = err.Error()
	}
	if got != want {
		s.Errorf("the call ends in %q (%v), want %q", got, err, want)
	}
}

// register registers a client.
func (s *site) register(scopes ...string) *ssooidc.RegisterClientOutput {
	s.Helper()
	out, err := s.oidc.RegisterClient(s.Context(), &ssooidc.RegisterClientInput{ClientName: aws.String("test"),
		ClientType: aws.String("public"), Scopes: scopes})
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *site) start(c *ssooidc.RegisterClientOutput) *ssooidc.StartDeviceAuthorizationOutput {
	s.Helper()
	out, err := s.oidc.StartDeviceAuthorization(s.Context(), &ssooidc.StartDeviceAuthorizationInput{ClientId: c.ClientId,
		ClientSecret: c.ClientSecret, StartUrl: aws.String(identitycenter.StartURL)})
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *site) token(c *ssooidc.RegisterClientOutput, grant, code, refresh string) (*ssooidc.CreateTokenOutput, error) {
	in := &ssooidc.CreateTokenInput{ClientId: c.ClientId, ClientSecret: c.ClientSecret, GrantType: &grant}
	if code != "" {
		in.DeviceCode = &code
	}
	if refresh != "" {
		in.RefreshToken = &refresh
	}
	return s.oidc.CreateToken(s.Context(), in)
}

// agree is what a browser does with the address that a client shows.
func (s *site) agree(address string) {
	s.Helper()
	page, err := http.Get(address) //nolint:gosec // the test's own server
	if err != nil {
		s.Fatal(err)
	}
	text, _ := io.ReadAll(page.Body)
	page.Body.Close()
	u, _ := url.Parse(address)
	code := u.Query().Get("user_code")
	if page.StatusCode != http.StatusOK || code == "" || !strings.Contains(string(text), code) {
		s.Fatalf("%s: %d %s", address, page.StatusCode, text)
	}
	wrong, err := http.PostForm(strings.Split(address, "?")[0], url.Values{"user_code": {code}, "password": {"x"}})
	if err != nil {
		s.Fatal(err)
	}
	wrong.Body.Close()
	if wrong.StatusCode != http.StatusForbidden {
		s.Errorf("agreeing with another password: %s", wrong.Status)
	}
	done, err := http.PostForm(strings.Split(address, "?")[0], url.Values{"user_code": {code}, "password": {"hidden"}})
	if err != nil {
		s.Fatal(err)
	}
	done.Body.Close()
	if done.StatusCode != http.StatusOK {
		s.Errorf("agreeing: %s", done.Status)
	}
}

const (
	byDevice  = "urn:ietf:params:oauth:grant-type:device_code"
	byRefresh = "refresh_token"
)

// A client gets tokens when the user has agreed, once for each request.
func TestDeviceGrant(t *testing.T) {
	s := newSite(t)
	c := s.register("sso:account:access")
	started := s.start(c)
	_, err := s.token(c, byDevice, *started.DeviceCode, "")
	s.wantCode(err, "AuthorizationPendingException")
	s.agree(*started.VerificationUriComplete)
	_, err = s.token(c, byDevice, "x", "")
	s.wantCode(err, "InvalidGrantException")
	_, err = s.token(s.register(), byDevice, *started.DeviceCode, "")
	s.wantCode(err, "InvalidGrantException")
	out, err := s.token(c, byDevice, *started.DeviceCode, "")
	s.wantCode(err, "")
	if out.ExpiresIn != 3600 || out.RefreshToken == nil || *out.TokenType != "Bearer" {
		t.Errorf("%v", out)
	}
	_, err = s.token(c, byDevice, *started.DeviceCode, "")
	s.wantCode(err, "InvalidGrantException")

	late := s.start(c)
	s.ahead.Add(int64(11 * time.Minute))
	_, err = s.token(c, byDevice, *late.DeviceCode, "")
	s.wantCode(err, "ExpiredTokenException")
	_, err = s.token(c, "password", "", "")
	s.wantCode(err, "UnsupportedGrantTypeException")
	other := *c
	other.ClientSecret = aws.String("x")
	_, err = s.token(&other, byDevice, *late.DeviceCode, "")
	s.wantCode(err, "InvalidClientException")
	_, err = s.oidc.StartDeviceAuthorization(s.Context(), &ssooidc.StartDeviceAuthorizationInput{ClientId: c.ClientId,
		ClientSecret: c.ClientSecret, StartUrl: aws.String("https://other.awsapps.com/start")})
	s.wantCode(err, "InvalidRequestException")
	_, err = s.oidc.RegisterClient(s.Context(), &ssooidc.RegisterClientInput{ClientName: aws.String("x"),
		ClientType: aws.String("confidential")})
	s.wantCode(err, "InvalidClientMetadataException")
	s.ahead.Add(int64(91 * 24 * time.Hour))
	_, err = s.token(c, byDevice, *late.DeviceCode, "")
	s.wantCode(err, "InvalidClientException")
}

// A token is refreshed within the user's session, and each refresh token is for once.
func TestRefresh(t *testing.T) {
	s := newSite(t)
	login := func(scopes ...string) (*ssooidc.RegisterClientOutput, *ssooidc.CreateTokenOutput) {
		t.Helper()
		c := s.register(scopes...)
		started := s.start(c)
		s.agree(*started.VerificationUriComplete)
		out, err := s.token(c, byDevice, *started.DeviceCode, "")
		if err != nil {
			t.Fatal(err)
		}
		return c, out
	}
	c, first := login("sso:account:access")
	use := func(token *string) error {
		_, err := s.portal.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: token})
		return err
	}
	s.wantCode(use(first.AccessToken), "")
	second, err := s.token(c, byRefresh, "", *first.RefreshToken)
	s.wantCode(err, "")
	_, err = s.token(c, byRefresh, "", *first.RefreshToken)
	s.wantCode(err, "InvalidGrantException")
	s.wantCode(use(first.AccessToken), "UnauthorizedException")
	s.wantCode(use(second.AccessToken), "")
	s.ahead.Add(int64(61 * time.Minute))
	s.wantCode(use(second.AccessToken), "UnauthorizedException")
	third, err := s.token(c, byRefresh, "", *second.RefreshToken)
	s.wantCode(err, "")
	s.wantCode(use(third.AccessToken), "")
	s.ahead.Add(int64(7 * time.Hour))
	_, err = s.token(c, byRefresh, "", *third.RefreshToken)
	s.wantCode(err, "InvalidGrantException")
	// Without the scope, a token lasts as long as the session and cannot be refreshed.
	_, legacy := login()
	if legacy.RefreshToken != nil || legacy.ExpiresIn != 8*3600 {
		t.Errorf("%v", legacy)
	}
	if _, err := s.portal.Logout(t.Context(), &sso.LogoutInput{AccessToken: legacy.AccessToken}); err != nil {
		t.Error(err)
	}
	s.wantCode(use(legacy.AccessToken), "UnauthorizedException")
}

// The portal gives credentials of what is assigned.
func TestPortal(t *testing.T) {
	s := newSite(t)
	c := s.register()
	started := s.start(c)
	s.agree(*started.VerificationUriComplete)
	out, err := s.token(c, byDevice, *started.DeviceCode, "")
	if err != nil {
		t.Fatal(err)
	}
	get := func(account, role, token string) (*sso.GetRoleCredentialsOutput, error) {
		return s.portal.GetRoleCredentials(t.Context(), &sso.GetRoleCredentialsInput{AccountId: &account, RoleName: &role,
			AccessToken: &token})
	}
	got, err := get("123456789012", "AdministratorAccess", *out.AccessToken)
	s.wantCode(err, "")
	if k := got.RoleCredentials; *k.AccessKeyId != "ASIA" || *k.SecretAccessKey != "AdministratorAccess" ||
		*k.SessionToken != identitycenter.User || k.Expiration != 1000 {
		t.Errorf("%v", k)
	}
	_, err = get("123456789012", "Other", *out.AccessToken)
	s.wantCode(err, "ForbiddenException")
	_, err = get("123456789013", "AdministratorAccess", *out.AccessToken)
	s.wantCode(err, "ForbiddenException")
	_, err = get("123456789012", "AdministratorAccess", "x")
	s.wantCode(err, "UnauthorizedException")
	roles, err := s.portal.ListAccountRoles(t.Context(), &sso.ListAccountRolesInput{AccessToken: out.AccessToken,
		AccountId: aws.String("123456789012")})
	if err != nil || len(roles.RoleList) != 1 || *roles.RoleList[0].RoleName != "AdministratorAccess" {
		t.Errorf("%v, %v", roles, err)
	}
}

// A code that there is not is refused on the page.
func TestPage(t *testing.T) {
	s := newSite(t)
	out, err := http.PostForm(s.url+"/device", url.Values{"user_code": {"<b>"}, "password": {"hidden"}})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(out.Body)
	out.Body.Close()
	if out.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "no request with this code") ||
		strings.Contains(string(text), "<b>") {
		t.Errorf("%d %s", out.StatusCode, text)
	}
}

// Calls that nobody has to sign do not fill the memory.
func TestManyClients(t *testing.T) {
	s := newSite(t)
	for range 1000 {
		s.register()
	}
	register := func() error {
		_, err := s.oidc.RegisterClient(s.Context(), &ssooidc.RegisterClientInput{ClientName: aws.String("test"),
			ClientType: aws.String("public")})
		return err
	}
	s.wantCode(register(), "SlowDownException")
	s.ahead.Add(int64(91 * 24 * time.Hour))
	s.wantCode(register(), "")
}
