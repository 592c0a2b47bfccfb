// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/ec2"
)

// configure writes the configuration, and generates credentials if it has none yet.
func configure(opts Options, image string) (control.Config, error) {
	c, err := control.ReadConfig()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return control.Config{}, err
	}
	made := c.AccessKey == ""
	c.ElasticIPQuota = opts.quota(c.ElasticIPQuota, made)
	if made {
		c.AccessKey = "AKIA" + rand.Text()[:16]
		c.SecretKey = (rand.Text() + rand.Text())[:40]
	}
	if opts.AnnounceMoves != nil {
		c.AnnounceMoves = *opts.AnnounceMoves
	}
	c.Image = image
	if c.Program, err = hash(opts.Daemon[0]); err != nil {
		return control.Config{}, err
	}
	return c, writeJSON(control.ConfigPath(), c)
}

// quota is how many Elastic IPs the account of a lab may hold that had this quota, or of one that is made now.
func (o Options) quota(before int, made bool) int {
	if o.ElasticIPQuota > 0 {
		return o.ElasticIPQuota
	}
	if made {
		before = o.NewElasticIPQuota
	}
	if o.MinElasticIPQuota > cmp.Or(before, ec2.DefaultAddressQuota) {
		return o.MinElasticIPQuota
	}
	return before
}

// hash returns a short hash of a file's content.
func hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// writeJSON writes a file atomically, readable by root only.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(path, b, 0o600)
}
