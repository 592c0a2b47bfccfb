// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"

	"macaw.example/internal/smallfile"
)

// HostKeys remembers host keys on first use, in a file in the format of
// known_hosts (sshd(8)) with instance IDs for names. An instance keeps its keys
// for life, so a key that differs is another machine.
//
// A machine has a key of each type, and which one it shows is negotiated. A key
// of another type than the known ones is not taken on trust, or whoever stands
// in between would only have to offer one: the machine is asked for those types
// that are known.
type HostKeys struct{ Path string }

var hostKeysMu sync.Mutex

// Check accepts a key that is known under a name, and the first key ever seen.
// The error is ErrHostKey when it is another.
func (k HostKeys) Check(name string, key ssh.PublicKey) error {
	hostKeysMu.Lock()
	defer hostKeysMu.Unlock()
	known, err := k.known(name)
	if err != nil {
		return err
	}
	if len(known) > 0 {
		return k.compare(name, known, key)
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

// compare returns ErrHostKey unless the key is one of those known.
func (k HostKeys) compare(name string, known []ssh.PublicKey, key ssh.PublicKey) error {
	if slices.ContainsFunc(known, func(is ssh.PublicKey) bool { return bytes.Equal(is.Marshal(), key.Marshal()) }) {
		return nil
	}
	return fmt.Errorf("%w: %s shows %s, not the key in %s", ErrHostKey, name, ssh.FingerprintSHA256(key), k.Path)
}

// known returns the keys that the file has of a name.
func (k HostKeys) known(name string) ([]ssh.PublicKey, error) {
	file, err := smallfile.Read(k.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the known host keys: %w", err)
	}
	var keys []ssh.PublicKey
	for line := range bytes.Lines(file) {
		// What ssh cannot read, a line that is only half written say, is nobody's key.
		_, names, key, _, _, err := ssh.ParseKnownHosts(line)
		if err == nil && slices.Contains(names, name) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// algorithms are those by which a machine shows one of these keys; nil, which
// stands for all, if there are none.
func algorithms(keys []ssh.PublicKey) []string {
	var names []string
	for _, key := range keys {
		if key.Type() == ssh.KeyAlgoRSA {
			// One key for several signatures (RFC 8332).
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		names = append(names, key.Type())
	}
	return names
}
