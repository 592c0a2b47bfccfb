// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"macaw.example/internal/agent"
	"macaw.example/internal/model"
	"macaw.example/internal/translate"
	"macaw.example/lab/labtest"
)

var macawBinary = flag.String("macaw", "", "measure this binary, and build none")

const (
	agentAddresses = 5000 // in the cloud
	agentGateways  = 4    // an instance carries at most 1,449 addresses: 23 ENIs with 63 secondary addresses each
	agentPoll      = 30 * time.Second
	agentPolls     = 12 // long enough to include the regular reads of AWS
)

// BenchmarkAgent runs a node's agent, as its unit does, against a Neutron with 5,000
// addresses on four nodes and the lab's EC2 API. It measures the process once everything is
// registered and nothing changes:
//
//	rss-MB       the highest VmRSS in twelve polls, which is anon-MB + file-MB
//	anon-MB      its RssAnon: the process's private memory
//	file-MB      its RssFile: mapped pages of the program; they are page cache, which
//	             the kernel drops when memory is short. A page fault maps neighbouring
//	             pages too; how many depends on the kernel and on how the file came
//	             into the cache
//	peak-MB      VmHWM: the highest RSS since the start, including the first reading
//	idle-cpu-%   CPU time of these polls, of one core
//
// Megabytes are MiB. With policy none there are no Elastic IPs; with on-demand every
// address has one, and an earlier agent made all of them.
//
//	go test -run '^$' -bench Agent -timeout 30m ./test/bench
func BenchmarkAgent(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root: network namespaces and eBPF programs")
	}
	binary := *macawBinary
	if binary == "" {
		binary = buildMacaw(b)
	}
	for _, policy := range []model.ElasticIPPolicy{model.ElasticIPsNone, model.ElasticIPsOnDemand} {
		b.Run(string(policy), func(b *testing.B) {
			for range b.N {
				measureAgent(b, binary, policy)
			}
		})
	}
}

// buildMacaw builds as make build does.
func buildMacaw(b *testing.B) string {
	binary := filepath.Join(b.TempDir(), "macaw-node")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "macaw.example/cmd/macaw-node")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("building macaw-node: %v: %s", err, out)
	}
	return binary
}

func measureAgent(b *testing.B, binary string, policy model.ElasticIPPolicy) {
	ns := newNamespace(b)
	must(b, links(ns, func(h *netlink.Handle) error { return setUp(h, "lo") }))

	cloud := newAgentCloud(agentAddresses, agentGateways)
	aws := newAgentRegion(b, policy, cloud)
	awsURL, stopAWS := serveIn(b, ns, aws.api)
	defer stopAWS()
	neutronURL, stopNeutron := serveIn(b, ns, cloud)
	defer stopNeutron()

	node := aws.nodes[0]
	must(b, links(ns, func(h *netlink.Handle) error {
		for i, mac := range node.macs {
			name := fmt.Sprintf("eth%d", i+1)
			if err := h.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, MTU: 1500, HardwareAddr: vmac(mac)},
				PeerName: fmt.Sprintf("vpc%d", i+1)}); err != nil {
				return err
			}
			if err := setUp(h, name); err != nil {
				return err
			}
		}
		return nil
	}))

	dir := b.TempDir()
	cfg := aws.config(policy, neutronURL)
	cfg.PinDir, cfg.State = filepath.Join(dir, "bpf"), filepath.Join(dir, "translation.json")
	text, err := json.Marshal(cfg)
	must(b, err)
	must(b, os.WriteFile(filepath.Join(dir, "agent.json"), text, 0o600))

	p := startAgent(b, ns, binary, dir, awsURL)
	defer p.stop()
	began := time.Now()
	for translated(cfg.State) != node.addresses || cloud.told() != aws.public(node) {
		if p.ended() || time.Since(began) > 5*time.Minute {
			b.Fatalf("%d of %d addresses translated, %d of %d floating IPs told; the agent said:\n%s",
				translated(cfg.State), node.addresses, cloud.told(), aws.public(node), p.log())
		}
		time.Sleep(time.Second)
	}
	b.Logf("all is there after %.0f s", time.Since(began).Seconds())
	time.Sleep(2 * agentPoll) // the registrar's expectations have expired, and initial garbage is collected
	cpu, begin := p.cpu(b), time.Now()
	var most memory
	for time.Since(begin) < agentPolls*agentPoll {
		if m := p.memory(b); m.rss > most.rss {
			most = m
		}
		time.Sleep(250 * time.Millisecond)
	}
	idle := (p.cpu(b) - cpu).Seconds() / time.Since(begin).Seconds()
	b.ReportMetric(0, "ns/op") // the time of a run is meaningless
	b.ReportMetric(float64(most.rss)/1024, "rss-MB")
	b.ReportMetric(float64(most.anon)/1024, "anon-MB")
	b.ReportMetric(float64(most.file)/1024, "file-MB")
	b.ReportMetric(float64(p.memory(b).peak)/1024, "peak-MB")
	b.ReportMetric(100*idle, "idle-cpu-%")
}

