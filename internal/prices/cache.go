// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"macaw.example/internal/privatefile"
	"macaw.example/internal/smallfile"
)

// kept is the content of a cache file.
type kept struct {
	Asked  string             `json:"asked"` // the day
	Prices map[string]float64 `json:"prices"`
}

// fileOf has the prices of a region.
func fileOf(dir, region string) string { return filepath.Join(dir, "prices-"+region+".json") }

// Load returns the prices of a region that were saved in a directory, before the given table; or that
// table, if there are none, if it is newer than they, or if dir is empty.
func Load(dir, region string, before *Table) (*Table, error) {
	if dir == "" {
		return before, nil
	}
	text, err := smallfile.Read(fileOf(dir, region))
	if errors.Is(err, fs.ErrNotExist) {
		return before, nil
	}
	if err != nil {
		return before, fmt.Errorf("reading saved prices: %w", err)
	}
	var k kept
	err = json.Unmarshal(text, &k)
	if err == nil {
		_, err = time.Parse(time.DateOnly, k.Asked)
	}
	if err != nil {
		return before, fmt.Errorf("reading saved prices: %s: %w", fileOf(dir, region), err)
	}
	if k.Asked < before.date {
		return before, nil
	}
	return asked(region, k.Prices, k.Asked, before), nil
}

// Save keeps the prices that [Ask] found for later plans. Those of the same region that were kept before
// are replaced. If dir is empty, it does nothing.
func (t *Table) Save(dir, region string, today time.Time) error {
	if dir == "" {
		return nil
	}
	text, err := json.MarshalIndent(kept{today.Format(time.DateOnly), t.prices[region]}, "", "  ")
	if err == nil {
		err = privatefile.Replace(fileOf(dir, region), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("saving prices: %w", err)
	}
	return nil
}
