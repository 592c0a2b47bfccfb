// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"macaw.example/lab/internal/statefile"
)

func TestKeepImages(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	if err := KeepImages(file); err != nil {
		t.Errorf("without a file: %v", err)
	}
	m, err := statefile.Decode[model]([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	m.VPCs["vpc-1"] = &vpcRecord{}
	m.Images["ami-1"] = &imageRecord{Image: Image{ID: "ami-1"}, State: imageAvailable}
	m.Images["ami-2"] = &imageRecord{Image: Image{ID: "ami-2"}, State: imagePending}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := KeepImages(file); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{File: file, Machines: &fakeMachines{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v := s.view()
	if len(v.VPCs) != 0 {
		t.Errorf("VPCs are left: %v", v.VPCs)
	}
	if len(v.Images) != 1 || v.Images["ami-1"] == nil {
		t.Errorf("images left: %v, want ami-1", v.Images)
	}
}
