// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"macaw.example/lab/labtest"
)

// nodeNet is the range of an AWS's Elastic IPs whose nodes are this test. Concurrent runs on the
// same machine have other ranges.
var nodeNet = netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(64 + os.Getpid()>>8&63), byte(os.Getpid()), 0}), 29)

// startAWS is the lab's AWS with an image to start nodes from.
func startAWS(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewServer(labtest.NewAPI(t, labtest.APIOptions{
		Region: "eu-central-1", ElasticIPs: nodeNet, ReservedElasticIPs: 1,
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// silentNode is sshd on every address that a node may have. It becomes silent when it has accepted
// a connection, or after a login.
type silentNode struct {
	letsIn atomic.Bool
}

func startNode(t *testing.T) *silentNode {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &ssh.ServerConfig{
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil },
	}
	cfg.AddHostKey(key)
	n := &silentNode{}
	for at := nodeNet.Addr(); nodeNet.Contains(at); at = at.Next() {
		l, err := net.Listen("tcp", netip.AddrPortFrom(at, 22).String())
		if err != nil {
			t.Skipf("nobody can be sshd here: %v", err)
		}
		t.Cleanup(func() { l.Close() })
		go n.serve(t, l, cfg)
	}
	return n
}

func (n *silentNode) serve(t *testing.T, l net.Listener, cfg *ssh.ServerConfig) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
		if !n.letsIn.Load() {
			go io.Copy(io.Discard, c)
			continue
		}
		// Nothing reads from the connection, so nothing is answered.
		go func() { _, _, _, _ = ssh.NewServerConn(c, cfg) }()
	}
}

// aboutFour matches the time spent.
var aboutFour = regexp.MustCompile(`in 4(\.[0-9]+)?s`)

// Every command reports a node that is or becomes silent, shows meanwhile what it waits for, and
// can be interrupted.
func TestSilentNode(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for half a minute, in real time")
	}
	node := startNode(t)
	aws := startAWS(t)
	file := writeFile(t, "cloud.yaml", awsFile+"provider: {addresses: 2, elasticIPs: none}\n")
	home := t.TempDir()
	soon := []string{hurried + "=1"}

	p := startMacaw(t, home, aws, soon, "up", file)
	p.says("… host      SSH to cloud-1 at 127.")
	sshTo := "SSH to cloud-1 at " + strings.Fields(strings.SplitAfter(p.all.String(), "SSH to cloud-1 at ")[1])[0]
	p.interrupt(syscall.SIGINT, "error: interrupted during: "+sshTo, again)
	address := strings.TrimPrefix(sshTo, "SSH to cloud-1 at ") + ":22"

	begin := func(args string, env []string) *process {
		return startMacaw(t, home, aws, env, strings.Fields(strings.ReplaceAll(args, "FILE", file))...)
	}
	commands := []string{"verify", "agent status", "agent on", "forward list", "forward add", "ssh", "status"}
	tails := map[string]string{"forward add": " 522 web:22", "ssh": " -- true"}
	if _, err := exec.LookPath("ssh"); err != nil {
		commands = slices.DeleteFunc(commands, func(c string) bool { return c == "ssh" })
	}
	// check starts commands and checks their final output.
	check := func(commands []string, look func(t *testing.T, command, stdout, stderr string)) {
		processes := map[string]*process{}
		for _, c := range commands {
			processes[c] = begin(c+" FILE"+tails[c], soon)
		}
		for _, c := range commands {
			t.Run(c, func(t *testing.T) {
				status, stderr := processes[c].of(t).ends()
				if took := processes[c].took(); took > 30*time.Second {
					t.Errorf("it took %s", took)
				}
				if (status == 0) != (c == "status") {
					t.Errorf("exit status %d", status)
				}
				if strings.Contains(stderr, "context ") {
					t.Errorf("this is no message for people: %s", stderr)
				}
				look(t, c, aboutFour.ReplaceAllString(processes[c].stdout.String(), "in 4s"),
					aboutFour.ReplaceAllString(stderr, "in 4s"))
			})
		}
	}

	check(commands, func(t *testing.T, command, stdout, stderr string) {
		why := "no SSH to " + address + " in 4s: it takes connections, but sshd does not answer\n"
		want := "error: " + why + "hint: management.allow must include your address; " +
			"the node's console: aws"
		if !strings.Contains(stderr, "… host      "+sshTo+"\n") {
			t.Errorf("it does not say what it waits for:\n%s", stderr)
		}
		if command == "status" && !strings.Contains(stdout, "does not answer: "+strings.TrimSpace(why)) {
			t.Errorf("no line %s in\n%s", why, stdout)
		}
		if command != "status" && !strings.Contains(stderr, want) {
			t.Errorf("no lines\n%s\nin\n%s", want, stderr)
		}
	})

	node.letsIn.Store(true)
	lost := "the SSH connection to " + address + " is lost: no data for 3s\n"
	// The bakery's node has another address.
	tails["up"] = " --verify=never"
	check(append(commands, "up", "bake"), func(t *testing.T, command, stdout, stderr string) {
		want := map[string]string{
			"verify":       "error: asking the node for its state: " + lost,
			"agent status": "error: asking the node for its state: " + lost,
			"agent on":     "error: switching the translation on: " + lost,
			"forward list": "error: fetching the cloud's credentials: " + lost,
			"forward add":  "error: fetching the cloud's credentials: " + lost,
			"ssh":          "Timeout, server " + strings.TrimSuffix(address, ":22") + " not responding.",
			"up":           "error: reading the certificate authority of node cloud-1: " + lost,
			"bake":         "error: asking the node for its architecture: ",
		}[command]
		if !strings.Contains(stderr, want) {
			t.Errorf("no line %s in\n%s", want, stderr)
		}
		status := "does not answer: asking the node for its state: " + strings.TrimSpace(lost)
		if command == "status" && !strings.Contains(stdout, status) {
			t.Errorf("no line %s in\n%s", status, stdout)
		}
	})

	for args, during := range map[string]string{
		"agent status FILE": "ask cloud-1 about its translation",
		"verify FILE":       "ask cloud-1 about its translation",
		"forward list FILE": "fetch credentials",
	} {
		p := begin(args, nil)
		p.says("… host      " + during)
		hint := nothing
		if strings.HasPrefix(args, "verify") {
			hint = unverified
		}
		p.interrupt(syscall.SIGINT, "error: interrupted during: "+during, hint)
	}
}
