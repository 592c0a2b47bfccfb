// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Where the lab is, on a host. There is one lab on a host, because the
// addresses of its Internet exist once.
const (
	Dir     = "/var/lib/macaw/lab"
	Socket  = "/run/macaw/lab.sock"
	Address = "127.0.0.1:8773" // of the EC2 API
	Region  = "us-east-1"
	// WebServer is the name of the web server on the lab's Internet.
	WebServer = "www.example.com"
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

// ConfigPath is the file with the lab's configuration.
func ConfigPath() string { return filepath.Join(Dir, "lab.json") }

// ReadConfig returns the lab's configuration; fs.ErrNotExist when there is no
// lab.
func ReadConfig() (Config, error) {
	b, err := os.ReadFile(ConfigPath())
	if err != nil {
		return Config{}, err
	}
	var c Config
	if err := json.Unmarshal(b, &c); err != nil {
		return Config{}, fmt.Errorf("reading %s: %w", ConfigPath(), err)
	}
	return c, nil
}
