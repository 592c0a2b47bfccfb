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
	"slices"
	"strings"

	"macaw.example/internal/configfile"
	"macaw.example/internal/filelock"
	"macaw.example/internal/hint"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// secretsPath is the file with the cloud's secrets on its controller, and on another node with those of
// its roles.
const secretsPath = nodeapi.Secrets

// secrets are generated once for a cloud, on its controller.
type secrets struct {
	// Roles are those of the node that this part of the secrets is for; none on the controller, which
	// has all.
	Roles     []model.Role      `json:"roles,omitempty"`
	Admin     string            `json:"admin,omitempty"`     // Keystone's administrator, a person
	Accounts  map[string]string `json:"accounts,omitempty"`  // Keystone users of the services
	Databases map[string]string `json:"databases,omitempty"` // database users
	Rabbit    string            `json:"rabbit,omitempty"`
	Metadata  string            `json:"metadata,omitempty"`  // between Neutron's metadata agents and Nova
	Dashboard string            `json:"dashboard,omitempty"` // signs the dashboard's sessions
	Disks     diskKeys          `json:"disks,omitzero"`
}

// part returns the secrets for a node that is not the controller.
func (s secrets) part(roles []model.Role) secrets {
	p := secrets{Roles: roles, Accounts: map[string]string{}}
	if slices.Contains(roles, model.Gateway) {
		p.Accounts[gatewayRole] = s.Accounts[gatewayRole]
	}
	if slices.Contains(roles, model.Compute) {
		for _, user := range []string{"neutron", "nova", "placement"} {
			p.Accounts[user] = s.Accounts[user]
		}
		p.Rabbit, p.Metadata, p.Disks = s.Rabbit, s.Metadata, s.Disks
	}
	return p
}

// whole returns an error unless the part for these roles is all there.
func (s secrets) whole(roles []model.Role) error {
	for user, password := range s.part(roles).Accounts {
		if password == "" {
			return fmt.Errorf("no password of the account %s", user)
		}
	}
	if slices.Contains(roles, model.Compute) && (s.Rabbit == "" || s.Metadata == "" || s.Disks.isZero()) {
		return errors.New("not all that a compute node needs")
	}
	return nil
}

// SecretsFor returns the part of the cloud's secrets for a node with these roles, as JSON for
// nodeapi.Secrets of that node. It runs on the controller, at any time, and makes the secrets if there are
// none.
func SecretsFor(roles []model.Role) ([]byte, error) { return secretsFor("/", roles) }

func secretsFor(root string, roles []model.Role) ([]byte, error) {
	if len(roles) == 0 {
		return nil, errors.New("choosing secrets for another node: it has no role")
	}
	for _, r := range roles {
		if r != model.Compute && r != model.Gateway {
			return nil, fmt.Errorf("choosing secrets for another node: its role is %q, and must be compute or gateway", r)
		}
	}
	s, err := makeSecrets(root)
	if err != nil {
		return nil, err
	}
	return encodeSecrets(s.part(roles))
}

// loadSecrets reads the cloud's secrets, as far as they are for a node with these roles. On the controller
// it generates what is missing; another node receives the file.
func loadSecrets(root string, roles []model.Role) (secrets, error) {
	if slices.Contains(roles, model.Controller) {
		return makeSecrets(root)
	}
	const task = "reading the secrets of this node"
	s, err := readSecrets(root)
	if err != nil {
		return s, fmt.Errorf("%s: %w", task, err)
	}
	if err := s.whole(roles); err != nil {
		return s, hint.With(fmt.Errorf("%s, with the roles %v, from %s: %w", task, roles, secretsPath, err),
			"macaw up FILE copies them from the controller")
	}
	return s.part(roles), nil
}

// makeSecrets returns the cloud's secrets, on the controller. It may run beside itself: before other nodes'
// runs, and in this node's own, which takes long.
func makeSecrets(root string) (secrets, error) {
	dir := filepath.Join(root, filepath.Dir(secretsPath))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return secrets{}, fmt.Errorf("writing the cloud's secrets: %w", err)
	}
	held, err := os.Open(dir)
	if err != nil {
		return secrets{}, fmt.Errorf("locking the cloud's secrets: %w", err)
	}
	defer held.Close()
	if err := filelock.Lock(held); err != nil {
		return secrets{}, fmt.Errorf("locking the cloud's secrets in %s: %w", dir, err)
	}
	s, err := readSecrets(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("reading the cloud's secrets: %w", err)
	}
	if len(s.Roles) > 0 {
		return s, hint.With(fmt.Errorf("reading the cloud's secrets: %s has the part for a node with the roles %v, "+
			"and not all that a controller needs", secretsPath, s.Roles), "the cloud's secrets are on its controller")
	}
	if err := s.fill(); err != nil {
		return s, fmt.Errorf("making the cloud's secrets: %w", err)
	}
	content, err := encodeSecrets(s)
	if err != nil {
		return s, err
	}
	_, err = file{Path: secretsPath, Mode: 0o600, Content: content}.Write(root)
	return s, err
}

func readSecrets(root string) (s secrets, err error) {
	content, err := os.ReadFile(filepath.Join(root, secretsPath))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(content, &s); err != nil {
		return s, fmt.Errorf("parsing %s: %w", secretsPath, err)
	}
	return s, nil
}

func encodeSecrets(s secrets) ([]byte, error) {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the cloud's secrets: %w", err)
	}
	return append(content, '\n'), nil
}

// fill generates what is missing.
func (s *secrets) fill() error {
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
	return s.Disks.fill()
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
	uid, gid, err := configfile.IDs("keystone", "keystone")
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
			Content: []byte(base64.URLEncoding.EncodeToString(key))}.Write("/")
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
		Content: []byte(newSecret())}.Write(root)
	return err
}
