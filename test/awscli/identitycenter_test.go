// SPDX-License-Identifier: Apache-2.0

package awscli

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"macaw.example/lab/labtest"
)

// identityCenter logs in and out with AWS's SDK for Go: the command line's commands for that find their
// endpoint by AWS's names only.
func identityCenter(t *testing.T, seen *recorder) {
	t.Helper()
	api := labtest.NewAPI(t, labtest.APIOptions{Region: region,
		Account: labtest.AccountSettings{PermissionSets: []string{"AdministratorAccess"}}})
	cfg, ctx := api.Config(), t.Context()
	cfg.HTTPClient = labtest.Direct{Handler: seen.note(api)}
	oidc, portal := ssooidc.NewFromConfig(cfg), sso.NewFromConfig(cfg)
	c, err := oidc.RegisterClient(ctx, &ssooidc.RegisterClientInput{ClientName: ptr("test"), ClientType: ptr("public"),
		Scopes: []string{"sso:account:access"}})
	if err != nil {
		t.Fatal(err)
	}
	started, err := oidc.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{ClientId: c.ClientId,
		ClientSecret: c.ClientSecret, StartUrl: ptr("https://lab.awsapps.com/start")})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"user_code": {*started.UserCode}, "password": {labtest.SecretKey}}
	page := httptest.NewRequest(http.MethodPost, "/device", strings.NewReader(form.Encode()))
	page.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	agreed := httptest.NewRecorder()
	api.ServeHTTP(agreed, page)
	if agreed.Code != http.StatusOK {
		t.Fatalf("agreeing: %d %s", agreed.Code, agreed.Body)
	}
	token, err := oidc.CreateToken(ctx, &ssooidc.CreateTokenInput{ClientId: c.ClientId, ClientSecret: c.ClientSecret,
		DeviceCode: started.DeviceCode, GrantType: ptr("urn:ietf:params:oauth:grant-type:device_code")})
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := portal.ListAccounts(ctx, &sso.ListAccountsInput{AccessToken: token.AccessToken})
	if err != nil {
		t.Fatal(err)
	}
	account := accounts.AccountList[0].AccountId
	roles, err := portal.ListAccountRoles(ctx, &sso.ListAccountRolesInput{AccessToken: token.AccessToken,
		AccountId: account})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := portal.GetRoleCredentials(ctx, &sso.GetRoleCredentialsInput{AccessToken: token.AccessToken,
		AccountId: account, RoleName: roles.RoleList[0].RoleName}); err != nil {
		t.Fatal(err)
	}
	if _, err := portal.Logout(ctx, &sso.LogoutInput{AccessToken: token.AccessToken}); err != nil {
		t.Fatal(err)
	}
}
