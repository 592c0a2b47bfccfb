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

// Read returns the document in a file; without a path, or a file, an empty one.
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

// Write replaces the file as a whole, with mode 0600, so that a crash leaves the
// old one or the new one. Without a path there is none.
func Write(path string, document []byte) error {
	if path == "" {
		return nil
	}
	return renameio.WriteFile(path, document, 0o600)
}

// Decode makes a model, a struct whose fields are maps, of a document. No map in
// it is nil.
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
