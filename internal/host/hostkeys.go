package host

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// ErrHostKey says that a machine shows another host key than it did before.
var ErrHostKey = errors.New("host key has changed")

// HostKeys remembers host keys on first use, in a file in the format of
// known_hosts (sshd(8)) with instance IDs for names. An instance keeps its key
// for life, so a key that differs is another machine.
type HostKeys struct{ Path string }

var hostKeysMu sync.Mutex

// Check accepts the key that was seen first under a name. The error is
// ErrHostKey when it is another.
func (k HostKeys) Check(name string, key ssh.PublicKey) error {
	hostKeysMu.Lock()
	defer hostKeysMu.Unlock()
	known, err := os.ReadFile(k.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for line := range bytes.Lines(known) {
		f := strings.Fields(string(line))
		if len(f) != 3 || f[0] != name {
			continue
		}
		if f[1] == key.Type() && f[2] == base64.StdEncoding.EncodeToString(key.Marshal()) {
			return nil
		}
		return fmt.Errorf("%w: %s shows %s, not the key in %s", ErrHostKey, name, ssh.FingerprintSHA256(key), k.Path)
	}
	if err := os.MkdirAll(filepath.Dir(k.Path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(k.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %s", name, ssh.MarshalAuthorizedKey(key))
	return errors.Join(err, f.Close())
}
