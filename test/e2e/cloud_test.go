// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCloud takes a cloud through its life, from a baked image: creation with "macaw up"
// killed several times, use, faults and repair, removal.
func TestCloud(t *testing.T) {
	needLab(t)
	file := cloudFile(t, "e2e", "")
	downAfter(t, file)
	image := bake(t, file)
	t.Run("image", func(t *testing.T) { testImage(t, image) })

	// A kill waits for each of these texts in the announced steps.
	for _, at := range []string{"create subnet", "mariadb", "guest is active"} {
		killAt(t, file, at)
	}
	s := up(t, file)
	if len(s.Addresses) != 4 {
		t.Fatalf("the cloud has %d provider addresses, want 4: %+v", len(s.Addresses), s.Addresses)
	}
	again := up(t, file)
	if again.Changes != 0 {
		t.Errorf("up on a finished cloud made %d changes, want none", again.Changes)
	}
	if plan := must(t, macaw, "plan", file, "--exit-code"); !strings.Contains(plan, "AWS matches the cloud file") {
		t.Errorf("plan on a finished cloud prints %q", plan)
	}

	t.Run("machine of the image", func(t *testing.T) { testBakedMachine(t, file) })
	t.Run("two at once", func(t *testing.T) { testTwoAtOnce(t, file) })

	t.Setenv("OS_CLOUD", "e2e")
	t.Run("client", func(t *testing.T) { must(t, "openstack", "--os-cloud", "e2e", "server", "list") })
	t.Run("laptop", func(t *testing.T) { testLaptop(t, file) })
	t.Run("dashboard", func(t *testing.T) { testDashboard(t, file, s) })
	t.Run("TLS", func(t *testing.T) { testTLS(t, file) })

	first := makeGuest(t, s, "one", "192.168.11.0/24")
	second := makeGuest(t, s, "two", "192.168.12.0/24")
	for _, g := range []guest{first, second} {
		eventually(t, g.name+" answers at "+g.public, 2*time.Minute, g.answers)
	}
	t.Run("security page", func(t *testing.T) { testSecurityPage(t, file) })
	t.Run("host network", func(t *testing.T) { testHostNetwork(t, file) })
	t.Run("held back", func(t *testing.T) { testHeldBack(t, file) })
	t.Run("domain", func(t *testing.T) { testDomain(t, file) })
	t.Run("console", func(t *testing.T) { testConsole(t, file, first) })
	t.Run("translation off and on", func(t *testing.T) { testTranslation(t, file, first, second) })
	t.Run("every unit restarted", func(t *testing.T) { testRestart(t, file, first, second) })
	t.Run("machine rebooted", func(t *testing.T) {
		testReboot(t, file, func() { must(t, macaw, "lab", "reboot", "e2e-instance-cloud-1") }, first, second)
	})
	t.Run("instance rebooted through EC2", func(t *testing.T) {
		testReboot(t, file, func() { rebootThroughEC2(t, file) }, first, second)
	})
}

// killAt runs up and kills it with SIGKILL when it announces a step.
func killAt(t *testing.T, file, mark string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), macaw, "up", file, "--verify=always")
	r, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(seen.String(), mark) {
		n, err := r.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("up ended before it came to %q:\n%s", mark, seen.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	t.Logf("killed at %q", mark)
}

// testTwoAtOnce changes the cloud in two runs at the same time: the second reports the
// first, and after the first is killed a third continues.
func testTwoAtOnce(t *testing.T, file string) {
	first := exec.CommandContext(t.Context(), macaw, "up", file)
	r, err := first.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Wait() }()
	defer func() { _ = first.Process.Kill() }()
	if _, err := r.Read(make([]byte, 1)); err != nil { // the run has started
		t.Fatal(err)
	}
	if err := first.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"up", "down"} {
		_, err := command(t.Context(), macaw, verb, file)
		want := fmt.Sprintf("is being changed by another run on this machine: macaw up %s, process %d, since ", file,
			first.Process.Pid)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("macaw %s beside macaw up: %v, want %q", verb, err, want)
		}
	}
	for _, look := range []string{"plan", "status"} {
		must(t, macaw, look, file)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	if s := up(t, file); s.Changes != 0 {
		t.Errorf("up after one that was killed made %d changes", s.Changes)
	}
}

