package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	"github.com/google/renameio/v2"
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

// putCloud writes an entry of clouds.yaml, and keeps those of other clouds. A
// nil entry removes the cloud. It says whether anything changed.
func putCloud(path, name string, entry yaml.MapSlice) (changed bool, err error) {
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	after, err := mergeCloud(before, name, entry)
	if err != nil {
		return false, hint(fmt.Errorf("reading %s: %w", path, err), "mend or move the file; OpenStack's clients can't read it either")
	}
	if string(after) == string(before) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, err
	}
	return true, renameio.WriteFile(path, after, 0o600)
}

// mergeCloud returns a clouds.yaml with one entry put in, replaced or removed.
// The rest of the document stays as it was, comments included.
func mergeCloud(before []byte, name string, entry yaml.MapSlice) ([]byte, error) {
	comments := yaml.CommentMap{}
	var doc yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(before, &doc, yaml.CommentToMap(comments), yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	var clouds yaml.MapSlice
	at := -1
	for i, item := range doc {
		if item.Key == "clouds" {
			at = i
			m, ok := item.Value.(yaml.MapSlice)
			if !ok && item.Value != nil {
				return nil, errors.New(`"clouds" is not a mapping`)
			}
			clouds = m
		}
	}
	var kept yaml.MapSlice
	found := false
	for _, item := range clouds {
		if item.Key != name {
			kept = append(kept, item)
			continue
		}
		found = true
		if entry != nil {
			kept = append(kept, yaml.MapItem{Key: name, Value: entry})
		}
	}
	if !found {
		if entry == nil {
			return before, nil
		}
		kept = append(kept, yaml.MapItem{Key: name, Value: entry})
	}
	if at < 0 {
		doc = append(doc, yaml.MapItem{Key: "clouds", Value: kept})
	} else {
		doc[at].Value = kept
	}
	return yaml.MarshalWithOptions(doc, yaml.WithComment(comments))
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
