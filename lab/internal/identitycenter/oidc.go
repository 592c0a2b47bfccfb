// SPDX-License-Identifier: Apache-2.0

package identitycenter

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"
)

func refuse(status int, code, oauth, message string) *refusal {
	return &refusal{status: status, code: code, oauth: oauth, message: message}
}

// The errors of the OIDC service (OIDC API Reference); their descriptions are the lab's.
func badRequest(message string) *refusal {
	return refuse(http.StatusBadRequest, "InvalidRequestException", "invalid_request", message)
}

func badGrant(message string) *refusal {
	return refuse(http.StatusBadRequest, "InvalidGrantException", "invalid_grant", message)
}

func badClient() *refusal {
	return refuse(http.StatusUnauthorized, "InvalidClientException", "invalid_client",
		"The client is not registered, its secret is another, or its registration has expired")
}

func read(r *http.Request, into any) *refusal {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return badRequest("The request is no JSON")
	}
	return nil
}

type registered struct {
	ClientID  string `json:"clientId"`
	Secret    string `json:"clientSecret"`
	IssuedAt  int64  `json:"clientIdIssuedAt"`
	ExpiresAt int64  `json:"clientSecretExpiresAt"`
}

// accountScope is the scope of tokens that can be refreshed (AWS CLI User Guide, cli-configure-sso,
// sso_registration_scopes).
const accountScope = "sso:account:access"

func (c *Center) registerClient(r *http.Request) (any, *refusal) {
	var in struct {
		ClientName, ClientType string
		Scopes                 []string
	}
	if refused := read(r, &in); refused != nil {
		return nil, refused
	}
	switch {
	case in.ClientName == "":
		return nil, badRequest("clientName is missing")
	case in.ClientType != "public":
		return nil, refuse(http.StatusBadRequest, "InvalidClientMetadataException", "invalid_client_metadata",
			"Only public clients are supported")
	}
	now, id := c.now(), rand.Text()
	made := client{secret: newToken(), refreshable: slices.Contains(in.Scopes, accountScope), ends: now.Add(clientLife)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if refused := c.room(); refused != nil {
		return nil, refused
	}
	c.clients[id] = made
	return registered{id, made.secret, now.Unix(), made.ends.Unix()}, nil
}

// client finds a registered client; the caller holds the lock.
func (c *Center) client(id, secret string) (client, *refusal) {
	known, ok := c.clients[id]
	if !ok || subtle.ConstantTimeCompare([]byte(known.secret), []byte(secret)) != 1 || !c.now().Before(known.ends) {
		return client{}, badClient()
	}
	return known, nil
}

type started struct {
	DeviceCode string `json:"deviceCode"`
	UserCode   string `json:"userCode"`
	URI        string `json:"verificationUri"`
	Complete   string `json:"verificationUriComplete"`
	ExpiresIn  int    `json:"expiresIn"` // seconds
	Interval   int    `json:"interval"`
}

func (c *Center) startDeviceAuthorization(r *http.Request) (any, *refusal) {
	var in struct{ ClientId, ClientSecret, StartUrl string }
	if refused := read(r, &in); refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, refused := c.client(in.ClientId, in.ClientSecret); refused != nil {
		return nil, refused
	}
	if in.StartUrl != StartURL {
		return nil, badRequest("Invalid start url provided: that of the lab is " + StartURL)
	}
	if refused := c.room(); refused != nil {
		return nil, refused
	}
	user := rand.Text()[:8]
	a := &authorization{client: in.ClientId, user: user[:4] + "-" + user[4:], ends: c.now().Add(codeLife)}
	code := newToken()
	c.codes[code] = a
	page := url.URL{Scheme: "http", Host: r.Host, Path: pagePath}
	if r.TLS != nil {
		page.Scheme = "https"
	}
	complete := page
	complete.RawQuery = url.Values{"user_code": {a.user}}.Encode()
	return started{code, a.user, page.String(), complete.String(), int(codeLife.Seconds()), 1}, nil
}

type token struct {
	AccessToken  string `json:"accessToken"`
	TokenType    string `json:"tokenType"`
	ExpiresIn    int    `json:"expiresIn"` // seconds
	RefreshToken string `json:"refreshToken,omitempty"`
}

// The grants of CreateToken that the lab has.
const (
	byDevice  = "urn:ietf:params:oauth:grant-type:device_code"
	byRefresh = "refresh_token"
)

func (c *Center) createToken(r *http.Request) (any, *refusal) {
	var in struct{ ClientId, ClientSecret, GrantType, DeviceCode, RefreshToken string }
	if refused := read(r, &in); refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known, refused := c.client(in.ClientId, in.ClientSecret)
	if refused != nil {
		return nil, refused
	}
	now := c.now()
	switch in.GrantType {
	case byDevice:
		a := c.codes[in.DeviceCode]
		switch {
		case a == nil || a.client != in.ClientId:
			return nil, badGrant("Invalid device code")
		case !now.Before(a.ends):
			return nil, refuse(http.StatusBadRequest, "ExpiredTokenException", "expired_token", "The device code has expired")
		case !a.agreed:
			return nil, refuse(http.StatusBadRequest, "AuthorizationPendingException", "authorization_pending",
				"The user has not agreed yet")
		}
		delete(c.codes, in.DeviceCode) // once
		return c.tokensOf(now, &session{client: in.ClientId, ends: now.Add(sessionLife)}, known.refreshable), nil
	case byRefresh:
		s := c.refreshes[in.RefreshToken]
		if s == nil || s.client != in.ClientId || !now.Before(s.ends) {
			return nil, badGrant("Invalid refresh token provided")
		}
		delete(c.refreshes, s.refresh)
		delete(c.tokens, s.access)
		return c.tokensOf(now, &session{client: s.client, ends: s.ends}, true), nil
	}
	return nil, refuse(http.StatusBadRequest, "UnsupportedGrantTypeException", "unsupported_grant_type",
		"The lab has the grants "+byDevice+" and "+byRefresh)
}

// tokensOf gives a session its tokens.
func (c *Center) tokensOf(now time.Time, s *session, refreshable bool) token {
	s.access, s.expires = newToken(), s.ends
	if refreshable {
		s.refresh = newToken()
		c.refreshes[s.refresh] = s
		if soon := now.Add(tokenLife); soon.Before(s.ends) {
			s.expires = soon
		}
	}
	c.tokens[s.access] = s
	return token{s.access, "Bearer", int(s.expires.Sub(now) / time.Second), s.refresh}
}
