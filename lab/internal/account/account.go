// SPDX-License-Identifier: Apache-2.0

package account

import (
	"encoding/json"
	"fmt"
	"sync"

	"macaw.example/lab/internal/statefile"
)

// Account holds the current settings. A nil Account has the zero Settings. Its methods are safe
// for concurrent use.
type Account struct {
	file  string
	zones []string // of the region

	mu       sync.RWMutex
	settings Settings
	changed  []func()
}

// ZonesOf are the Availability Zones of a region of the lab.
func ZonesOf(region string) []string { return []string{region + "a", region + "b", region + "c"} }

// Open reads the settings of an account in a region from a file. If file is empty, they are kept in memory
// only.
func Open(file, region string) (*Account, error) {
	a := &Account{file: file, zones: ZonesOf(region)}
	b, err := statefile.Read(file)
	if err != nil {
		return nil, fmt.Errorf("opening the account's settings: %w", err)
	}
	if err := json.Unmarshal(b, &a.settings); err != nil {
		return nil, fmt.Errorf("reading the account's settings %s: %w", file, err)
	}
	return a, nil
}

// New is an account in a region, in memory, with these settings.
func New(s Settings, region string) (*Account, error) {
	a := &Account{zones: ZonesOf(region)}
	return a, a.Set(s)
}

// Settings returns the current settings.
func (a *Account) Settings() Settings {
	if a == nil {
		return Settings{}
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.settings.clone()
}

// Set replaces the settings, and keeps them.
func (a *Account) Set(s Settings) error {
	return a.Change(func(into *Settings) error {
		*into = s
		return nil
	})
}

// Change changes the settings, and keeps them. If change returns an error, nothing changes.
func (a *Account) Change(change func(*Settings) error) error {
	a.mu.Lock()
	s := a.settings.clone()
	err := change(&s)
	if err == nil {
		err = s.Check()
	}
	if err == nil {
		err = s.checkZones(a.zones)
	}
	if err == nil {
		err = a.keep(s)
	}
	changed := a.changed
	a.mu.Unlock()
	if err != nil {
		return err
	}
	for _, tell := range changed {
		tell()
	}
	return nil
}

func (a *Account) keep(s Settings) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the account's settings: %w", err)
	}
	if err := statefile.Write(a.file, b); err != nil {
		return fmt.Errorf("keeping the account's settings: %w", err)
	}
	a.settings = s.clone()
	return nil
}

// OnChange calls tell after each change of the settings.
func (a *Account) OnChange(tell func()) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed = append(a.changed, tell)
}