// serveIn serves on a loopback address in a namespace.
func serveIn(b *testing.B, ns string, h http.Handler) (url string, stop func()) {
	var l net.Listener
	must(b, inNamespace(ns, func() (err error) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}))
	s := &http.Server{Handler: h}
	go s.Serve(l)
	return "http://" + l.Addr().String(), func() { s.Close() }
}

// translated returns how many translated addresses the agent has saved.
func translated(path string) int {
	var state struct{ Entries []translate.Entry }
	if raw, err := os.ReadFile(path); err != nil || json.Unmarshal(raw, &state) != nil {
		return 0
	}
	return len(state.Entries)
}

// agentProcess is a running agent.
type agentProcess struct {
	cmd  *exec.Cmd
	file string // of its log
	done chan struct{}
}

// startAgent starts the agent with its unit's environment. It runs in a mount namespace
// that ends with it, so its mounts and the files that it writes elsewhere are private.
// There is no PATH, so it finds no modprobe and no networkctl.
func startAgent(b *testing.B, ns, binary, dir, awsURL string) *agentProcess {
	p := &agentProcess{file: filepath.Join(dir, "log"), done: make(chan struct{})}
	unshare, err := exec.LookPath("unshare")
	must(b, err)
	p.cmd = exec.Command(unshare, "--mount", "/bin/sh", "-c",
		`mount -t tmpfs none /run && mount -t tmpfs none /etc/systemd && exec "$0" agent --config "$1"`,
		binary, filepath.Join(dir, "agent.json"))
	p.cmd.Env = append(unitEnvironment(), "AWS_ENDPOINT_URL="+awsURL, "AWS_ACCESS_KEY_ID="+labtest.AccessKey,
		"AWS_SECRET_ACCESS_KEY="+labtest.SecretKey)
	log, err := os.Create(p.file)
	must(b, err)
	defer log.Close()
	p.cmd.Stderr = log
	must(b, inNamespace(ns, p.cmd.Start))
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	return p
}

// unitEnvironment is the Environment= of the agent's unit.
func unitEnvironment() []string {
	var all []string
	for line := range strings.Lines(agent.Unit("", "")) {
		if values, is := strings.CutPrefix(line, "Environment="); is {
			all = append(all, strings.Fields(values)...)
		}
	}
	return all
}

func (p *agentProcess) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *agentProcess) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-ctx.Done():
		p.cmd.Process.Kill()
		<-p.done
	}
}

// log returns the end of the agent's log.
func (p *agentProcess) log() string {
	raw, err := os.ReadFile(p.file)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(raw, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}

// memory is a process's resident memory, in KiB (proc_pid_status(5)).
type memory struct{ rss, anon, file, peak int }

func (p *agentProcess) memory(b *testing.B) memory {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	must(b, err)
	defer f.Close()
	var m memory
	of := map[string]*int{"VmRSS:": &m.rss, "RssAnon:": &m.anon, "RssFile:": &m.file, "VmHWM:": &m.peak}
	for s := bufio.NewScanner(f); s.Scan(); {
		if words := strings.Fields(s.Text()); len(words) == 3 && of[words[0]] != nil {
			*of[words[0]], err = strconv.Atoi(words[1])
			must(b, err)
		}
	}
	return m
}

// cpu returns a process's CPU time over all threads (proc_pid_schedstat: in nanoseconds,
// where proc_pid_stat(5) has ticks of 10 ms).
func (p *agentProcess) cpu(b *testing.B) time.Duration {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	must(b, err)
	if len(threads) == 0 {
		must(b, errors.New("the kernel keeps no schedstat"))
	}
	var sum time.Duration
	for _, path := range threads {
		raw, err := os.ReadFile(path)
		must(b, err)
		ran, err := strconv.ParseInt(strings.Fields(string(raw))[0], 10, 64)
		must(b, err)
		sum += time.Duration(ran)
	}
	return sum
}

// nthOf returns the n-th address of a range, from 0.
func nthOf(p netip.Prefix, n int) netip.Addr {
	a := p.Addr().As4()
	v := int(a[2])<<8 + int(a[3]) + n
	a[2], a[3] = byte(v>>8), byte(v)
	return netip.AddrFrom4(a)
}
