// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"macaw.example/internal/model"
)

// DefaultReleaseAfter is how long many releases at once wait unless the configuration
// says otherwise.
const DefaultReleaseAfter = model.Wait(24 * time.Hour)

// Files about releases that wait, in the folder of the agent's state: what is held, and
// one file for each agreement of an operator that the agent has not applied yet.
const (
	heldFile         = "held.json"
	agreementPattern = "agreed-*.json"
)

// heldFiles are these files.
type heldFiles struct {
	dir     string
	log     *slog.Logger
	failing bool
}

func newHeldFiles(cfg Config, log *slog.Logger) *heldFiles {
	return &heldFiles{dir: filepath.Dir(cfg.State), log: log}
}

// load returns what is held, nil if that is not known: then the registrar rather holds
// too much. At a node's first start there is no file, and nothing to hold.
func (h *heldFiles) load() []model.Held {
	path := filepath.Join(h.dir, heldFile)
	held, err := readHeld(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.log.Warn("held Elastic IPs unknown; holding every one that Neutron no longer uses", "error", err)
	}
	return held
}

func readHeld(path string) (held []model.Held, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &held); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return held, nil
}

// save saves what is held, atomically.
func (h *heldFiles) save(held []model.Held) error {
	err := h.write(held)
	if err != nil && !h.failing {
		h.log.Warn("saving held Elastic IPs failed; none is released until it succeeds", "error", err)
	}
	h.failing = err != nil
	return err
}

func (h *heldFiles) write(held []model.Held) error {
	raw, err := json.Marshal(held)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(h.dir, heldFile), append(raw, '\n'), 0o600)
}

// applyAgreements hands over what operators have agreed to. A file is removed when its
// agreement is saved: an agent that is killed before applies it again.
func (h *heldFiles) applyAgreements(agree func([]model.Held) error) {
	files, _ := filepath.Glob(filepath.Join(h.dir, agreementPattern)) // the pattern is well-formed
	for _, path := range files {
		held, err := readHeld(path)
		if err != nil {
			h.log.Warn("release agreement unreadable; ignoring it", "error", err)
		} else {
			if agree(held) != nil {
				return // save has logged why
			}
			h.log.Info("operator agreed to release Elastic IPs", "elastic_ips", publicAddresses(held))
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.log.Warn("removing release agreement failed", "error", err) // applied again it does nothing
		}
	}
}

func publicAddresses(held []model.Held) (all []string) {
	for _, h := range held {
		all = append(all, h.Public.String())
	}
	return all
}

// Agree leaves an agreement for this node's agent that these Elastic IPs may be released,
// as they are held now. The agent applies it with its next reconcile pass, also if it does
// not run at the moment; SIGHUP makes that now.
func Agree(cfg Config, held []model.Held) error {
	raw, err := json.Marshal(held)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("agreed-%d.json", time.Now().UnixNano())
	path := filepath.Join(filepath.Dir(cfg.State), name)
	if err := renameio.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("saving the release agreement: %w", err)
	}
	return nil
}
