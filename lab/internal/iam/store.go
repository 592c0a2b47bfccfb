// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/identitycenter"
	"macaw.example/lab/internal/statefile"
)

// Config is the configuration of a Store. Only Root is required.
type Config struct {
	Account string // 12 digits; default 123456789012
	Region  string // whose partition ARNs name; default us-east-1
	// Settings are those of the account; nil is an account without any.
	Settings *account.Account
	// File holds the state between runs, with mode 0600. If empty, the state is in
	// memory only.
	File string
	// Root is the operator's key, which may do everything.
	Root Key
	// InstanceSession is the lifetime of the credentials of an instance's role, default
	// six hours. They are renewed half of it, but at most half an hour, before they
	// expire.
	InstanceSession time.Duration
	Log             *slog.Logger
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// Key is an access key.
type Key struct{ ID, Secret string }

// Store is an account's IAM. Its methods are safe for concurrent use.
type Store struct {
	cfg Config

	portal  *identitycenter.Center
	write   sync.Mutex // held while the model is being replaced
	current atomic.Pointer[model]
	encoded []byte // current as JSON; guarded by write
}

// model is the full state of the account. A model in use is immutable: an action works
// on its own copy.
type model struct {
	Users    map[string]*userRecord    // by name
	Roles    map[string]*roleRecord    // by name
	Policies map[string]*policyRecord  // by ARN
	Profiles map[string]*profileRecord // by name
	Keys     map[string]*keyRecord     // by access key ID
	Devices  map[string]*deviceRecord  // virtual MFA devices, by serial number
	// Secrets has one entry: the secret from which temporary credentials are derived.
	Secrets map[string][]byte
}

const sessionSecret = "sessions"

// Open reads a Store from its file; without a file the Store is empty.
func Open(cfg Config) (*Store, error) {
	if cfg.Root.ID == "" || cfg.Root.Secret == "" {
		return nil, errors.New("opening IAM state: no root key given")
	}
	if cfg.Account == "" {
		cfg.Account = "123456789012"
	}
	if cfg.InstanceSession == 0 {
		cfg.InstanceSession = 6 * time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	encoded, err := statefile.Read(cfg.File)
	if err != nil {
		return nil, fmt.Errorf("opening IAM state: %w", err)
	}
	s := &Store{cfg: cfg, encoded: encoded}
	s.portal = identitycenter.New(permissionSets{s}, cfg.Now)
	m, err := statefile.Decode[model](s.encoded)
	if err != nil {
		return nil, fmt.Errorf("reading IAM state %s: %w", cfg.File, err)
	}
	s.current.Store(m)
	if m.Secrets[sessionSecret] != nil {
		return s, nil
	}
	return s, s.update(Caller{}, func(t *tx) error {
		secret := make([]byte, 32)
		rand.Read(secret) // never fails, by its documentation
		t.Secrets[sessionSecret] = secret
		return nil
	})
}

// tx is one action's view of the state.
type tx struct {
	*model
	cfg *Config
	now time.Time
	who Caller
	// used means that a code of an MFA device has been taken: it stays taken if the call is refused afterwards.
	used bool
}

// view is a read-only view of the newest model.
func (s *Store) view(who Caller) *tx {
	return &tx{model: s.current.Load(), cfg: &s.cfg, now: s.cfg.Now(), who: who}
}

// update runs change on a copy of the model. The copy becomes the model if change
// succeeds, or has used up something before it failed, and the file is written.
func (s *Store) update(who Caller, change func(*tx) error) error {
	s.write.Lock()
	defer s.write.Unlock()
	m, err := statefile.Decode[model](s.encoded)
	if err != nil {
		return fmt.Errorf("copying the IAM state: %w", err)
	}
	t := &tx{model: m, cfg: &s.cfg, now: s.cfg.Now(), who: who}
	refused := change(t)
	if refused != nil && !t.used {
		return refused
	}
	encoded, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding the IAM state: %w", err)
	}
	if err := statefile.Write(s.cfg.File, encoded); err != nil {
		return fmt.Errorf("keeping the IAM state: %w", err)
	}
	s.encoded = encoded
	s.current.Store(m)
	return refused
}
