// SPDX-License-Identifier: Apache-2.0

package host

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/crypto/ssh"

	"macaw.example/internal/privatefile"
	"macaw.example/internal/smallfile"
)

// LoadKey reads a private key without passphrase, or makes an Ed25519 one there (0600) if there is
// none.
func LoadKey(path string) (ssh.Signer, error) { return loadKey(path, makeKey) }

// PlanKey is LoadKey for read-only commands: if there is no key, it returns a temporary one and
// writes nothing.
func PlanKey(path string) (ssh.Signer, error) {
	return loadKey(path, func(string) ([]byte, error) { return newKey() })
}

// ReadKey reads an SSH key. If there is none, the error is fs.ErrNotExist.
func ReadKey(path string) (ssh.Signer, error) {
	return loadKey(path, func(string) ([]byte, error) { return nil, fs.ErrNotExist })
}

func loadKey(path string, missing func(path string) ([]byte, error)) (ssh.Signer, error) {
	b, err := smallfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = missing(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the SSH key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("reading SSH key %s: %w", path, err)
	}
	return key, nil
}

// makeKey makes a new key. Concurrent processes end up with the same one.
func makeKey(path string) ([]byte, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	if err := privatefile.Create(path, key); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

// newKey generates a private key, in OpenSSH's form.
func newKey() ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "macaw")
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

// AuthorizedKey is the public key as a line of authorized_keys.
func AuthorizedKey(key ssh.Signer) string {
	return string(ssh.MarshalAuthorizedKey(key.PublicKey()))
}
