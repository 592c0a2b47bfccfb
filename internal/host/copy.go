// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Put writes a file of root's on the machine atomically. It does not rewrite a file with the same
// content; changed reports whether it wrote.
func (h *Host) Put(ctx context.Context, file string, content []byte, mode fs.FileMode) (changed bool, err error) {
	same, err := h.holds(ctx, file, sha256.Sum256(content))
	if err != nil || same {
		return false, err
	}
	return true, h.write(ctx, file, bytes.NewReader(content), int64(len(content)), mode, "cat")
}

// Content is a file whose size and hash are known before it is read.
type Content struct {
	Size int64 // in bytes
	Sum  [sha256.Size]byte
	Open func() (io.ReadCloser, error)
}

// PutFile copies a local file to the machine, compressed for the transfer, unless the machine has
// it already.
func (h *Host) PutFile(ctx context.Context, local, file string, mode fs.FileMode) (changed bool, err error) {
	open := func() (io.ReadCloser, error) { return os.Open(local) }
	src, err := open()
	if err != nil {
		return false, err
	}
	defer src.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, src)
	if err != nil {
		return false, err
	}
	return h.PutContent(ctx, file, Content{Size: size, Sum: [sha256.Size]byte(sum.Sum(nil)), Open: open}, mode)
}

// PutContent writes a file of root's on the machine, compressed for the transfer, unless the
// machine has it already; then the content is not read.
func (h *Host) PutContent(ctx context.Context, file string, c Content, mode fs.FileMode) (changed bool, err error) {
	same, err := h.holds(ctx, file, c.Sum)
	if err != nil || same {
		return false, err
	}
	src, err := c.Open()
	if err != nil {
		return false, err
	}
	defer src.Close()
	r, w := io.Pipe()
	go func() {
		// The compressor writes in pieces of 240 bytes, and each would be an SSH packet.
		large := bufio.NewWriterSize(w, 32<<10)
		z, _ := gzip.NewWriterLevel(large, gzip.BestSpeed)
		_, err := io.Copy(z, src)
		if err == nil {
			err = z.Close()
		}
		if err == nil {
			err = large.Flush()
		}
		w.CloseWithError(err)
	}()
	defer r.Close()
	return true, h.write(ctx, file, r, c.Size, mode, "gzip -dc")
}

// write streams content through a filter into a temporary file next to the target and renames it.
// It counts the bytes, because a broken connection looks to the filter like the content's end.
func (h *Host) write(ctx context.Context, file string, content io.Reader, size int64, mode fs.FileMode,
	filter string) error {
	dir := Quote(path.Dir(file))
	command := fmt.Sprintf(`umask 022 && mkdir -p %s && umask 077 && tmp=$(mktemp %s/.macaw-XXXXXXXX) || exit
trap 'rm -f "$tmp"' EXIT
trap 'exit 1' HUP INT PIPE TERM
%s > "$tmp" || exit
size=$(stat -c %%s "$tmp")
if [ "$size" -ne %d ]; then echo "$size of %d bytes arrived" >&2; exit 1; fi
chmod %04o "$tmp" && mv "$tmp" %s`, dir, dir, filter, size, size, mode.Perm(), Quote(file))
	if err := h.brief(ctx, command, content, nil); err != nil {
		return fmt.Errorf("writing %s on %s: %w", file, h.cfg.Address, err)
	}
	return nil
}

// holds reports whether a file on the machine has the given hash.
func (h *Host) holds(ctx context.Context, file string, sum [sha256.Size]byte) (bool, error) {
	var out strings.Builder
	if err := h.brief(ctx, "sha256sum -- "+Quote(file)+" 2>/dev/null || true", nil, &out); err != nil {
		return false, fmt.Errorf("looking at %s on %s: %w", file, h.cfg.Address, err)
	}
	return strings.HasPrefix(strings.TrimPrefix(out.String(), `\`), hex.EncodeToString(sum[:])), nil
}
