// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pageRows returns the cells of the table in docs/security.md whose header begins with first.
func pageRows(t *testing.T, first string) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "\n| "+first+" |")
	if !ok {
		t.Fatalf("docs/security.md has no table of %ss", first)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for _, line := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		rows = append(rows, cells)
	}
	return rows
}

// testSecurityPage compares docs/security.md with the node.
func testSecurityPage(t *testing.T, file string) {
	t.Run("ports", func(t *testing.T) { testListedPorts(t, file) })
	t.Run("secrets", func(t *testing.T) { testListedSecrets(t, file) })
	t.Run("secrets nowhere else", func(t *testing.T) { testSecretsElsewhere(t, file) })
}

func testListedPorts(t *testing.T, file string) {
	// Of each port, where it is listened on; systemd's resolver is not in the table.
	const resolver = " 53 "
	listening := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(onNode(t, file, "ss -Hltn")), "\n") {
		local := strings.Fields(line)[3]
		i := strings.LastIndex(local, ":")
		address, port := local[:i], local[i+1:]
		if strings.Contains(resolver, " "+port+" ") {
			continue
		}
		switch {
		case address == "0.0.0.0" || address == "[::]" || address == "*":
			listening[port] = "every address"
		case strings.HasPrefix(address, "127.") || address == "[::1]":
			listening[port] = "127.0.0.1"
		case address == "10.0.0.4":
			listening[port] = "management address"
		default:
			listening[port] = address
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(onNode(t, file, "ss -Hlun")), "\n") {
		switch local := strings.Fields(line)[3]; local {
		case "127.0.0.53%lo:53", "127.0.0.54:53", "10.0.0.4%ens5:68":
		default:
			t.Errorf("over UDP something listens on %s, which the page does not have", local)
		}
	}
	rows := pageRows(t, "port")
	own := map[string]bool{} // ports with a row of their own, which a range around them does not speak of
	for _, row := range rows {
		own[row[0]] = true
	}
	listed := map[string]bool{}
	for _, row := range rows {
		found := false
		for _, port := range portsOf(t, row[0]) {
			if port != row[0] && own[port] {
				continue
			}
			listed[port] = true
			if at, ok := listening[port]; ok {
				found = true
				if at != row[2] {
					t.Errorf("port %s, %s: listens on %s, the page says %s", port, row[1], at, row[2])
				}
			}
		}
		if !found {
			t.Errorf("nothing listens on port %s, where the page has %s", row[0], row[1])
		}
	}
	for _, port := range slices.Sorted(maps.Keys(listening)) {
		if !listed[port] {
			t.Errorf("the page does not have port %s, which %s", port,
				strings.TrimSpace(onNode(t, file, "ss -Hltnp sport = :"+port)))
		}
	}
}

// portsOf returns the ports of a cell: "22", or each of "5900-6923".
func portsOf(t *testing.T, cell string) (ports []string) {
	t.Helper()
	from, to, ok := strings.Cut(cell, "-")
	if !ok {
		to = from
	}
	low, err := strconv.Atoi(from)
	if err != nil {
		t.Fatal(err)
	}
	high, err := strconv.Atoi(to)
	if err != nil {
		t.Fatal(err)
	}
	for port := low; port <= high; port++ {
		ports = append(ports, strconv.Itoa(port))
	}
	return ports
}

func testListedSecrets(t *testing.T, file string) {
	for _, row := range pageRows(t, "file") {
		path, on, readers := row[0], row[1], row[2]
		if on == "operator" {
			continue // the test runs with directories of its own
		}
		got := strings.Fields(onNode(t, file, "stat -c '%U %G %a' "+path))
		mode, err := strconv.ParseUint(got[2], 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		may := []string{got[0]}
		if mode&0o040 != 0 {
			may = append(may, "group "+got[1])
		}
		if mode&0o007 != 0 {
			may = append(may, "everybody")
		}
		if is := strings.Join(may, ", "); is != readers {
			t.Errorf("%s is readable by %s, the page says %s", path, is, readers)
		}
	}
}

// testSecretsElsewhere searches what every user of the node can read, and what every process was
// started with, for the cloud's secrets.
func testSecretsElsewhere(t *testing.T, file string) {
	const search = `
import json, os, stat
def values(v):
    if isinstance(v, dict):
        for x in v.values(): yield from values(x)
    elif isinstance(v, str): yield v.encode()
secrets = list(values(json.load(open("/etc/macaw/secrets.json"))))
assert len(secrets) > 8, "too few secrets"
def look(path, what):
    try: content = open(path, "rb").read()
    except OSError: return
    if any(s in content for s in secrets): print(what, path)
for top in "/etc", "/var/log", "/var/lib", "/var/cache", "/run", "/tmp", "/opt", "/home", "/root", "/usr/local":
    for dir, subdirs, names in os.walk(top):
        # Only directories that everybody may enter.
        subdirs[:] = [d for d in subdirs if os.lstat(os.path.join(dir, d)).st_mode & 0o001]
        for name in names:
            path = os.path.join(dir, name)
            try: st = os.lstat(path)
            except OSError: continue
            log = dir.startswith("/var/log")
            if stat.S_ISREG(st.st_mode) and st.st_size < 1 << 26 and (log or st.st_mode & 0o004): look(path, "file")
for pid in filter(str.isdigit, os.listdir("/proc")): look("/proc/%s/cmdline" % pid, "command line")
`
	if found := onNode(t, file, "python3 -c "+quoted(search)); found != "" {
		t.Errorf("secrets are in:\n%s", found)
	}
	// An unprivileged user reads none of the files that have them.
	var paths []string
	for _, row := range pageRows(t, "file") {
		if row[1] != "operator" {
			paths = append(paths, row[0])
		}
	}
	out := onNode(
		t,
		file,
		"for f in "+strings.Join(paths, " ")+"; do runuser -u nobody -- cat $f >/dev/null 2>&1 && echo $f; done; true",
	)
	if out != "" {
		t.Errorf("user nobody reads:\n%s", out)
	}
}
