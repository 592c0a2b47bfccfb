// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"macaw.example/lab/internal/statefile"
)

// KeepImages reduces a state's file to the images made in the region. No State may have
// the file open. A missing file is no error.
func KeepImages(file string) error {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := statefile.Decode[model](b)
	if err != nil {
		return fmt.Errorf("reading EC2 state %s: %w", file, err)
	}
	kept := map[string]*imageRecord{}
	for id, i := range m.Images {
		if i.State == imageAvailable {
			kept[id] = i
		}
	}
	left, err := json.Marshal(&model{Images: kept})
	if err != nil {
		return err
	}
	return statefile.Write(file, left)
}
