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
// what operators have agreed to and the agent has not taken up yet, a file for each time.
const (
	heldFile  = "held.json"
	agreedNew = "agreed-*.json"
)

// holds are these files.
type holds struct {
	dir     string
	log     *slog.Logger
	failing bool
}

func newHolds(cfg Config, log *slog.Logger) *holds {
	return &holds{dir: filepath.Dir(cfg.State), log: log}
}

// load returns what is held, nil if that is not known: then the registrar rather holds
// too much. At a node's first start there is no file, and nothing to hold.
func (h *holds) load() []model.Held {
	path := filepath.Join(h.dir, heldFile)
	held, err := readHeld(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.log.Warn("what Elastic IPs are held is not known; all are held that Neutron has let go of", "error", err)
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

// keep notes down what is held, whole or not at all.
func (h *holds) keep(held []model.Held) error {
	err := h.write(held)
	if err != nil && !h.failing {
		h.log.Warn("what Elastic IPs are held cannot be noted down; none is released until it can", "error", err)
	}
	h.failing = err != nil
	return err
}

func (h *holds) write(held []model.Held) error {
	raw, err := json.Marshal(held)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(h.dir, heldFile), append(raw, '\n'), 0o600)
}

// takeUp hands over what operators have agreed to. A file goes when the agreement is
// noted down: who is killed before takes it up again.
func (h *holds) takeUp(agree func([]model.Held) error) {
	files, _ := filepath.Glob(filepath.Join(h.dir, agreedNew)) // the pattern is a good one
	for _, path := range files {
		held, err := readHeld(path)
		if err != nil {
			h.log.Warn("an agreement to the release of Elastic IPs cannot be read, and is forgotten", "error", err)
		} else {
			if agree(held) != nil {
				return // keep has told why
			}
			h.log.Info("an operator has agreed to the release of Elastic IPs", "elastic_ips", publics(held))
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.log.Warn("an agreement that was taken up stays", "error", err) // to what is gone
		}
	}
}

func publics(held []model.Held) (all []string) {
	for _, h := range held {
		all = append(all, h.Public.String())
	}
	return all
}

// Agree leaves word for this node's agent that these Elastic IPs may be released, which
// holds for them as they are held now. The agent takes it up with its next turn, also if
// it does not run at the moment; SIGHUP makes that now.
func Agree(cfg Config, held []model.Held) error {
	raw, err := json.Marshal(held)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("agreed-%d.json", time.Now().UnixNano())
	if err := renameio.WriteFile(filepath.Join(filepath.Dir(cfg.State), name), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("leaving word for the agent: %w", err)
	}
	return nil
}
