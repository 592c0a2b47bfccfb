// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkFloatingIPSet measures the time from "openstack floating ip set" to the first
// answered ping from outside, with AWS answering at once. In half of the turns the agent
// learns of the floating IP by its announcement and queries Neutron. The other half are the
// baseline, as in a fabric that passes everything: the floating IP was disassociated a
// moment ago, AWS and the translation still have it, and the agent has nothing to do.
func BenchmarkFloatingIPSet(b *testing.B) {
	if why := skipReason(); why != "" {
		b.Skip(why)
	}
	for _, policy := range []string{"all", "on-demand"} {
		b.Run(policy, func(b *testing.B) { benchmarkSet(b, policy) })
	}
}

func benchmarkSet(b *testing.B, policy string) {
	name := "bench-set-" + policy
	file := cloudFile(b, name, fmt.Sprintf("provider: {addresses: 6, elasticIPs: %s}\n", policy))
	downAfter(b, file)
	up(b, file, "--verify=never")
	b.Setenv("OS_CLOUD", name)
	guest := makeProject(b, name, "latency", "192.168.41.0/24").boot("web", 1)
	guest.waitActive()
	f := guest.float(guest.addresses[0])
	eventually(b, "the floating IP has an Elastic IP", time.Minute, f.told)
	eventually(b, "the guest answers", time.Minute, f.answers)

	// Make the agent forget the address, or keep it.
	forget := func() {
		must(b, macaw, "ssh", file, "--", "sudo", "systemctl", "reload", "macaw-agent")
		time.Sleep(3 * time.Second)
	}
	keep := func() {}
	took := map[string][]float64{}
	b.ResetTimer()
	for range b.N {
		for _, turn := range []struct {
			name    string
			prepare func()
		}{{"macaw", forget}, {"permissive", keep}} {
			must(b, "openstack", "floating", "ip", "unset", "--port", f.private)
			turn.prepare()
			command, answer := f.set(b)
			took[turn.name] = append(took[turn.name], answer.Seconds())
			took[turn.name+" after the command"] = append(took[turn.name+" after the command"], (answer - command).Seconds())
			b.Logf("%-10s command %.2f s, first answer %.2f s", turn.name, command.Seconds(), answer.Seconds())
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(took["macaw"]), "s/macaw")
	b.ReportMetric(median(took["permissive"]), "s/permissive")
	b.ReportMetric(median(took["macaw after the command"]), "s/macaw-after-command")
	b.ReportMetric(median(took["permissive after the command"]), "s/permissive-after-command")
	b.ReportMetric(median(took["macaw"])/median(took["permissive"]), "ratio")
	b.Logf("the agent:\n%s", must(b, macaw, "ssh", file, "--", "sudo", "journalctl", "-u", "macaw-agent", "-o",
		"short-precise", "-n", "12"))
}

// set associates the floating IP with OpenStack's own command. It returns the command's
// duration, and the time from its start to the first answered ping.
func (f *floatingIP) set(b *testing.B) (command, answer time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 40*time.Second)
	defer cancel()
	ping := exec.CommandContext(ctx, "ping", "-n", "-D", "-i", "0.02", "-W", "1", f.public)
	out, err := ping.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := ping.Start(); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	must(b, "openstack", "floating", "ip", "set", "--port", f.port, "--fixed-ip-address", f.fixed, f.private)
	command = time.Since(began)
	defer func() { cancel(); _ = ping.Wait() }()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		stamp, rest, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "["), "]")
		if !ok || !strings.Contains(rest, " bytes from ") {
			continue
		}
		at, err := strconv.ParseFloat(stamp, 64)
		if err != nil {
			b.Fatal(err)
		}
		if answer = time.UnixMicro(int64(at * 1e6)).Sub(began); answer > 0 {
			return command, answer
		}
	}
	b.Fatalf("floating IP %s does not answer at %s", f.private, f.public)
	return 0, 0
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
