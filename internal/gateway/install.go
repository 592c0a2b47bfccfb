package gateway

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

	"github.com/google/renameio/v2"
)

// Install makes this machine run the agent, now and after each boot, and keeps
// the system's network management off the provider NIC. It returns when the
// translation is attached; changed says whether there was anything to do.
// binary is the absolute path of macaw.
func Install(ctx context.Context, cfg Config, binary string) (changed bool, err error) {
	if err := cfg.validate(); err != nil {
		return false, fmt.Errorf("checking the gateway's configuration: %w", err)
	}
	text, err := json.MarshalIndent(cfg, "", "  ")
	if err != nil {
		return false, err
	}
	network, err := replace(networkFile, 0o644, fmt.Appendf(nil, network, cfg.NICMAC))
	if err != nil {
		return false, err
	}
	if network {
		// networkd lets go of the NIC; what it has put there the agent clears.
		if err := run(ctx, "networkctl", "reload"); err != nil {
			return false, fmt.Errorf("keeping networkd off the provider NIC: %w", err)
		}
	}
	config, err := replace(DefaultConfigFile, 0o600, append(text, '\n'))
	if err != nil {
		return false, err
	}
	unit, err := replace(filepath.Join("/etc/systemd/system", UnitName), 0o644, []byte(Unit(binary, DefaultConfigFile)))
	if err != nil {
		return false, err
	}
	if unit {
		if err := run(ctx, "systemctl", "daemon-reload"); err != nil {
			return false, err
		}
	}
	if err := run(ctx, "systemctl", "enable", "--quiet", UnitName); err != nil {
		return false, err
	}
	current, err := current(ctx)
	if err != nil {
		return false, err
	}
	changed = network || config || unit || !current
	if changed {
		// A restart loses no packet: the programs are pinned.
		err = run(ctx, "systemctl", "restart", UnitName)
	}
	return changed, err
}

// These come before what cloud-init has netplan write, so networkd takes them for
// the provider NICs: the one that the node was made with, and those that the
// agent has attached since.
const (
	networkFile     = "/etc/systemd/network/05-macaw-provider.network"
	moreNetworkFile = "/etc/systemd/network/05-macaw-provider-more.network"
)

// network leaves a NIC alone (systemd.network(5)). Without it the primary
// address, and on some images every secondary one, would be the host's, and
// floating IPs would end here.
const network = `# Written by macaw. The provider NIC belongs to the translation.
[Match]
MACAddress=%s
Type=ether

[Link]
Unmanaged=yes
`

// current says whether the agent runs, from the program that is installed now.
func current(ctx context.Context) (bool, error) {
	out, err := exec.CommandContext(ctx, "systemctl", "show", "-P", "MainPID", UnitName).Output()
	if err != nil {
		return false, fmt.Errorf("asking for %s: %w", UnitName, err)
	}
	pid := strings.TrimSpace(string(out))
	if pid == "" || pid == "0" {
		return false, nil
	}
	exe, err := os.Readlink(filepath.Join("/proc", pid, "exe"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return !strings.HasSuffix(exe, " (deleted)"), err
}

// replace writes a file, whole or not at all, unless it holds the same.
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

// run runs a command; what it says on failure is part of the error.
func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
