// SPDX-License-Identifier: Apache-2.0

package awscli

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A serviceModel is AWS's own description of one of its APIs, from which botocore makes
// its clients: service-2.json (botocore's documentation, "Service models").
type serviceModel struct {
	Metadata   struct{ Protocol string }
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type operation struct {
	Output *shapeRef
	Errors []shapeRef
}

// shapeRef is a use of a shape: as a member, or as an operation's output.
type shapeRef struct {
	Shape         string
	LocationName  string // the element's name where it is not the member's
	ResultWrapper string
}

type shape struct {
	Type      string
	Members   map[string]shapeRef
	Member    *shapeRef // of a list
	Required  []string
	Enum      []string
	Flattened bool
	Min, Max  *float64 // of a number's value, or of a string's or list's length
	Pattern   string
	Error     struct{ Code string }
}

// models are the models of Debian's command line, of January 2023 in Debian 12, and what
// the lab shows of AWS's additions since: testdata/newer.json, in the same form, from
// botocore 1.43. A "documentation" there is the source of what no model has.
func models(t testing.TB) map[string]*serviceModel {
	t.Helper()
	newer := map[string]*serviceModel{}
	text, err := os.ReadFile(filepath.Join("testdata", "newer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &newer); err != nil {
		t.Fatalf("testdata/newer.json: %v", err)
	}
	all := map[string]*serviceModel{}
	// By the names in signatures; one is another in botocore.
	for service, folder := range map[string]string{"ec2": "ec2", "iam": "iam", "ssm": "ssm", "sts": "sts",
		"servicequotas": "service-quotas", "sso": "sso", "sso-oidc": "sso-oidc"} {
		m, err := loadModel(folder)
		if err != nil {
			t.Fatal(err)
		}
		if n := newer[service]; n != nil {
			m.extend(n)
		}
		all[service] = m
	}
	return all
}

// modelDirs are where Debian's command line may have its models, the newest version of
// an API last; Debian 12 has them in awscli itself. The variable is for other models.
func modelDirs() []string {
	dirs := []string{"/usr/lib/python3/dist-packages/awscli/botocore/data", "/usr/lib/python3/dist-packages/botocore/data"}
	if dir := os.Getenv("BOTOCORE_DATA"); dir != "" {
		dirs = []string{dir}
	}
	return dirs
}

func loadModel(service string) (*serviceModel, error) {
	for _, dir := range modelDirs() {
		found, err := filepath.Glob(filepath.Join(dir, service, "*", "service-2.json*"))
		if err != nil || len(found) == 0 {
			continue
		}
		return readModel(found[len(found)-1])
	}
	return nil, fmt.Errorf("no service model of %s in %s", service, strings.Join(modelDirs(), ", "))
}

func readModel(path string) (*serviceModel, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := io.Reader(f)
	if filepath.Ext(path) == ".gz" {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	m := &serviceModel{}
	if err := json.NewDecoder(r).Decode(m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// extend adds operations and shapes, and members and values to shapes that are there.
func (m *serviceModel) extend(newer *serviceModel) {
	maps.Copy(m.Operations, newer.Operations)
	for name, n := range newer.Shapes {
		s := m.Shapes[name]
		if s == nil {
			m.Shapes[name] = n
			continue
		}
		for member, ref := range n.Members {
			s.Members[member] = ref
		}
		switch {
		case n.Enum != nil && len(n.Enum) == 0: // no longer a closed list
			s.Enum = nil
		default:
			s.Enum = append(s.Enum, n.Enum...)
		}
	}
}
