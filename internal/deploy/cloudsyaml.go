// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"macaw.example/internal/cloudsyaml"
	"macaw.example/internal/hint"
)

// putCloud writes a cloud's entry into clouds.yaml, and returns that file's path. If the user's
// file cannot be changed, the entry goes into a file of its own, since the cloud is usable without
// it, and refused is the reason.
func (h Home) putCloud(name string, entry *yaml.Node) (path string, refused, err error) {
	path = h.CloudsYAML
	b, err := yaml.Marshal(entry)
	if err != nil {
		return "", nil, err
	}
	_, refused = cloudsyaml.File{Path: path}.Set(name, b)
	if refused == nil {
		return path, nil, nil
	}
	path = filepath.Join(h.of(name), "clouds.yaml")
	if _, err := (cloudsyaml.File{Path: path}).Set(name, b); err != nil {
		return "", nil, errors.Join(refused, err)
	}
	return path, refused, nil
}

// dropCloud removes a cloud's entry from clouds.yaml. A file that was refused when the entry was added
// does not have it.
func (h Home) dropCloud(name string) error {
	if _, err := os.Stat(filepath.Join(h.of(name), "clouds.yaml")); err == nil {
		return nil
	}
	if _, err := (cloudsyaml.File{Path: h.CloudsYAML}).Remove(name); err != nil {
		return hint.With(fmt.Errorf("removing cloud %s from clouds.yaml: %w", name, err),
			"the file is unchanged; remove the entry %q by hand", name)
	}
	return nil
}

// cloudEntry extracts a cloud's entry from a clouds.yaml that a node has written.
func cloudEntry(file []byte, name string) (*yaml.Node, error) {
	var doc struct {
		Clouds map[string]yaml.Node `yaml:"clouds"`
	}
	if err := yaml.Unmarshal(file, &doc); err != nil {
		return nil, err
	}
	entry, ok := doc.Clouds[name]
	if !ok {
		return nil, fmt.Errorf("no cloud %s in the controller's clouds.yaml", name)
	}
	return &entry, nil
}
