// SPDX-License-Identifier: Apache-2.0

package labtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/lab"
	"macaw.example/lab/labtest"
)

// TestTenLines uses a lab as another project would.
func TestTenLines(t *testing.T) {
	lab := labtest.Start(t)
	web := lab.Launch(t, labtest.Machine{UserData: "#!/bin/sh\nhostname >/run/name\nsystemd-run " +
		"--working-directory=/run python3 -m http.server 80\n"})
	name := fetch(t, "http://"+web.Public.String()+"/name")
	if want := "ip-" + strings.ReplaceAll(web.Private[0].String(), ".", "-"); strings.TrimSpace(name) != want {
		t.Errorf("the machine calls itself %q, want %q", name, want)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		resp, err := client.Get(url)
		if err != nil && time.Now().Before(end) {
			continue // the server is starting
		}
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", url, resp.Status, err)
		}
		return string(b)
	}
}

// TestCloudInit checks that Debian's cloud-init finds what it expects on EC2.
func TestCloudInit(t *testing.T) {
	lab := labtest.Start(t)
	m := lab.Launch(t, labtest.Machine{NICs: 2, UserData: `#cloud-config
write_files:
- path: /etc/macaw-test
  content: written by cloud-init
runcmd:
- [sh, -c, "echo ran >/run/macaw-ran"]
`})
	for _, tc := range []struct{ what, command, want string }{
		{"data source", "cloud-init query cloud_name", "aws"},
		{"platform", "cloud-init query platform", "ec2"},
		{"instance ID", "cloud-init query instance_id", m.ID},
		{"region", "cloud-init query region", lab.Config().Region},
		{"user data: files", "cat /etc/macaw-test", "written by cloud-init"},
		{"user data: commands", "cat /run/macaw-ran", "ran"},
		{"hostname", "hostname", "ip-" + strings.ReplaceAll(m.Private[0].String(), ".", "-")},
		{"key", "wc -l </home/admin/.ssh/authorized_keys", "1"},
		{"status", "cloud-init status | head -1", "status: done"},
		{"first NIC", "ip -4 -o address show ens5 | awk '{print $4}'", m.Private[0].String() + "/24"},
		{"second NIC", "ip -4 -o address show ens6 | awk '{print $4}'", m.Private[1].String() + "/24"},
		{"default route", "ip -4 route get 8.8.8.8 | head -1 | cut -d' ' -f 3,5", "10.99.0.1 ens5"},
		{"second NIC's own routing table", "ip rule | grep -c 'from " + m.Private[1].String() + " lookup 101'", "1"},
		{"NICs that a boot waits for",
			"systemctl cat systemd-networkd-wait-online | grep -o ' -i ens[0-9]*:degraded' | tr -d '\n'",
			"-i ens5:degraded -i ens6:degraded"},
		{"MTU", "cat /sys/class/net/ens5/mtu", "9001"},
	} {
		got := strings.TrimSpace(m.Run(t, tc.command))
		if got != tc.want {
			t.Errorf("%s: %q gives %q, want %q", tc.what, tc.command, got, tc.want)
		}
	}
}

// TestDaemonRestart checks that the lab's machines and their connections survive the
// daemon, whether it is killed or stopped.
func TestDaemonRestart(t *testing.T) {
	lab := labtest.Start(t)
	server := lab.Launch(t, labtest.Machine{Name: "server"})
	client := lab.Launch(t, labtest.Machine{Name: "client"})
	api := ec2.NewFromConfig(lab.Config())
	before := describe(t, api)

	// A connection in both directions, a line each 50 ms for 20 s.
	server.Run(t, "systemd-run --unit=echo python3 -c '"+echoServer+"'")
	client.Run(t, fmt.Sprintf("systemd-run --unit=talk python3 -c '%s' %s", talker, server.Private[0]))
	time.Sleep(2 * time.Second)
	kill(t)
	lab.Command(t, "up")
	after := describe(t, api)
	if before != after {
		t.Errorf("before the restart:\n%s\nafter it:\n%s", before, after)
	}
	// Both SSH and the machines' own connection survived.
	said := client.Run(t, "while systemctl is-active --quiet talk; do sleep 0.2; done; cat /run/talk")
	if said = strings.TrimSpace(said); said != "400 of 400" {
		t.Errorf("the connection between the machines carried %s lines", said)
	}
	if drops := lab.Command(t, "drops"); strings.Contains(drops, "security-group") {
		t.Logf("%s", drops)
	}
}

