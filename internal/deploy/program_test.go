// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"testing"
)

// The embedded program matches its checksum, and is a program for Linux on amd64.
func TestEmbeddedProgram(t *testing.T) {
	if _, err := os.Stat(programFile); err != nil {
		t.Skipf("make build has not put it there: %v", err)
	}
	c, err := embeddedProgram()
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != c.Size || sha256.Sum256(b) != c.Sum {
		t.Errorf("%d bytes of %d, %v", len(b), c.Size, err)
	}
	// ELF, 64 bit, little-endian; machine EM_X86_64.
	if !bytes.HasPrefix(b, []byte("\x7fELF\x02\x01")) || b[18] != 0x3e {
		t.Errorf("it begins with % x", b[:20])
	}
}

func TestChecksumThatIsNone(t *testing.T) {
	for _, text := range []string{"", "abc", "abc 12", "zz 12"} {
		if _, err := content(text, nil); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
