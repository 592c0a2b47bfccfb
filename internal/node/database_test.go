// SPDX-License-Identifier: Apache-2.0

package node

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

func TestPlanAccounts(t *testing.T) {
	wanted := []database{{"nova", []string{"nova", "nova_api"}}}
	passwords := map[string]string{"nova": "password"}
	// SELECT PASSWORD('password') in MariaDB.
	const hash = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
	for _, tt := range []struct {
		name, seen string
		user       bool
		grants     int
	}{
		{"nothing there", "", true, 2},
		{"all there", "nova\t" + hash + "\nnova on nova\t\nnova on nova_api\t\n", false, 0},
		{"a grant is missing", "nova\t" + hash + "\nnova on nova\t\n", false, 1},
		{"another password", "nova\t*00\nnova on nova\t\nnova on nova_api\t\n", true, 2},
	} {
		sql := planAccounts(wanted, passwords, tt.seen)
		if got := strings.Contains(sql,
			"USER 'nova'@'%' IDENTIFIED VIA mysql_native_password USING '"+hash+"'"); got != tt.user {
			t.Errorf("%s: makes the user: %v, want %v", tt.name, got, tt.user)
		}
		if got := strings.Count(sql, "GRANT ALL"); got != tt.grants {
			t.Errorf("%s: %d grants, want %d", tt.name, got, tt.grants)
		}
		if strings.Contains(sql, "'password'") {
			t.Errorf("%s: the password itself is in the statement", tt.name)
		}
	}
}

// blankKeystone is what the package step leaves.
func blankKeystone() seenIdentity {
	var lines strings.Builder
	for i, user := range append([]string{"admin"}, accountNames()...) {
		lines.WriteString("user\t" + string(rune('1'+i)) + "\t" + user + "\t\n")
	}
	for _, e := range catalog {
		lines.WriteString("service\tid-" + e.name + "\t" + e.name + "\t" + e.kind + "\n")
	}
	return parseIdentity(lines.String())
}

func TestPlanIdentity(t *testing.T) {
	s, sec, now := allInOne(), knownSecrets(), time.Unix(1000, 0)
	seen := blankKeystone()
	sql, err := planIdentity(s, sec, seen, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(sql, "INSERT INTO keystone.password"), len(accounts)+1; got != want {
		t.Errorf("%d passwords, want %d", got, want)
	}
	if got, want := strings.Count(sql, "INSERT INTO keystone.endpoint"), 3*len(catalog); got != want {
		t.Errorf("%d endpoints, want %d", got, want)
	}
	if strings.Contains(sql, "secret-") {
		t.Error("a password is in the statements")
	}

	// As it is afterwards, except that the administrator has changed the password.
	hash := func(password string) string {
		b, _ := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		return string(b)
	}
	seen.users["admin"] = [2]string{"1", hash("my own")}
	for _, a := range accounts {
		seen.users[a.user] = [2]string{seen.users[a.user][0], hash(sec.Accounts[a.user])}
	}
	for _, e := range catalog {
		seen.endpoints[[2]string{"id-" + e.name, "public@RegionOne"}] = e.outside(s)
		seen.endpoints[[2]string{"id-" + e.name, "internal@RegionOne"}] = e.inside(s)
		seen.endpoints[[2]string{"id-" + e.name, "admin@RegionOne"}] = e.inside(s)
	}
	if sql, err := planIdentity(s, sec, seen, now); sql != "" || err != nil {
		t.Errorf("nothing differs, and yet: %s %v", sql, err)
	}

	seen.endpoints[[2]string{"id-nova", "public@RegionOne"}] = "http://198.51.100.99:8774/v2.1"
	seen.users["nova"] = [2]string{"4", hash("another")}
	sql, err = planIdentity(s, sec, seen, now)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(sql, "password_hash") != 1 ||
		strings.Count(sql, "UPDATE keystone.endpoint SET url = 'https://198.51.100.10/compute/v2.1'") != 1 ||
		strings.Contains(sql, "INSERT INTO keystone.endpoint") {
		t.Errorf("want one password and one endpoint corrected, got:\n%s", sql)
	}

	delete(seen.users, "nova")
	if _, err := planIdentity(s, sec, seen, now); err == nil {
		t.Error("a missing user is not noticed")
	}
}
