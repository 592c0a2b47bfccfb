// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/privatefile"
	"macaw.example/internal/smallfile"
)

// Home locates an operator's files.
type Home struct {
	// Dir has a directory for each cloud, with its SSH key and the host keys of its nodes. Neither
	// is state: without them, a new key can be put on the machines.
	Dir string
	// CloudsYAML is the path where OpenStack's clients look for their clouds.
	CloudsYAML string
	// Cache has what can be asked again: AWS's prices. Nothing is kept if it is empty.
	Cache string
}

func (h Home) of(cloud string) string {
	if !filepath.IsLocal(cloud) {
		cloud += "_" // a device of Windows, such as con; no cloud's name ends like this
	}
	return filepath.Join(h.Dir, cloud)
}
func (h Home) key(cloud string) string        { return filepath.Join(h.of(cloud), "id_ed25519") }
func (h Home) knownHosts(cloud string) string { return filepath.Join(h.of(cloud), "known_hosts") }

// guestKnownHosts is the file with the host key of a guest that a verification has kept.
func (h Home) guestKnownHosts(cloud string) string {
	return filepath.Join(h.of(cloud), "guest_known_hosts")
}

// authorityKey is the file with the key of a cloud's certificate authority, nextAuthorityKey the one with
// the key that is to replace it, and authority the one with its certificate.
func (h Home) authorityKey(cloud string) string { return filepath.Join(h.of(cloud), "authority.key") }
func (h Home) nextAuthorityKey(cloud string) string {
	return filepath.Join(h.of(cloud), "authority.key.next")
}
func (h Home) authority(cloud string) string { return filepath.Join(h.of(cloud), "authority.pem") }

// A cloud is named in its directory, and in clouds.yaml, by its name alone. So of two clouds with one
// name in two regions, only one can be this operator's: the one whose target is in this file.
func (h Home) targetFile(cloud string) string { return filepath.Join(h.of(cloud), "target") }

// check refuses a cloud whose directory is that of its namesake in another region.
func (h Home) check(c *cloud.Cloud) error {
	text, err := smallfile.Read(h.targetFile(c.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a new cloud, or one of an older version
	}
	if err != nil {
		return fmt.Errorf("reading which cloud the keys are of: %w", err)
	}
	owner := strings.TrimSpace(string(text))
	if owner == c.Target {
		return nil
	}
	return hint.With(
		fmt.Errorf("the keys in %s, and the entry in clouds.yaml, are those of cloud %s in %s, and not in %s", h.of(c.Name),
			c.Name, owner, c.Target),
		"give this cloud another name; or, if that cloud is gone, remove %s; or set XDG_DATA_HOME and "+
			"OS_CLIENT_CONFIG_FILE, and copy that directory if this cloud exists already", h.of(c.Name))
}

// claim makes the directory that of a cloud.
func (h Home) claim(c *cloud.Cloud) error {
	if err := h.check(c); err != nil {
		return err
	}
	err := privatefile.Create(h.targetFile(c.Name), []byte(c.Target+"\n"))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making the directory for the keys of cloud %s: %w", c.Name, err)
	}
	return h.check(c)
}

// unwritable adds a hint to the error of a directory that cannot be written.
func (h Home) unwritable(err error) error {
	_, path := errors.AsType[*fs.PathError](err)
	_, link := errors.AsType[*os.LinkError](err)
	if !path && !link {
		return err
	}
	return hint.With(err, "the keys of clouds are in %s: it must be writable, or XDG_DATA_HOME name another directory; "+
		"nothing was changed", h.Dir)
}
