package gateway

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"macaw/internal/translate"
)

// saved is what was known last, so that after a reboot frames pass before Neutron
// and AWS answer.
type saved struct {
	ENIs    []eni             `json:"enis"`
	Entries []translate.Entry `json:"entries"`
	// Registered has the ENI of each address that AWS has registered, also of
	// those that are not translated now.
	Registered map[netip.Addr]translate.MAC `json:"registered"`
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

// saver saves to one file.
type saver struct {
	last [sha256.Size]byte // of what it wrote last
}

// save writes the file, as a whole, if it has not just written the same: a
// machine that loses power has the old map or the new one.
func (w *saver) save(path string, s saved) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	if sum == w.last {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("saving translation: %w", err)
	}
	if err := renameio.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("saving translation: %w", err)
	}
	w.last = sum
	return nil
}
