// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

// TestFrames sends a frame from one end of a veth pair and receives it at the other.
func TestFrames(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("raw sockets and namespaces need root")
	}
	ns := "mcwt-" + rand.Text()[:8]
	ip(t, "netns", "add", ns)
	t.Cleanup(func() { ip(t, "netns", "del", ns) })
	one, two := "02:00:00:00:00:01", "02:00:00:00:00:02"
	ip(t, "-n", ns, "link", "add", "one", "mtu", "9001", "address", one, "type", "veth", "peer", "name", "two", "mtu",
		"9001", "address", two)
	ip(t, "-n", ns, "link", "set", "one", "up")
	ip(t, "-n", ns, "link", "set", "two", "up")
	src, _ := net.ParseMAC(one)
	dst := net.HardwareAddr{2, 9, 9, 9, 9, 9} // assigned to no interface: only a promiscuous device receives it
	frame := append(append(bytes.Clone(dst), src...), 0x88, 0xb5)
	small, jumbo := append(slices.Clone(frame), make([]byte, 46)...), append(slices.Clone(frame), make([]byte, 9001)...)

	order, err := json.Marshal(Order{Devices: []Device{
		{MAC: one, Send: []Shot{{500 * time.Millisecond, small}, {550 * time.Millisecond, jumbo}}, Listen: 2 * time.Second},
		{MAC: two, Listen: 2 * time.Second},
		{MAC: "02:00:00:00:00:09"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", ns, os.Args[0], "-test.run", "^TestHelperAgent$")
	cmd.Env = append(os.Environ(), "MACAW_TEST_AGENT=1")
	cmd.Stdin = bytes.NewReader(order)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answer Answer
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&answer); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	heard := func(d int, f []byte) (at time.Duration) {
		for _, h := range answer.Devices[d].Frames {
			if bytes.Equal(h.Frame, f) {
				at = h.At
			}
		}
		return at
	}
	for name, f := range map[string][]byte{"small": small, "jumbo": jumbo} {
		if at := heard(1, f); at < 490*time.Millisecond || at > 1900*time.Millisecond {
			t.Errorf("the %s frame was heard after %s", name, at)
		}
		if heard(0, f) != 0 {
			t.Errorf("the sender heard its own %s frame", name)
		}
	}
	if answer.Devices[2].Problem == "" {
		t.Error("a device that is not there is no problem")
	}
}

// TestHelperAgent is the agent, when TestFrames runs it.
func TestHelperAgent(t *testing.T) {
	if os.Getenv("MACAW_TEST_AGENT") == "" {
		t.Skip("only for TestFrames")
	}
	if err := Serve(t.Context(), os.Stdin, os.Stdout); err != nil {
		t.Fatal(err)
	}
}
