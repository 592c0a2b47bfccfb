package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"macaw.example/internal/cloudsyaml"
	"macaw.example/internal/hint"
)

// cloudsPath is where OpenStack's clients look for clouds.yaml
// (openstacksdk, "Configuration").
func cloudsPath() (string, error) {
	if p := os.Getenv("OS_CLIENT_CONFIG_FILE"); p != "" {
		return p, nil
	}
	base := os.Getenv("XDG_CONFIG_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "openstack", "clouds.yaml"), nil
}

// putCloud writes a cloud's entry into clouds.yaml, and returns the file that it is in. Where the user's file can't
// be changed the entry gets a file of its own, and refused says why: a cloud that is up is of use without it.
func putCloud(name string, entry yaml.MapSlice) (path string, refused, err error) {
	path, err = cloudsPath()
	if err != nil {
		return "", nil, err
	}
	b, err := yaml.Marshal(entry)
	if err != nil {
		return "", nil, err
	}
	_, refused = cloudsyaml.File{Path: path}.Set(name, b)
	if refused == nil {
		return path, nil, nil
	}
	dir, err := dataDir(name)
	if err != nil {
		return "", nil, errors.Join(refused, err)
	}
	path = filepath.Join(dir, "clouds.yaml")
	if _, err := (cloudsyaml.File{Path: path}).Set(name, b); err != nil {
		return "", nil, errors.Join(refused, err)
	}
	return path, refused, nil
}

// dropCloud removes a cloud's entry from clouds.yaml.
func dropCloud(name string) error {
	path, err := cloudsPath()
	if err != nil {
		return err
	}
	if _, err := (cloudsyaml.File{Path: path}).Remove(name); err != nil {
		return hint.With(fmt.Errorf("removing cloud %s from clouds.yaml: %w", name, err),
			"the file is as it was; take out the entry %q by hand", name)
	}
	return nil
}

// cloudEntry takes a cloud's entry out of a clouds.yaml that a node has
// written.
func cloudEntry(file []byte, name string) (yaml.MapSlice, error) {
	var doc struct {
		Clouds map[string]yaml.MapSlice `yaml:"clouds"`
	}
	if err := yaml.UnmarshalWithOptions(file, &doc, yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	entry, ok := doc.Clouds[name]
	if !ok {
		return nil, fmt.Errorf("no cloud %s in the controller's clouds.yaml", name)
	}
	return entry, nil
}
