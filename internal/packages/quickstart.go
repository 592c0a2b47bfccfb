// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"context"
	_ "embed"
	"fmt"
	"path"

	"macaw.example/internal/configfile"
	"macaw.example/internal/execute"
)

//go:embed quickstart.py
var quickStart []byte

// quickStartFiles have Python load quickstart.py in every process (site module's documentation, ".pth").
func quickStartFiles() []configfile.File {
	return []configfile.File{
		{Path: path.Join(pythonPackages, "macaw_quickstart.py"), Mode: 0o644, Content: quickStart},
		{Path: path.Join(pythonPackages, "macaw_quickstart.pth"), Mode: 0o644, Content: []byte("import macaw_quickstart\n")},
	}
}

// bootFiles keep a machine from waiting at its boot for answers that cannot come in a VPC.
var bootFiles = []configfile.File{
	// Two addresses alike: after each link is up, the kernel looks for 1.4 s.
	{Path: "/etc/sysctl.d/60-macaw-boot.conf", Mode: 0o644, Content: []byte(
		`# Written by macaw. AWS assigns addresses, and passes no others: no need to wait for a duplicate at boot.
net.ipv6.conf.default.accept_dad = 0
net.ipv6.conf.*.accept_dad = 0
`)},
	// A name without a dot: cloud-init looks one up at each boot, and systemd-resolved asks the other
	// machines of the subnet for 1.1 s. A VPC passes no multicast.
	{Path: "/etc/systemd/resolved.conf.d/60-macaw-boot.conf", Mode: 0o644, Content: []byte(
		`# Written by macaw. No other machine can answer in a VPC, which passes no multicast.
[Resolve]
LLMNR=no
`)},
}

// quickenStarts is for the starts of services, and of the machine.
func (m *Machine) quickenStarts(ctx context.Context) error {
	for _, f := range append(quickStartFiles(), bootFiles...) {
		if _, err := f.Write(m.Root); err != nil {
			return err
		}
	}
	// So that it does not listen for others from now on; it keeps what DHCP has told it.
	const resolver = "systemd-resolved.service"
	seen, err := m.Run.System().Show(ctx, resolver)
	if err != nil || seen[0].Missing != "" {
		return err
	}
	if _, err := m.Run(ctx, execute.Command{Args: []string{"systemctl", "try-restart", resolver}}); err != nil {
		return fmt.Errorf("restarting the resolver: %w", err)
	}
	return nil
}
