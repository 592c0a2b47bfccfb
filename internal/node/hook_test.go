// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// guestXML is the relevant part of libvirt's input for its hook.
const guestXML = `<domain type='qemu'>
  <devices>
    <interface type='ethernet'>
      <target dev='tapc0ffee00-01'/>
      <mtu size='1500'/>
    </interface>
    <disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>
  </devices>
</domain>
`

// runHook runs libvirt's hook with an ovs-vsctl that returns ofport, and returns the changes that
// the hook makes. Commands that begin with late change the database and end without an answer.
func runHook(t *testing.T, operation, ofport, late string) []string {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	for name, script := range map[string]string{
		"logger": "#!/bin/sh\n",
		"ovs-vsctl": `#!/bin/sh
shift # the time limit
case "$*" in
"--if-exists get Interface tapc0ffee00-01 ofport") echo '` + ofport + `' ;;
"iface-to-br tapc0ffee00-01") echo br-int ;;
"get Interface tapc0ffee00-01 external_ids") echo '{iface-id="1-2", ovn-installed="true"}' ;;
*) echo "$*" >> ` + log + ` ;;
esac
case "$*" in ` + late + `*) kill -ALRM $$ ;; esac # the time limit: ovs-vswitchd does not follow the database
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	hook, err := templates.ReadFile("files/qemu-hook")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", string(hook), "qemu", "instance-00000001", operation, "begin", "-")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	cmd.Stdin = strings.NewReader(guestXML)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the hook failed, and the guest would not start: %v\n%s", err, out)
	}
	ran, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(ran)), "\n")
}

func TestAPortLeftOverIsPutInAnew(t *testing.T) {
	want := []string{
		"del-port br-int tapc0ffee00-01",
		`--may-exist add-port br-int tapc0ffee00-01 -- set Interface tapc0ffee00-01 external_ids={iface-id="1-2", ovn-installed="true"}` +
			" -- remove Interface tapc0ffee00-01 external_ids ovn-installed" +
			" -- remove Interface tapc0ffee00-01 external_ids ovn-installed-ts",
	}
	// A port that was removed is added again, whatever ovs-vswitchd answers.
	for _, late := range []string{"none", "del-port"} {
		if diff := cmp.Diff(want, runHook(t, "prepare", "9", late)); diff != "" {
			t.Errorf("late: %s (-want +got):\n%s", late, diff)
		}
	}
}

func TestAPortThatIsNotOpenStays(t *testing.T) {
	for _, ofport := range []string{"", "[]", "-1"} { // unknown; new; without a device
		if ran := runHook(t, "prepare", ofport, "none"); ran[0] != "" {
			t.Errorf("ofport %q: ran %q", ofport, ran)
		}
	}
	if ran := runHook(t, "started", "9", "none"); ran[0] != "" {
		t.Errorf("when the guest runs: ran %q", ran)
	}
}
