// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Where the lab is on a host. A host has at most one lab, because the addresses of its
// Internet are fixed.
const (
	Dir     = "/var/lib/macaw/lab"
	Socket  = "/run/macaw/lab.sock"
	Address = "127.0.0.1:8773" // of the EC2 API
	Region  = "us-east-1"
	// WebServer is the name of the web server on the lab's Internet.
	WebServer = "www.example.com"
	// Operator is this host's address on the lab's Internet, and CheckIP the URL of a service there that
	// returns the address from which it is asked.
	Operator = "198.51.100.1"
	CheckIP  = "http://198.51.100.2"
)

// Endpoint is the URL of the lab's AWS.
const Endpoint = "http://" + Address

// Config is what a lab was created with. It is kept for the lab's lifetime.
type Config struct {
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
	// ElasticIPQuota is how many Elastic IPs the account may hold.
	ElasticIPQuota int `json:"elasticIPQuota"`
	// AnnounceMoves makes the fabric announce to a subnet's machines an address that moved
	// to another ENI.
	AnnounceMoves bool `json:"announceMoves,omitempty"`
	// Image is the ID of the stock image.
	Image string `json:"image"`
	// Program is the hash of the daemon's program; if it differs, the daemon is replaced.
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
