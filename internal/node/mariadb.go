// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"

	"macaw.example/internal/model"
)

var mariadb = service{
	name:  "mariadb",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "mariadb.cnf", path: "/etc/mysql/mariadb.conf.d/90-macaw.cnf", readers: []string{"mariadb.service"}},
	},
	units: []string{"mariadb.service"},
}

// database is a user of the database server with its schemas.
type database struct {
	user    string
	schemas []string
}

var databases = []database{
	{"glance", []string{"glance"}},
	{"keystone", []string{"keystone"}},
	{"neutron", []string{"neutron"}},
	{"nova", []string{"nova", "nova_api", "nova_cell0"}},
	{"placement", []string{"placement"}},
}

// query runs SQL as root, who needs no password on the server's own socket.
func query(ctx context.Context, run runner, sql string) (string, error) {
	return run(ctx, command{Args: []string{"mariadb", "--batch", "--skip-column-names"}, Stdin: sql})
}

// ensureAccounts gives each service its database user.
func (n *node) ensureAccounts(ctx context.Context) error {
	seen, err := query(ctx, n.run, accountsQuery)
	if err != nil {
		return fmt.Errorf("reading database accounts: %w", err)
	}
	sql := planAccounts(databases, n.secrets.Databases, seen)
	if sql == "" {
		return errNothingToDo
	}
	if _, err := query(ctx, n.run, sql); err != nil {
		return fmt.Errorf("making database accounts: %w", err)
	}
	return nil
}

const accountsQuery = `
SELECT User, JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv WHERE Host = '%';
SELECT CONCAT(User, ' on ', Db), '' FROM mysql.db WHERE Host = '%' AND Drop_priv = 'Y';
`

// planAccounts returns the SQL that is still needed, given accountsQuery's output; empty if
// everything is present.
func planAccounts(wanted []database, passwords map[string]string, seen string) string {
	have := map[string]string{}
	for line := range strings.Lines(seen) {
		name, hash, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		have[name] = hash
	}
	var sql strings.Builder
	for _, d := range wanted {
		if hash := nativePassword(passwords[d.user]); have[d.user] != hash {
			fmt.Fprintf(&sql, "CREATE OR REPLACE USER '%s'@'%%' IDENTIFIED VIA mysql_native_password USING '%s';\n", d.user,
				hash)
			have = map[string]string{} // replacing a user drops its grants
		}
		for _, schema := range d.schemas {
			if _, ok := have[d.user+" on "+schema]; !ok {
				fmt.Fprintf(&sql, "CREATE DATABASE IF NOT EXISTS %s;\nGRANT ALL ON %s.* TO '%s'@'%%';\n", schema, schema, d.user)
			}
		}
	}
	return sql.String()
}

// nativePassword hashes a password as MariaDB's plugin mysql_native_password does, the one that
// PyMySQL supports without further packages.
func nativePassword(password string) string {
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	return "*" + strings.ToUpper(hex.EncodeToString(twice[:]))
}
