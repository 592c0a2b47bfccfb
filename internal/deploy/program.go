// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"macaw.example/internal/hint"
	"macaw.example/internal/host"
)

// program has macaw-node, compressed, with its checksum and size. "make build" writes it there.
//
//go:embed program
var program embed.FS

// bzip2 gives the smallest file of the formats that the standard library unpacks. Unpacking takes
// most of a second, so it is done only for a node with another version.
const (
	programFile = "program/macaw-node.bz2"
	programSum  = "program/macaw-node.sum" // "<SHA-256> <size>"
)

// embeddedProgram is the embedded macaw-node, built for linux/amd64.
func embeddedProgram() (host.Content, error) {
	text, err := program.ReadFile(programSum)
	if errors.Is(err, fs.ErrNotExist) {
		return host.Content{}, hint.With(errors.New("this macaw was built without the node's program, macaw-node"),
			"make build builds both")
	}
	if err != nil {
		return host.Content{}, err
	}
	packed, err := program.ReadFile(programFile)
	if err != nil {
		return host.Content{}, err
	}
	return content(string(text), packed)
}

// content is the unpacked program, whose checksum and size are in text.
func content(text string, packed []byte) (host.Content, error) {
	c := host.Content{Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bzip2.NewReader(bytes.NewReader(packed))), nil
	}}
	var sum string
	if _, err := fmt.Sscan(text, &sum, &c.Size); err != nil {
		return host.Content{}, fmt.Errorf("reading the checksum of macaw-node: %w", err)
	}
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != sha256.Size {
		return host.Content{}, fmt.Errorf("reading the checksum of macaw-node: %q is not a checksum", sum)
	}
	c.Sum = [sha256.Size]byte(b)
	return c, nil
}
