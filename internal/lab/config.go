package lab

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Where the lab is, on a host. There is one lab on a host, because the
// addresses of its Internet exist once.
const (
	Dir     = "/var/lib/macaw/lab"
	Socket  = "/run/macaw/lab.sock"
	Address = "127.0.0.1:8773" // of the EC2 API
	Region  = "us-east-1"
)

// Endpoint is the URL of the lab's AWS.
const Endpoint = "http://" + Address

// Config is what a lab keeps as long as it exists: what it was made with.
type Config struct {
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
	// ElasticIPQuota is how many Elastic IPs the account may hold.
	ElasticIPQuota int `json:"elasticIPQuota"`
	// AnnounceMoves has the fabric tell a subnet's machines of an address that
	// moved to another ENI.
	AnnounceMoves bool `json:"announceMoves,omitempty"`
	// Image is the stock image that it offers.
	Image string `json:"image"`
	// Program is the hash of the daemon's program: another program is another
	// daemon.
	Program string `json:"program"`
}

func configPath() string { return filepath.Join(Dir, "lab.json") }

// ReadConfig returns the lab's configuration; fs.ErrNotExist when there is no
// lab.
func ReadConfig() (Config, error) {
	b, err := os.ReadFile(configPath())
	if err != nil {
		return Config{}, err
	}
	var c Config
	if err := json.Unmarshal(b, &c); err != nil {
		return Config{}, fmt.Errorf("reading %s: %w", configPath(), err)
	}
	return c, nil
}

// configure writes the configuration down, with credentials made for it when
// it has none yet.
func configure(opts Options, image string) (Config, error) {
	c, err := ReadConfig()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Config{}, err
	}
	if c.AccessKey == "" {
		c.AccessKey = "AKIA" + rand.Text()[:16]
		c.SecretKey = (rand.Text() + rand.Text())[:40]
	}
	if opts.ElasticIPQuota > 0 {
		c.ElasticIPQuota = opts.ElasticIPQuota
	}
	if opts.AnnounceMoves != nil {
		c.AnnounceMoves = *opts.AnnounceMoves
	}
	c.Image = image
	if c.Program, err = hash(opts.Daemon[0]); err != nil {
		return Config{}, err
	}
	return c, writeJSON(configPath(), c)
}

// hash is a file's content in short.
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

// writeJSON writes a file that only root reads, whole or not at all.
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
