// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

// load loads programs for the devices as they are now, with the pinned maps. A map whose
// layout has changed since the pinned version is replaced; its entries are returned to be
// carried over, so that an upgrade interrupts no address.
func (t *Translator) load() (*bpfObjects, []Entry, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, nil, fmt.Errorf("raising the limit of locked memory: %w", err)
	}
	spec, err := t.spec()
	if err != nil {
		return nil, nil, err
	}
	objects := new(bpfObjects)
	options := &ebpf.CollectionOptions{Maps: ebpf.MapOptions{PinPath: t.pinDir}}
	err = spec.LoadAndAssign(objects, options)
	if !errors.Is(err, ebpf.ErrMapIncompatible) {
		if err != nil {
			return nil, nil, fmt.Errorf("loading translation: %w", err)
		}
		return objects, nil, nil
	}

	carried, err := replaceMaps(spec, t.pinDir)
	if err != nil {
		return nil, nil, err
	}
	if spec, err = t.spec(); err != nil {
		return nil, nil, err
	}
	if err := spec.LoadAndAssign(objects, options); err != nil {
		return nil, nil, fmt.Errorf("loading translation: %w", err)
	}
	return objects, carried, nil
}

// spec returns the programs with the constants of this translation.
func (t *Translator) spec() (*ebpf.CollectionSpec, error) {
	spec, err := loadBpf()
	if err != nil {
		return nil, err
	}
	constants := map[string]any{
		bpfVarFirst:       uint32(t.nics[0].index),
		bpfVarPort:        uint32(t.port),
		bpfVarAtBlackhole: !t.tcx,
	}
	if size := t.cfg.denseSize(); size > 0 {
		constants[bpfVarDenseBase], constants[bpfVarDenseSize] = t.cfg.denseBase(), size
		spec.Maps[bpfMapDense4].MaxEntries = size
	}
	for name, value := range constants {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("setting %s of translation: %w", name, err)
		}
	}
	return spec, nil
}

// replaceMaps removes the pins of maps that do not fit spec, and returns the entries of the
// address maps among them; those of a version with a single NIC have no ENI.
func replaceMaps(spec *ebpf.CollectionSpec, dir string) ([]Entry, error) {
	table, err := pinnedTable(dir)
	if err != nil {
		return nil, err
	}
	var carried []Entry
	for name, m := range spec.Maps {
		if m.Pinning != ebpf.PinByName {
			continue
		}
		pin := filepath.Join(dir, name)
		old, err := ebpf.LoadPinnedMap(pin, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("loading pinned map %s: %w", name, err)
		}
		if m.Compatible(old) != nil {
			if name == bpfMapAddresses4 || name == bpfMapAddresses6 {
				entries, err := entriesOf(old, table)
				if err != nil {
					old.Close()
					return nil, err
				}
				carried = append(carried, entries...)
			}
			if err := os.Remove(pin); err != nil {
				old.Close()
				return nil, fmt.Errorf("removing pinned map %s: %w", name, err)
			}
		}
		old.Close()
	}
	return carried, nil
}
