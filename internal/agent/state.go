// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"macaw.example/internal/model"
	"macaw.example/internal/translate"
)

// savedState is what was known last, so that after a reboot frames pass before Neutron
// and AWS answer.
type savedState struct {
	ENIs    []eni             `json:"enis"`
	Entries []translate.Entry `json:"entries"`
	// Registered has the ENI of each address that AWS has registered, translated or not.
	Registered map[netip.Addr]model.MAC `json:"registered"`
}

// loadState returns what was saved, the zero value if there is no file.
func loadState(path string) (savedState, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return savedState{}, nil
	}
	if err != nil {
		return savedState{}, fmt.Errorf("reading saved state: %w", err)
	}
	var s savedState
	if err := json.Unmarshal(raw, &s); err != nil {
		return savedState{}, fmt.Errorf("reading saved state %s: %w", path, err)
	}
	return s, nil
}

// saver saves the state to one file. It runs beside the agent's loop: a disk may take
// its time, and addresses must not wait for it.
type saver struct {
	path   string
	log    *slog.Logger
	states mailbox[savedState]
	last   [sha256.Size]byte // hash of what it wrote last
}

func newSaver(path string, log *slog.Logger) *saver {
	return &saver{path: path, log: log, states: newMailbox[savedState]()}
}

// save hands over what is known now. The caller must not change it any more.
func (w *saver) save(s savedState) { w.states.put(s) }

// run writes until ctx is done, and then what was handed over before.
func (w *saver) run(ctx context.Context) {
	failing := false
	for {
		var s savedState
		select {
		case s = <-w.states:
		case <-ctx.Done():
			select {
			case s = <-w.states:
			default:
				return
			}
		}
		err := w.write(s)
		if err != nil && !failing {
			w.log.Warn("saving state file failed", "error", err)
		}
		failing = err != nil
	}
}

// write replaces the file atomically, unless it has just written the same: after a loss
// of power there is the old state or the new one.
func (w *saver) write(s savedState) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	if sum == w.last {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(w.path), 0o755); err != nil {
		return fmt.Errorf("saving state: %w", err)
	}
	if err := renameio.WriteFile(w.path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("saving state: %w", err)
	}
	w.last = sum
	return nil
}