// TestNetworkBeforeImage brings up a lab whose daemon has died, with an image that can't be
// built. Its machines get their network back all the same.
func TestNetworkBeforeImage(t *testing.T) {
	running := labtest.Start(t)
	kill(t)
	_, err := lab.Up(t.Context(), lab.Options{
		Command: []string{running.Program()}, Packages: []string{"no-such-package-exists"},
	}, func(string) func(error) { return func(error) {} })
	if err == nil {
		t.Error("the lab has an image with a package that does not exist")
	}
	if _, err := lab.Open(t.Context()); err != nil {
		t.Errorf("the lab's daemon after that: %v", err)
	}
	running.Command(t, "up")
}

// TestDropsAreShown sends a frame that AWS drops and finds it in the counters, the followed
// drops and the capture.
func TestDropsAreShown(t *testing.T) {
	lab := labtest.Start(t)
	m := lab.Launch(t, labtest.Machine{Name: "drops"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	follow := exec.CommandContext(ctx, lab.Program(), "drops", "--follow", "--output", "json")
	followed, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	defer follow.Wait()
	defer cancel()
	capture := exec.CommandContext(ctx, lab.Program(), "pcap", "--eni", m.ENIs[0], "--drops", "--for", "5s")
	var captured bytes.Buffer
	capture.Stdout = &captured
	if err := capture.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	// The address is not registered on this ENI.
	m.Run(t, "ip address add 10.99.0.200/32 dev ens5; ping -c 3 -W 1 -I 10.99.0.200 8.8.8.8 || true")
	type drop struct{ Port, Direction, Reason, Summary string }
	var seen drop
	for in := json.NewDecoder(followed); seen.Port != m.ENIs[0] || seen.Reason != "source-address"; {
		if err := in.Decode(&seen); err != nil {
			t.Fatalf("the drop was not followed: %v", err)
		}
	}
	if !strings.Contains(seen.Summary, "10.99.0.200 > 8.8.8.8") || seen.Direction != "egress" {
		t.Errorf("followed %+v", seen)
	}
	if err := capture.Wait(); err != nil {
		t.Errorf("capturing: %v", err)
	}
	if !bytes.Contains(captured.Bytes(), []byte("dropped, egress: source-address: ")) {
		t.Errorf("%d bytes captured, without the drop and its reason", captured.Len())
	}
	if drops := lab.Command(t, "drops"); !strings.Contains(drops, "source-address") {
		t.Errorf("the drop is not counted:\n%s", drops)
	}
	if out := lab.Command(t, "ssh", "drops", "--", "cat", "/etc/hostname"); !strings.HasPrefix(out, "ip-10-99-0-") {
		t.Errorf("a shell in the machine says %q", out)
	}
	tree := lab.Command(t, "status")
	for _, want := range []string{m.ID + "  drops  running", m.ENIs[0] + "  device 0",
		m.Private[0].String() + " ↔ " + m.Public.String()} {
		if !strings.Contains(tree, want) {
			t.Errorf("the lab's status lacks %q:\n%s", want, tree)
		}
	}
}

const echoServer = `
import socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
socketserver.TCPServer(("", 7007), Echo).serve_forever()
`

const talker = `
import socket, sys, time
for attempt in range(50):
    try:
        s = socket.create_connection((sys.argv[1], 7007), 5)
        break
    except OSError:
        time.sleep(0.1)
s.settimeout(15)
f = s.makefile("rwb")
n = 0
for i in range(400):
    f.write(b"%d\n" % i)
    f.flush()
    n += f.readline() == b"%d\n" % i
    time.sleep(0.05)
open("/run/talk", "w").write("%d of 400" % n)
`

func describe(t *testing.T, api *ec2.Client) string {
	t.Helper()
	var b strings.Builder
	r, err := api.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range r.Reservations {
		for _, i := range r.Instances {
			fmt.Fprintf(&b, "%s %s %s %s\n", *i.InstanceId, i.State.Name, aws.ToString(i.PrivateIpAddress),
				aws.ToString(i.PublicIpAddress))
		}
	}
	return b.String()
}

// kill kills the lab's daemon, as a crash would.
func kill(t *testing.T) {
	t.Helper()
	out, err := exec.Command("curl", "-s", "--unix-socket", "/run/macaw/lab.sock", "http://lab/ready").Output()
	if err != nil {
		t.Fatalf("asking for the daemon's process ID: %v", err)
	}
	var pid int
	if _, err := fmt.Sscan(string(out), &pid); err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid)); err != nil {
			return
		}
	}
	t.Fatal("the daemon does not die")
}
