// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"macaw.example/internal/nodeapi"
)

//go:embed schema.py
var schemaScript []byte

const (
	mariadbSocket = "/run/mysqld/mysqld.sock"
	schemaStamp   = "/var/lib/macaw/schemas.json"
)

// schemaPackages contain the databases' migrations.
var schemaPackages = []string{"python3-glance", "python3-keystone", "python3-neutron", "python3-nova",
	"python3-placement"}

// schemaVersions are the installed versions of the packages with migrations.
func schemaVersions(ctx context.Context, run runner) (map[string]string, error) {
	out, err := run(ctx, command{Args: append([]string{"dpkg-query", "--show", "--showformat=${Package} ${Version}\\n",
		"--"}, schemaPackages...)})
	if err != nil {
		return nil, fmt.Errorf("asking for the versions of packages: %w", err)
	}
	versions := map[string]string{}
	for line := range strings.Lines(out) {
		name, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		versions[name] = version
	}
	return versions, nil
}

// stampedVersions are the versions that made the tables; nil if there are no tables.
func stampedVersions(root string) (map[string]string, error) {
	content, err := os.ReadFile(filepath.Join(root, schemaStamp))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the versions of the databases: %w", err)
	}
	var versions map[string]string
	if err := json.Unmarshal(content, &versions); err != nil {
		return nil, fmt.Errorf("reading the versions of the databases from %s: %w", schemaStamp, err)
	}
	return versions, nil
}

// schemasCurrent reports whether the tables match the installed packages. It needs no database
// server.
func schemasCurrent(ctx context.Context, run runner, root string) (bool, error) {
	versions, err := schemaVersions(ctx, run)
	if err != nil {
		return false, err
	}
	stamped, err := stampedVersions(root)
	return maps.Equal(versions, stamped), err
}

// ensureSchemas migrates the tables to the installed packages. If the stamp shows that they match,
// this takes only one dpkg-query. The database server must run.
func ensureSchemas(ctx context.Context, run runner, root string) error {
	versions, err := schemaVersions(ctx, run)
	if err != nil {
		return err
	}
	stamped, err := stampedVersions(root)
	if err != nil {
		return err
	}
	if maps.Equal(versions, stamped) {
		return errNothingToDo
	}
	var sql strings.Builder
	// Not the secrets: those of other nodes may be asked for before this node has its databases.
	fresh := stamped == nil && !exists(filepath.Join(root, nodeapi.CloudsYAML))
	if fresh {
		if err := unused(ctx, run); err != nil {
			return err
		}
	}
	for _, d := range databases {
		for _, schema := range d.schemas {
			if fresh {
				// MariaDB cannot roll back half a migration, and the schema has no data yet.
				fmt.Fprintf(&sql, "DROP DATABASE IF EXISTS %s;\n", schema)
			}
			fmt.Fprintf(&sql, "CREATE DATABASE IF NOT EXISTS %s CHARACTER SET utf8mb3;\n", schema)
		}
	}
	if _, err := query(ctx, run, sql.String()); err != nil {
		return fmt.Errorf("making databases: %w", err)
	}
	identity, err := json.Marshal(blankIdentity())
	if err != nil {
		return fmt.Errorf("making tables: %w", err)
	}
	if _, err := run(ctx, command{Args: []string{"python3", "-", mariadbSocket, string(identity)},
		Stdin: string(schemaScript)}); err != nil {
		return fmt.Errorf("making tables: %w", err)
	}
	content, err := json.Marshal(versions)
	if err != nil {
		return fmt.Errorf("stamping the databases: %w", err)
	}
	_, err = file{Path: schemaStamp, Mode: 0o644, Content: content}.Write(root)
	return err
}

// unused checks that no cloud has its data in the databases: only then may they be dropped. The
// passwords are the first data that a cloud writes; the package step makes users without them.
func unused(ctx context.Context, run runner) error {
	tables, err := query(ctx, run,
		"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'keystone' AND table_name = 'password';\n")
	if err != nil {
		return fmt.Errorf("reading the databases: %w", err)
	}
	if strings.TrimSpace(tables) == "0" {
		return nil
	}
	rows, err := query(ctx, run, "SELECT COUNT(*) FROM keystone.password;\n")
	if err != nil {
		return fmt.Errorf("reading the databases: %w", err)
	}
	if strings.TrimSpace(rows) != "0" {
		return fmt.Errorf("the databases hold a cloud's data, but %s and %s, which belong to it, are missing: "+
			"nothing was changed; restore the files, or drop the databases by hand if they are not needed",
			nodeapi.CloudsYAML, schemaStamp)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
