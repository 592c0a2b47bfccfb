// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
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

	"github.com/google/renameio/v2"

	"macaw.example/internal/systemd"
)

// unitFile is where the agent's unit is.
const unitFile = "/etc/systemd/system/" + UnitName

// installer puts the agent on a machine.
type installer struct {
	systemd.System
	write func(path string, mode fs.FileMode, content []byte) (changed bool, err error)
}

// Install makes this machine run the agent, now and after each boot, and keeps networkd
// off the provider NIC. It returns when the translation is attached; changed says whether
// there was anything to do. binary is the absolute path of macaw-node.
func Install(ctx context.Context, cfg Config, binary string) (changed bool, err error) {
	return installer{systemd.New(run), replace}.install(ctx, cfg, binary)
}

// install may be killed anywhere: it makes no difference which run wrote a file and which
// one restarts its readers, see package systemd.
func (i installer) install(ctx context.Context, cfg Config, binary string) (changed bool, err error) {
	if err := cfg.validate(); err != nil {
		return false, fmt.Errorf("checking agent configuration: %w", err)
	}
	text, err := json.MarshalIndent(cfg, "", "  ")
	if err != nil {
		return false, err
	}
	for _, f := range []struct {
		path    string
		mode    fs.FileMode
		content []byte
	}{
		{networkFile, 0o644, fmt.Appendf(nil, network, cfg.NICMAC)},
		{DefaultConfigFile, 0o600, append(text, '\n')},
		{unitFile, 0o644, []byte(Unit(binary, DefaultConfigFile))},
	} {
		wrote, err := i.write(f.path, f.mode, f.content)
		if err != nil {
			return false, fmt.Errorf("writing %s: %w", f.path, err)
		}
		changed = changed || wrote
	}
	// networkd leaves the NIC; the agent removes the addresses that it has added.
	if err := i.ReloadNetwork(ctx, networkStamp, networkFile); err != nil {
		return false, fmt.Errorf("keeping networkd off the provider NIC: %w", err)
	}
	if _, err := i.Run(ctx, "systemctl", "enable", "--quiet", UnitName); err != nil {
		return false, err
	}
	// A restart loses no packet: the programs are pinned.
	did, err := i.Ensure(ctx, func(string) time.Time { return i.newest(binary, DefaultConfigFile, unitFile) }, UnitName)
	return changed || did, err
}

// newest is when the newest of files was written.
func (i installer) newest(files ...string) (at time.Time) {
	for _, f := range files {
		if t := i.Changed(f); t.After(at) {
			at = t
		}
	}
	return at
}

// These sort before the files of cloud-init and netplan, so networkd uses them for the
// provider NICs: the one that the node was made with, and those that the agent has
// attached since.
const (
	networkFile     = "/etc/systemd/network/05-macaw-provider.network"
	moreNetworkFile = "/etc/systemd/network/05-macaw-provider-more.network"
	// The stamps of networkd's reloads, see package systemd.
	networkStamp     = "/run/macaw/networkd-provider"
	moreNetworkStamp = "/run/macaw/networkd-provider-more"
)

// network has networkd leave a NIC alone (systemd.network(5)). Without it the primary
// address, and on some images every secondary one, would be the host's, and packets to
// floating IPs would end here.
const network = `# Written by macaw. The provider NIC belongs to the translation.
[Match]
MACAddress=%s
Type=ether

[Link]
Unmanaged=yes
`

// replace writes a file atomically, unless it has the same content.
func replace(path string, mode fs.FileMode, content []byte) (changed bool, err error) {
	before, err := os.ReadFile(path)
	if err == nil && bytes.Equal(before, content) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	return true, renameio.WriteFile(path, content, mode)
}

// run runs a command and returns its standard output; its standard error is part of the
// error.
func run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
