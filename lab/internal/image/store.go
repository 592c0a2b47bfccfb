// SPDX-License-Identifier: Apache-2.0

package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Store keeps images in a directory: one folder per image, complete or absent.
type Store struct{ Dir string }

// Image is a stack of lower directories for a machine's overlay.
type Image struct {
	// ID is the name of the image's folder.
	ID string
	// Layers are the directories of the stack, the topmost first, as in overlayfs.
	Layers []string `json:"-"`
	// Parent is the image that this one is based on, or empty.
	Parent  string
	Created time.Time
}

const meta = "image.json"

// StockID is the ID of a recipe's stock image. It has the form of an AMI's (EC2 User Guide,
// resource-ids), because EC2 offers it as one.
func StockID(r Recipe) string { return "ami-" + r.Key() }

// Stock returns the stock image of r, and builds it if the store has none; the tools'
// output goes to a log beside the images. built tells whether this call built it.
func (s Store) Stock(ctx context.Context, r Recipe) (img Image, built bool, err error) {
	id := StockID(r)
	unlock, err := s.lock(id)
	if err != nil {
		return Image{}, false, err
	}
	defer unlock()
	if img, err := s.Get(id); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return img, false, err
	}
	log, err := os.Create(filepath.Join(s.Dir, id+".log"))
	if err != nil {
		return Image{}, false, err
	}
	defer log.Close()
	err = s.create(Image{ID: id}, func(dir string) error { return build(ctx, r, dir, log) })
	if err != nil {
		return Image{}, false, err
	}
	img, err = s.Get(id)
	return img, true, err
}

// ExtraPackages is the directory with the packages that the recipe keeps beside the image.
func (s Store) ExtraPackages(r Recipe) string { return filepath.Join(s.Dir, StockID(r), "apart") }

// Snapshot makes an image from all of a machine's changes to its own image, as AWS does,
// including its keys and its identity. The machine must be stopped, or files may be
// inconsistent.
func (s Store) Snapshot(ctx context.Context, id, upper string, parent Image) (Image, error) {
	unlock, err := s.lock(id)
	if err != nil {
		return Image{}, err
	}
	defer unlock()
	if img, err := s.Get(id); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return img, err
	}
	err = s.create(Image{ID: id, Parent: parent.ID}, func(dir string) error {
		// cp preserves overlayfs's metadata: whiteouts (character devices) and
		// trusted.overlay attributes.
		out, err := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", upper,
			filepath.Join(dir, "rootfs")).CombinedOutput()
		if err != nil {
			return fmt.Errorf("copying the machine's files: %w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	})
	if err != nil {
		return Image{}, err
	}
	return s.Get(id)
}

// create fills a folder beside the store and then renames it into the store, so that an
// interrupted build leaves no incomplete image.
func (s Store) create(img Image, fill func(dir string) error) error {
	tmp, err := os.MkdirTemp(s.Dir, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return err
	}
	img.Created = time.Now()
	b, err := json.Marshal(img)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, meta), b, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(s.Dir, img.ID))
}

// Get returns an image; fs.ErrNotExist if the store does not have it.
func (s Store) Get(id string) (Image, error) {
	var layers []string
	var first Image
	for next := id; next != ""; {
		b, err := os.ReadFile(filepath.Join(s.Dir, next, meta))
		if err != nil {
			return Image{}, fmt.Errorf("reading image %s: %w", next, err)
		}
		var img Image
		if err := json.Unmarshal(b, &img); err != nil {
			return Image{}, fmt.Errorf("reading image %s: %w", next, err)
		}
		if len(layers) == 0 {
			first = img
		}
		layers = append(layers, filepath.Join(s.Dir, next, "rootfs"))
		next = img.Parent
	}
	first.Layers = layers
	return first, nil
}

// Of returns the image with these layers.
func (s Store) Of(layers []string) (Image, error) {
	if len(layers) == 0 {
		return Image{}, errors.New("finding an image: no layers given")
	}
	return s.Get(filepath.Base(filepath.Dir(layers[0])))
}

// Remove deletes an image; one that does not exist is no error.
func (s Store) Remove(id string) error {
	if id == "" || strings.ContainsAny(id, "/.") {
		return fmt.Errorf("removing image %q: not an image's name", id)
	}
	return os.RemoveAll(filepath.Join(s.Dir, id))
}

// lock keeps two processes from building the same image at the same time.
func (s Store) lock(id string) (func(), error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.Dir, "."+id+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking image %s: %w", id, err)
	}
	return func() { f.Close() }, nil
}
