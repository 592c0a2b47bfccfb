// SPDX-License-Identifier: Apache-2.0

package statefile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type model struct{ A, B map[string]int }

func TestKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	for _, where := range []string{"", path} {
		b, err := Read(where)
		if err != nil || string(b) != "{}" {
			t.Errorf("reading %q: %s, %v; want an empty document", where, b, err)
		}
	}
	if err := Write("", []byte("{}")); err != nil {
		t.Errorf("writing nowhere: %v", err)
	}
	if err := Write(path, []byte(`{"A":{"x":1}}`)); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v; want mode 0600", st.Mode(), err)
	}
	b, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode[model](b)
	if diff := cmp.Diff(&model{A: map[string]int{"x": 1}, B: map[string]int{}}, got); diff != "" || err != nil {
		t.Errorf("decoded, %v (-want +got):\n%s", err, diff)
	}
	if _, err := Decode[model]([]byte("{")); err == nil {
		t.Error("half a document is decoded")
	}
}
