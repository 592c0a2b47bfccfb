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

// saved is what was known last, so that after a reboot frames pass before Neutron
// and AWS answer.
type saved struct {
	ENIs    []eni             `json:"enis"`
	Entries []translate.Entry `json:"entries"`
	// Registered has the ENI of each address that AWS has registered, also of
	// those that are not translated now.
	Registered map[netip.Addr]model.MAC `json:"registered"`
}

// loadState returns what was saved, nothing if there is no file.
func loadState(path string) (saved, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return saved{}, nil
	}
	if err != nil {
		return saved{}, fmt.Errorf("reading saved translation: %w", err)
	}
	var s saved
	if err := json.Unmarshal(raw, &s); err != nil {
		return saved{}, fmt.Errorf("reading saved translation %s: %w", path, err)
	}
	return s, nil
}

// saver saves to one file. It works beside the agent's loop: a disk may take its
// time, and addresses must not wait for it.
type saver struct {
	path   string
	log    *slog.Logger
	states chan saved        // the newest one that was not written
	last   [sha256.Size]byte // of what it wrote last
}

func newSaver(path string, log *slog.Logger) *saver {
	return &saver{path: path, log: log, states: make(chan saved, 1)}
}

// save hands over what is known now. The caller changes none of it any more.
func (w *saver) save(s saved) { replace1(w.states, s) }

// run writes until ctx is done, and what was handed over until then.
func (w *saver) run(ctx context.Context) {
	failing := false
	for {
		var s saved
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
			w.log.Warn("the map was not saved for the next boot", "error", err)
		}
		failing = err != nil
	}
}

// write writes the file, as a whole, if it has not just written the same: a
// machine that loses power has the old map or the new one.
func (w *saver) write(s saved) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	if sum == w.last {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(w.path), 0o755); err != nil {
		return fmt.Errorf("saving translation: %w", err)
	}
	if err := renameio.WriteFile(w.path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("saving translation: %w", err)
	}
	w.last = sum
	return nil
}
