package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"macaw/internal/translate"
)

// saved is the last known map, so that after a reboot frames pass before
// Neutron answers.
type saved struct {
	Entries []translate.Entry `json:"entries"`
}

// loadState returns the entries that were saved, none if there is no file.
func loadState(path string) ([]translate.Entry, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading saved translation: %w", err)
	}
	var s saved
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("reading saved translation %s: %w", path, err)
	}
	return s.Entries, nil
}

// saveState replaces the file as a whole: a machine that loses power has the
// old map or the new one.
func saveState(path string, entries []translate.Entry) error {
	raw, err := json.MarshalIndent(saved{entries}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("saving translation: %w", err)
	}
	if err := renameio.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("saving translation: %w", err)
	}
	return nil
}
