// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// testHostNetwork checks that the provider NIC is the translation's alone: no address, no
// routing rule, nothing that would configure it at the next boot, and no boot that waits for
// it.
func testHostNetwork(t *testing.T, file string) {
	t.Helper()
	// Services that wait for others are part of the boot.
	jobs := onNode(
		t,
		file,
		"timeout 180 systemctl is-system-running --wait >/dev/null || systemctl list-jobs --full --after",
	)
	if strings.Contains(jobs, "JOB") {
		t.Fatalf("the boot is not finished; jobs, and what waits for them:\n%s", jobs)
	}
	for _, c := range []struct{ what, script, want string }{
		{"addresses of the provider NIC", "ip -o address show dev ens6", ""},
		{"routing rules", "ip rule | grep -v 'lookup \\(local\\|main\\|default\\)$' || true", ""},
		{"routes of the provider NIC", "ip route show table all | grep 'dev ens6' || true", ""},
		{"what netplan configures", "netplan get ethernets | grep -o '^[a-z0-9]*:'", "ens5:"},
		{"NICs that a boot waits for", "systemctl cat systemd-networkd-wait-online.service | grep -o 'ens6' || true", ""},
		{"failed units", "systemctl --failed --plain --no-legend", ""},
	} {
		if got := strings.TrimSpace(onNode(t, file, c.script)); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	took := strings.TrimSpace(onNode(t, file,
		"systemctl show --value --property=ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic"+
			" systemd-networkd-wait-online.service | tr '\\n' ' '"))
	t.Logf("%s; waiting for the network: %s us since the boot",
		strings.SplitN(onNode(t, file, "systemd-analyze"), "\n", 2)[0], took)
	var from, to int64
	if _, err := fmt.Sscan(took, &from, &to); err != nil {
		t.Fatalf("%q: %v", took, err)
	}
	// Left alone it waits two minutes.
	if wait := time.Duration(to-from) * time.Microsecond; wait > 30*time.Second {
		t.Errorf("the boot waited %s for the network", wait)
	}
}

// testHeldBack asks unattended-upgrades itself about the package of each unit that runs for
// the cloud: it must not upgrade it, and with that restart the unit, behind our back.
func testHeldBack(t *testing.T, file string) {
	t.Helper()
	const script = `
import importlib.machinery, importlib.util, subprocess, sys
def out(*args):
    return subprocess.run(args, capture_output=True, text=True).stdout
# Units of the base system are upgraded: Debian's image has them, and has them upgraded.
base = set("""cloud-guest-utils cloud-init cron dbus dbus-daemon dbus-system-bus-common libpam-systemd netplan.io
    openssh-server polkitd systemd systemd-resolved systemd-timesyncd udev unattended-upgrades util-linux
    apparmor e2fsprogs init procps systemd-container uuid-runtime""".split())
loader = importlib.machinery.SourceFileLoader("uu", "/usr/bin/unattended-upgrade")
spec = importlib.util.spec_from_loader("uu", loader)
uu = importlib.util.module_from_spec(spec)
loader.exec_module(uu)
import apt_pkg
apt_pkg.init_config()
patterns = apt_pkg.config.value_list("Unattended-Upgrade::Package-Blacklist")
seen = 0
for unit in out("systemctl", "list-units", "--plain", "--no-legend", "--type=service", "--state=running").splitlines():
    name = unit.split()[0]
    path = out("systemctl", "show", "--value", "--property=FragmentPath", name).strip()
    owner = out("dpkg", "-S", path, path.removeprefix("/usr")).split(":")[0]
    if not owner or owner in base:
        continue
    seen += 1
    if not uu.is_pkgname_in_blacklist(owner, patterns):
        print(f"{owner} ({name})")
print("units:", seen)
`
	got := strings.TrimSpace(onNode(t, file, "python3 - <<'END'\n"+script+"\nEND"))
	lines := strings.Split(got, "\n")
	last := lines[len(lines)-1]
	if len(lines) > 1 || !strings.HasPrefix(last, "units: ") || len(last) < len("units: 10") {
		t.Errorf("unattended-upgrades upgrades services of the cloud, or knows none: %s", got)
	}
}
