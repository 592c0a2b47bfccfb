// SPDX-License-Identifier: Apache-2.0

package statefile

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"reflect"

	"github.com/google/renameio/v2"
)

// Read returns the document in a file, or an empty one if the path is empty or the file
// does not exist.
func Read(path string) ([]byte, error) {
	empty := []byte("{}")
	if path == "" {
		return empty, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	return b, err
}

// Write replaces the file atomically, with mode 0600: after a crash it has the old or the
// new content. With an empty path it does nothing.
func Write(path string, document []byte) error {
	if path == "" {
		return nil
	}
	return renameio.WriteFile(path, document, 0o600)
}

// Decode decodes a document into a model, a struct whose fields are maps. No map in it is
// nil.
func Decode[M any](document []byte) (*M, error) {
	m := new(M)
	if err := json.Unmarshal(document, m); err != nil {
		return nil, err
	}
	for v, i := reflect.ValueOf(m).Elem(), 0; i < v.NumField(); i++ {
		if f := v.Field(i); f.IsNil() {
			f.Set(reflect.MakeMap(f.Type()))
		}
	}
	return m, nil
}
