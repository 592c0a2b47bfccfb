// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	f, err := os.OpenFile(k.Path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	err = addLine(f, fmt.Sprintf("%s %s", name, ssh.MarshalAuthorizedKey(key)))
	return errors.Join(err, f.Close())
}

// addLine appends a line. The last one may be without its end: of a process that was killed, or
// when the disk was full.
func addLine(f *os.File, line string) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	last := []byte("\n")
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' {
		line = "\n" + line
	}
	if _, err := f.WriteString(line); err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	return nil
}

// compare returns ErrHostKey unless the key is one of the known ones.
func (k HostKeys) compare(name string, known []ssh.PublicKey, key ssh.PublicKey) error {
	if slices.ContainsFunc(known, func(is ssh.PublicKey) bool { return bytes.Equal(is.Marshal(), key.Marshal()) }) {
		return nil
	}
	return fmt.Errorf("%w: %s shows %s, not the key in %s", ErrHostKey, name, ssh.FingerprintSHA256(key), k.Path)
}

// Names returns the names that have keys.
func (k HostKeys) Names() (all []string, err error) {
	err = k.each(func(names []string, _ ssh.PublicKey) { all = append(all, names...) })
	slices.Sort(all)
	return slices.Compact(all), err
}

// known returns the file's keys for a name.
func (k HostKeys) known(name string) (keys []ssh.PublicKey, err error) {
	err = k.each(func(names []string, key ssh.PublicKey) {
		if slices.Contains(names, name) {
			keys = append(keys, key)
		}
	})
	return keys, err
}

// each calls fn for each line.
func (k HostKeys) each(fn func(names []string, key ssh.PublicKey)) error {
	file, err := smallfile.Read(k.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the known host keys: %w", err)
	}
	for line := range bytes.Lines(file) {
		// Skip lines that ssh cannot parse, such as one only half written.
		_, names, key, _, _, err := ssh.ParseKnownHosts(line)
		if err == nil {
			fn(names, key)
		}
	}
	return nil
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
