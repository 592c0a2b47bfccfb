// SPDX-License-Identifier: Apache-2.0

package identitycenter

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// StartURL is the address of the access portal, which profiles name.
const StartURL = "https://lab.awsapps.com/start"

// User is the name of the only user, and of the sessions of roles.
const User = "operator"

const (
	// clientLife is how long a registered client may ask for tokens (OIDC API Reference, RegisterClient,
	// example).
	clientLife = 90 * 24 * time.Hour
	// codeLife is how long the user may take to agree (OIDC API Reference, StartDeviceAuthorization, example).
	codeLife = 10 * time.Minute
	// sessionLife is how long a user's session lasts (IAM Identity Center User Guide, configure-user-session:
	// eight hours unless changed). A token that can be refreshed lasts an hour of it (AWS SDKs and Tools
	// Reference Guide, understanding-sso).
	sessionLife = 8 * time.Hour
	tokenLife   = time.Hour
)

// Credentials are those of a role.
type Credentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
	Expiration      int64  `json:"expiration"` // milliseconds since 1970
}

// Account is what a user may use.
type Account interface {
	// ID is the account's number.
	ID() string
	// Password is the user's.
	Password() string
	// PermissionSets are those that the user has.
	PermissionSets() []string
	// PermissionSetCredentials are credentials of the role of a permission set, for a session of a name.
	PermissionSetCredentials(set, session string) (Credentials, error)
}

// Center is an IAM Identity Center. Its methods are safe for concurrent use.
type Center struct {
	account Account
	now     func() time.Time

	mu        sync.Mutex
	clients   map[string]client
	codes     map[string]*authorization // by device code
	tokens    map[string]*session       // by access token
	refreshes map[string]*session       // by refresh token
}

// client is a registered client.
type client struct {
	secret      string
	refreshable bool
	ends        time.Time
}

// authorization is a request for tokens, which the user agrees to on a page.
type authorization struct {
	client, user string // IDs: user is the code that the page shows
	agreed       bool
	ends         time.Time
}

// session is a user's, by one client.
type session struct {
	client          string
	access, refresh string
	expires, ends   time.Time // the access token, and the session
}

// New returns an Identity Center without sessions.
func New(a Account, now func() time.Time) *Center {
	return &Center{account: a, now: now, clients: map[string]client{}, codes: map[string]*authorization{},
		tokens: map[string]*session{}, refreshes: map[string]*session{}}
}

// refusal is an error of either service.
type refusal struct {
	status        int
	code, message string
	// oauth is the code in the words of OAuth 2.0, for the OIDC service.
	oauth string
}

// operation is one of either service. An answer that is nil has no body.
type operation struct {
	name string // such as "sso Logout"
	run  func(*Center, *http.Request) (any, *refusal)
}

// operations are by method and path (the models' requestUri).
var operations = map[string]operation{
	"POST /client/register":       {"sso-oidc RegisterClient", (*Center).registerClient},
	"POST /device_authorization":  {"sso-oidc StartDeviceAuthorization", (*Center).startDeviceAuthorization},
	"POST /token":                 {"sso-oidc CreateToken", (*Center).createToken},
	"GET /federation/credentials": {"sso GetRoleCredentials", (*Center).getRoleCredentials},
	"GET /assignment/accounts":    {"sso ListAccounts", (*Center).listAccounts},
	"GET /assignment/roles":       {"sso ListAccountRoles", (*Center).listAccountRoles},
	"POST /logout":                {"sso Logout", (*Center).logout},
}

// Actions lists the operations, as "sso Logout", sorted.
func Actions() []string {
	var names []string
	for _, o := range operations {
		names = append(names, o.name)
	}
	slices.Sort(names)
	return names
}

// Serves reports whether a request is one for the Identity Center. Paths tell: the other services have none.
func Serves(r *http.Request) bool {
	_, ok := operations[r.Method+" "+r.URL.Path]
	return ok || r.URL.Path == pagePath
}

// ServeHTTP answers a request.
func (c *Center) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == pagePath {
		c.servePage(w, r)
		return
	}
	answer, refused := operations[r.Method+" "+r.URL.Path].run(c, r)
	status := http.StatusOK
	if refused != nil {
		// The REST-JSON protocol has the code in a header (Smithy, AWS restJson1 protocol).
		w.Header().Set("x-amzn-ErrorType", refused.code)
		status, answer = refused.status, map[string]string{"message": refused.message}
		if refused.oauth != "" {
			answer = map[string]string{"error": refused.oauth, "error_description": refused.message}
		}
	}
	if answer == nil {
		return
	}
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, "encoding an answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// most is how many clients and requests for tokens are kept: nobody has to sign those calls.
const most = 1000

// room removes what has expired, and refuses if there is still too much; the caller holds the lock.
func (c *Center) room() *refusal {
	now := c.now()
	maps.DeleteFunc(c.clients, func(_ string, known client) bool { return !now.Before(known.ends) })
	maps.DeleteFunc(c.codes, func(_ string, a *authorization) bool { return !now.Before(a.ends) })
	for _, sessions := range []map[string]*session{c.tokens, c.refreshes} {
		maps.DeleteFunc(sessions, func(_ string, s *session) bool { return !now.Before(s.ends) })
	}
	if len(c.clients) >= most || len(c.codes) >= most {
		return refuse(http.StatusBadRequest, "SlowDownException", "slow_down", "There are too many requests")
	}
	return nil
}

// newToken is text that nobody guesses.
func newToken() string { return "aoa" + rand.Text() + rand.Text() }
