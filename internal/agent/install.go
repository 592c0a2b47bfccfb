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

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
	"macaw.example/internal/systemd"
)

// unitFile is where the agent's unit is.
const unitFile = "/etc/systemd/system/" + UnitName

// installer puts the agent on a machine.
type installer struct {
	systemd.System
	write   func(path string, mode fs.FileMode, content []byte) (changed bool, err error)
	netplan fs.FS // netplan's directory
	findNIC func(model.MAC) (string, error)
	warn    func(text string)
}

// newInstaller returns the installer for this machine. warn gets what is wrong with the machine, and does not
// keep the agent from working.
func newInstaller(warn func(text string)) installer {
	return installer{systemd.New(run), replace, os.DirFS(netplanDir), netdev.FindNIC, warn}
}

// Install makes this machine run the agent, now and after each boot, and keeps its
// network managers off the provider NIC. It returns when the translation is attached; changed says whether
// there was anything to do. binary is the absolute path of macaw-node. warn gets what is wrong with the machine
// and does not keep the agent from working.
func Install(ctx context.Context, cfg Config, binary string, warn func(text string)) (changed bool, err error) {
	return newInstaller(warn).install(ctx, cfg, binary)
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
	if changed, err = i.unmanage(ctx, networkFile, networkStamp, cfg.NICMAC); err != nil {
		return false, fmt.Errorf("keeping the machine's network managers off the provider NIC: %w", err)
	}
	for _, f := range []struct {
		path    string
		mode    fs.FileMode
		content []byte
	}{
		{DefaultConfigFile, 0o600, append(text, '\n')},
		{unitFile, 0o644, []byte(Unit(binary, DefaultConfigFile))},
	} {
		wrote, err := i.write(f.path, f.mode, f.content)
		if err != nil {
			return false, fmt.Errorf("writing %s: %w", f.path, err)
		}
		changed = changed || wrote
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