// guest is a server with its own network, router and floating IP.
type guest struct{ name, floating, public string }

// answers pings the guest once from the operator's host.
func (g guest) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if _, err := command(ctx, "ping", "-n", "-q", "-c", "1", "-W", "1", g.public); err != nil {
		return errNoAnswer
	}
	return nil
}

// talkative is user data of a guest that sends something to the Internet every second.
const talkative = "#!/bin/sh\nwhile :; do ping -c 1 -W 1 8.8.8.8; sleep 1; done >/dev/null 2>&1\n"

// makeGuest makes a guest with OpenStack's own client. The guest is talkative.
func makeGuest(t *testing.T, s summary, name, cidr string) guest {
	t.Helper()
	openstack := func(args ...string) string { t.Helper(); return must(t, "openstack", args...) }
	openstack("network", "create", name)
	openstack("subnet", "create", name, "--network", name, "--subnet-range", cidr, "--dns-nameserver", "8.8.8.8")
	openstack("router", "create", name)
	openstack("router", "set", name, "--external-gateway", "public")
	openstack("router", "add", "subnet", name, name)
	openstack("security", "group", "create", name)
	openstack("security", "group", "rule", "create", name, "--protocol", "icmp")
	openstack("security", "group", "rule", "create", name, "--protocol", "tcp", "--dst-port", "22")
	userData := filepath.Join(t.TempDir(), "user-data")
	if err := os.WriteFile(userData, []byte(talkative), 0o600); err != nil {
		t.Fatal(err)
	}
	openstack("server", "create", name, "--image", "tiny", "--flavor", "m1.nano", "--network", name, "--security-group",
		name, "--user-data", userData, "--wait")
	floating := strings.TrimSpace(openstack("floating", "ip", "create", "public", "-f", "value", "-c",
		"floating_ip_address"))
	openstack("server", "add", "floating", "ip", name, floating)
	for _, a := range s.Addresses {
		if a.Private == floating {
			return guest{name: name, floating: floating, public: a.Public}
		}
	}
	t.Fatalf("floating IP %s is none of the cloud's addresses %+v", floating, s.Addresses)
	return guest{}
}

