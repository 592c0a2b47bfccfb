// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secretsPath is the file with the cloud's secrets on its controller.
const secretsPath = "/etc/macaw/secrets.json"

// secrets are generated once for a cloud and shared by its nodes.
type secrets struct {
	Admin     string            `json:"admin"`     // Keystone's administrator, a person
	Accounts  map[string]string `json:"accounts"`  // Keystone users of the services
	Databases map[string]string `json:"databases"` // database users
	Rabbit    string            `json:"rabbit"`
	Metadata  string            `json:"metadata"`  // between Neutron's metadata agents and Nova
	Dashboard string            `json:"dashboard"` // signs the dashboard's sessions
}

// loadSecrets reads the cloud's secrets. If create is true, it generates a missing file or missing
// fields; a node that is not the controller receives the file instead.
func loadSecrets(root string, create bool) (secrets, error) {
	var s secrets
	content, err := os.ReadFile(filepath.Join(root, secretsPath))
	switch {
	case errors.Is(err, fs.ErrNotExist) && create:
	case errors.Is(err, fs.ErrNotExist):
		return s, fmt.Errorf("reading the cloud's secrets: %w (they are made on the controller, and copied from there)", err)
	case err != nil:
		return s, fmt.Errorf("reading the cloud's secrets: %w", err)
	default:
		if err := json.Unmarshal(content, &s); err != nil {
			return s, fmt.Errorf("reading the cloud's secrets from %s: %w", secretsPath, err)
		}
	}
	if !create {
		return s, nil
	}
	s.fill()
	content, err = json.MarshalIndent(s, "", "  ")
	if err != nil {
		return s, fmt.Errorf("writing the cloud's secrets: %w", err)
	}
	_, err = file{Path: secretsPath, Mode: 0o600, Content: append(content, '\n')}.write(root)
	return s, err
}

// fill generates what is missing.
func (s *secrets) fill() {
	for _, field := range []*string{&s.Admin, &s.Rabbit, &s.Metadata, &s.Dashboard} {
		if *field == "" {
			*field = newSecret()
		}
	}
	if s.Accounts == nil {
		s.Accounts = map[string]string{}
	}
	if s.Databases == nil {
		s.Databases = map[string]string{}
	}
	for _, a := range accounts {
		if s.Accounts[a.user] == "" {
			s.Accounts[a.user] = newSecret()
		}
	}
	for _, d := range databases {
		if s.Databases[d.user] == "" {
			s.Databases[d.user] = newSecret()
		}
	}
}

// newSecret is 130 bits in letters and digits that need no quoting in URLs and files.
func newSecret() string { return strings.ToLower(rand.Text()) }

// makeKeys makes a directory with the first two keys of a Fernet key repository of Keystone. It
// leaves an existing one alone: keys rotate.
func makeKeys(root, dir string) error {
	path := filepath.Join(root, dir)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	uid, gid, err := ids("keystone", "keystone")
	if err != nil {
		return fmt.Errorf("making keys in %s: %w", dir, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".macaw-*")
	if err != nil {
		return fmt.Errorf("making keys in %s: %w", dir, err)
	}
	defer os.RemoveAll(tmp)
	for _, name := range []string{"0", "1"} {
		key := make([]byte, 32)
		rand.Read(key)
		name = filepath.Join(tmp, name)
		_, e := file{Path: name, Owner: "keystone", Group: "keystone", Mode: 0o600,
			Content: []byte(base64.URLEncoding.EncodeToString(key))}.write("/")
		err = errors.Join(err, e)
	}
	err = errors.Join(err, os.Chown(tmp, uid, gid), os.Chmod(tmp, 0o700))
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("making keys in %s: %w", dir, err)
	}
	return nil
}

// rabbitCookiePath has the cookie by which the broker and its tools authenticate.
const rabbitCookiePath = "/var/lib/rabbitmq/.erlang.cookie"

// makeRabbitCookie generates a cookie if there is none. Erlang would do it, but its cookie can be
// guessed.
func makeRabbitCookie(root string) error {
	if exists(filepath.Join(root, rabbitCookiePath)) {
		return nil
	}
	_, err := file{Path: rabbitCookiePath, Owner: "rabbitmq", Group: "rabbitmq", Mode: 0o400,
		Content: []byte(newSecret())}.write(root)
	return err
}
