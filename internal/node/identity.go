// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"macaw.example/internal/nodeapi"
)

// gatewayRole is the name of the gateway agents' user, and of its role in Neutron's policy.
const gatewayRole = "macaw-gateway"

// account is a user of Keystone in the project "service".
type account struct {
	user  string
	roles []string
}

var accounts = []account{
	{"glance", []string{"admin", "service"}},
	{"neutron", []string{"admin", "service"}},
	{"nova", []string{"admin", "service"}},
	{"placement", []string{"admin", "service"}},
	{gatewayRole, []string{gatewayRole}},
}

// catalogEntry is a service in the catalog.
type catalogEntry struct {
	name, kind string
	port       int    // inside the cloud
	prefix     string // outside, where all services share a port; as DevStack has them
	path       string
}

var catalog = []catalogEntry{
	{"glance", "image", nodeapi.GlancePort, "/image", ""},
	{"keystone", "identity", nodeapi.KeystonePort, "/identity", "/v3/"},
	{"neutron", "network", nodeapi.NeutronPort, "/networking", ""},
	{"nova", "compute", nodeapi.NovaPort, "/compute", "/v2.1"},
	{"placement", "placement", nodeapi.PlacementPort, "/placement", ""},
}

// inside is the URL for the cloud's own services.
func (e catalogEntry) inside(s nodeapi.OpenStack) string {
	return fmt.Sprintf("http://%s%s", netip.AddrPortFrom(s.Controller, uint16(e.port)), e.path)
}

// outside is the URL for everybody else, served by HAProxy.
func (e catalogEntry) outside(s nodeapi.OpenStack) string {
	return "https://" + public(s) + e.prefix + e.path
}

// identity is Keystone's content that depends on no password or address.
type identity struct {
	Accounts map[string][]string `json:"accounts"` // roles by user
	Services map[string]string   `json:"services"` // types by name
}

func blankIdentity() identity {
	i := identity{map[string][]string{}, map[string]string{}}
	for _, a := range accounts {
		i.Accounts[a.user] = a.roles
	}
	for _, e := range catalog {
		i.Services[e.name] = e.kind
	}
	return i
}

// Costs of Keystone's hashes. A person's password gets the usual cost. A service's has 130 random
// bits, which need no stretching, and is checked at every start of every daemon.
const (
	personCost  = 12
	serviceCost = bcrypt.MinCost
)

// identityQuery reads the users with their passwords' hashes, and the catalog.
const identityQuery = `
SELECT 'user', u.id, u.name, IFNULL(p.password_hash, '') FROM keystone.local_user u
  LEFT JOIN keystone.password p ON p.local_user_id = u.id WHERE u.domain_id = 'default' ORDER BY p.created_at_int;
SELECT 'service', id, JSON_VALUE(extra, '$.name'), type FROM keystone.service;
SELECT 'endpoint', service_id, CONCAT(interface, '@', IFNULL(region_id, '')), url FROM keystone.endpoint;
`

// ensureIdentity gives Keystone the cloud's passwords and addresses. It writes them into the
// database, because every service needs them at once and Keystone itself takes longer to start than
// everything before it.
func (n *node) ensureIdentity(ctx context.Context) error {
	seen, err := query(ctx, n.run, identityQuery)
	if err != nil {
		return fmt.Errorf("reading Keystone's users and catalog: %w", err)
	}
	sql, err := planIdentity(n.spec, n.secrets, parseIdentity(seen), time.Now())
	if err != nil {
		return err
	}
	if sql == "" {
		return errNothingToDo
	}
	if _, err := query(ctx, n.run, "START TRANSACTION;\n"+sql+"COMMIT;\n"); err != nil {
		return fmt.Errorf("writing Keystone's passwords and catalog: %w", err)
	}
	return nil
}

// seenIdentity is the content of Keystone's database.
type seenIdentity struct {
	users     map[string][2]string // by name: identifier and hash of the latest password
	services  map[string]string    // identifiers by name
	endpoints map[[2]string]string // by service's identifier and interface@region: URL
}

// parseIdentity parses the output of identityQuery.
func parseIdentity(out string) seenIdentity {
	s := seenIdentity{map[string][2]string{}, map[string]string{}, map[[2]string]string{}}
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			continue
		}
		switch f[0] {
		case "user":
			s.users[f[2]] = [2]string{f[1], f[3]}
		case "service":
			s.services[f[2]] = f[1]
		case "endpoint":
			s.endpoints[[2]string{f[1], f[2]}] = f[3]
		}
	}
	return s
}

// planIdentity returns the SQL that is still needed; empty if everything is present.
func planIdentity(s nodeapi.OpenStack, sec secrets, seen seenIdentity, now time.Time) (string, error) {
	var sql strings.Builder
	password := func(user, password string, cost int) error {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
		if err != nil {
			return fmt.Errorf("hashing the password of %s: %w", user, err)
		}
		id := seen.users[user][0]
		fmt.Fprintf(&sql, "DELETE FROM keystone.password WHERE local_user_id = %s;\n", id)
		fmt.Fprintf(&sql, "INSERT INTO keystone.password (local_user_id, password_hash, created_at_int, created_at) "+
			"VALUES (%s, '%s', %d, '%s');\n",
			id, hash, now.UnixMicro(), now.UTC().Format(time.DateTime))
		return nil
	}
	for _, user := range append([]string{"admin"}, accountNames()...) {
		have, ok := seen.users[user]
		if !ok {
			return "", fmt.Errorf("no user %s in Keystone's database", user)
		}
		var err error
		switch {
		case user == "admin" && have[1] == "":
			err = password(user, sec.Admin, personCost)
		case user == "admin":
			// The administrator may have changed it.
		case bcrypt.CompareHashAndPassword([]byte(have[1]), []byte(sec.Accounts[user])) != nil:
			err = password(user, sec.Accounts[user], serviceCost)
		}
		if err != nil {
			return "", err
		}
	}
	catalogSQL, err := planCatalog(s, seen)
	return sql.String() + catalogSQL, err
}

// planCatalog returns the SQL for endpoints that are missing or have another URL.
func planCatalog(s nodeapi.OpenStack, seen seenIdentity) (string, error) {
	var sql strings.Builder
	for _, e := range catalog {
		service := seen.services[e.name]
		if service == "" {
			return "", fmt.Errorf("no service %s in Keystone's database", e.name)
		}
		for _, at := range []struct{ kind, url string }{
			{"public", e.outside(s)}, {"internal", e.inside(s)}, {"admin", e.inside(s)},
		} {
			switch have, ok := seen.endpoints[[2]string{service, at.kind + "@" + s.Region}]; {
			case !ok:
				fmt.Fprintf(&sql, "INSERT INTO keystone.endpoint (id, interface, service_id, url, extra, enabled, region_id) "+
					"VALUES ('%s', '%s', '%s', '%s', '{}', 1, '%s');\n",
					newID(), at.kind, service, at.url, s.Region)
			case have != at.url:
				fmt.Fprintf(&sql, "UPDATE keystone.endpoint SET url = '%s' WHERE service_id = '%s' AND interface = '%s' AND "+
					"region_id = '%s';\n",
					at.url, service, at.kind, s.Region)
			}
		}
	}
	if sql.Len() == 0 {
		return "", nil
	}
	region := fmt.Sprintf("INSERT IGNORE INTO keystone.region (id, description, extra) VALUES ('%s', '', '{}');\n",
		s.Region)
	return region + sql.String(), nil
}

func accountNames() []string {
	var names []string
	for _, a := range accounts {
		names = append(names, a.user)
	}
	return names
}

// newID returns an identifier in OpenStack's form.
func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}