// testDashboard logs in to Horizon.
func testDashboard(t *testing.T, file string, s summary) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: trusting(t, envOf(t, file))}
	get := func(resp *http.Response, err error) (string, *url.URL) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s", resp.Request.URL, resp.Status)
		}
		return string(b), resp.Request.URL
	}
	page, at := get(client.Get(s.Dashboard))
	token := regexp.MustCompile(`name="csrfmiddlewaretoken" value="([^"]+)"`).FindStringSubmatch(page)
	if token == nil || !strings.Contains(page, `name="password"`) {
		t.Fatalf("%s is no login page:\n%.500s", at, page)
	}
	region := regexp.MustCompile(`name="region"[^>]*value="([^"]+)"`).FindStringSubmatch(page)
	form := url.Values{"csrfmiddlewaretoken": {token[1]}, "username": {"admin"}, "password": {adminPassword(t)},
		"domain": {"Default"}}
	if region != nil {
		form.Set("region", region[1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at.String(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Referer", at.String())
	page, at = get(client.Do(req))
	if strings.Contains(page, `name="password"`) || !strings.Contains(page, "Sign Out") {
		t.Errorf("after the login %s shows:\n%.2000s", at, page)
	}
}

func adminPassword(t *testing.T) string {
	t.Helper()
	out := must(t, "openstack", "configuration", "show", "--unmask", "-f", "json")
	var c map[string]any
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"auth.password", "password"} {
		if p, ok := c[key].(string); ok {
			return p
		}
	}
	t.Fatalf("no password in %v", c)
	return ""
}

// foreignFrames returns how many frames the lab's fabric has dropped because of a source
// MAC that is not the ENI's.
func foreignFrames(t *testing.T) (n int) {
	t.Helper()
	var drops struct {
		Counts []struct {
			Reason string
			Frames int
		}
	}
	if err := json.Unmarshal([]byte(must(t, macaw, "lab", "drops", "--output", "json")), &drops); err != nil {
		t.Fatal(err)
	}
	for _, c := range drops.Counts {
		if c.Reason == "source-mac" {
			n += c.Frames
		}
	}
	return n
}

// testTranslation proves the need for the translation: without it AWS drops every frame of
// OpenStack's routers, with it none.
func testTranslation(t *testing.T, file string, guests ...guest) {
	before := foreignFrames(t)
	for _, g := range guests {
		if got := pings(t, g.public, 5); got != 5 {
			t.Errorf("translation on: %d of 5 pings of %s answered", got, g.name)
		}
	}
	if n := foreignFrames(t); n != before {
		t.Errorf("translation on: the fabric dropped %d frames with a foreign source MAC", n-before)
	}
	must(t, macaw, "agent", "off", file)
	for _, g := range guests {
		if got := pings(t, g.public, 5); got != 0 {
			t.Errorf("translation off: %d of 5 pings of %s answered", got, g.name)
		}
	}
	if n := foreignFrames(t); n == before {
		t.Error("translation off: the fabric dropped no frame with a foreign source MAC")
	}
	must(t, macaw, "agent", "on", file)
	for _, g := range guests {
		eventually(t, "translation on again: "+g.name+" answers", 30*time.Second, g.answers)
	}
	before = foreignFrames(t)
	for _, g := range guests {
		if got := pings(t, g.public, 5); got != 5 {
			t.Errorf("translation on again: %d of 5 pings of %s answered", got, g.name)
		}
	}
	if n := foreignFrames(t); n != before {
		t.Errorf("translation on again: the fabric dropped %d frames with a foreign source MAC", n-before)
	}
}

// testRestart restarts every unit of OpenStack and of its dependencies.
func testRestart(t *testing.T, file string, guests ...guest) {
	onNode(t, file, `systemctl restart $(systemctl list-units --type=service --state=active --plain --no-legend |
		awk '{print $1}' | grep -E '^(keystone|glance|placement|nova|neutron|ovn|ovs|openvswitch|apache2|mariadb|rabbitmq|memcached|libvirt|macaw-agent)')`)
	comesBack(t, guests...)
}

// testReboot reboots the node and waits until it has recovered by itself.
func testReboot(t *testing.T, file string, reboot func(), guests ...guest) {
	t.Helper()
	const started = "ps -o lstart= -p 1"
	before := onNode(t, file, started)
	reboot()
	eventually(t, "the machine has booted again", 3*time.Minute, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		after, err := command(ctx, macaw, "ssh", file, "--", "sudo", started)
		if err == nil && after == before {
			err = errors.New("it runs since " + before)
		}
		return err
	})
	comesBack(t, guests...)
	testHostNetwork(t, file)
}

// comesBack waits until all guests answer and the API works.
func comesBack(t *testing.T, guests ...guest) {
	t.Helper()
	for _, g := range guests {
		eventually(t, g.name+" answers again", 5*time.Minute, g.answers)
	}
	eventually(t, "the API answers again", 3*time.Minute, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := command(ctx, "openstack", "server", "list")
		return err
	})
}

// onNode runs a shell command as root on the cloud's node.
func onNode(t *testing.T, file, script string) string {
	t.Helper()
	return must(t, macaw, "ssh", file, "--", "sudo", "sh", "-c", quoted(script))
}

// quoted makes s one word of a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
