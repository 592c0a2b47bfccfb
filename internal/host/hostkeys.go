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

// HostKeys stores host keys on first use, in a file in the format of known_hosts (sshd(8)) with
// instance IDs for names. An instance keeps its keys for life, so a different key means another
// machine.
//
// A machine has a key of each type, and SSH negotiates which one it presents. A key of another type
// than the stored ones is not trusted, because an attacker in between could simply present one: the
// client requests the stored types only.
type HostKeys struct{ Path string }

var hostKeysMu sync.Mutex

// Check accepts a stored key, and the first key of a name. The error for any other key is
// ErrHostKey.
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

// compare returns ErrHostKey unless the key is one of the known ones.
func (k HostKeys) compare(name string, known []ssh.PublicKey, key ssh.PublicKey) error {
	if slices.ContainsFunc(known, func(is ssh.PublicKey) bool { return bytes.Equal(is.Marshal(), key.Marshal()) }) {
		return nil
	}
	return fmt.Errorf("%w: %s shows %s, not the key in %s", ErrHostKey, name, ssh.FingerprintSHA256(key), k.Path)
}

// known returns the file's keys for a name.
func (k HostKeys) known(name string) ([]ssh.PublicKey, error) {
	file, err := smallfile.Read(k.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the known host keys: %w", err)
	}
	var keys []ssh.PublicKey
	for line := range bytes.Lines(file) {
		// Skip lines that ssh cannot parse, such as one only half written.
		_, names, key, _, _, err := ssh.ParseKnownHosts(line)
		if err == nil && slices.Contains(names, name) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// algorithms are the algorithms for these keys; nil, which means all, if there are no keys.
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
