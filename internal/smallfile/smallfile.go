// SPDX-License-Identifier: Apache-2.0

package smallfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Limit is more than anybody writes by hand.
const Limit = 16 << 20

// Read returns the content of a regular file, or a link to one, of no more than Limit.
func Read(path string) ([]byte, error) {
	b, _, err := ReadInfo(path)
	return b, err
}

// ReadInfo is Read, and also returns the file's info.
func ReadInfo(path string) ([]byte, fs.FileInfo, error) {
	// Check before opening: opening a device may have an effect.
	info, err := os.Stat(path)
	if err == nil {
		err = check(path, info)
	}
	if err != nil {
		return nil, nil, err
	}
	// It may have become a pipe since, whose open would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = check(path, info)
	}
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, Limit+1))
	if err == nil && len(b) > Limit {
		err = tooLarge(path)
	}
	if err != nil {
		return nil, nil, err
	}
	return b, info, nil
}

// Error reports a file that cannot be read.
type Error struct{ Path, Text, Advice string }

func (e *Error) Error() string { return e.Path + " " + e.Text }

// Hint suggests what to do; it may be empty.
func (e *Error) Hint() string { return e.Advice }

func check(path string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular() && info.Size() > Limit:
		return tooLarge(path)
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return &Error{path, "is a directory, not a regular file", ""}
	case mode&fs.ModeNamedPipe != 0:
		return &Error{path, "is a pipe, not a regular file", "write what comes out of it to a file first"}
	case mode&fs.ModeDevice != 0:
		return &Error{path, "is a device, not a regular file", ""}
	case mode&fs.ModeSocket != 0:
		return &Error{path, "is a socket, not a regular file", ""}
	}
	return &Error{path, "is not a regular file", ""}
}

func tooLarge(path string) error {
	return &Error{path, fmt.Sprintf("is larger than %d MiB", Limit>>20), ""}
}
