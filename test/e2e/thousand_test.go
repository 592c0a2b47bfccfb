// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"golang.org/x/sync/errgroup"
)

// BenchmarkManyFloatingIPs creates many floating IPs in Neutron while the agent is stopped,
// starts the agent, and measures the time until all are registered with AWS under its
// published API limits. The lab has Elastic IPs for 200.
func BenchmarkManyFloatingIPs(b *testing.B) {
	if why := skipReason(); why != "" {
		b.Skip(why)
	}
	for _, c := range []struct {
		policy string
		n      int
	}{{"on-demand", 200}, {"none", 1000}} {
		b.Run(fmt.Sprintf("%s-%d", c.policy, c.n), func(b *testing.B) { benchmarkMany(b, c.policy, c.n) })
	}
}

func benchmarkMany(b *testing.B, policy string, n int) {
	if b.N > 1 {
		b.Skip("once is enough: run it with -benchtime 1x")
	}
	name := "bench-many"
	file := cloudFile(b, name, fmt.Sprintf(`provider: {subnet: 10.0.16.0/20, addresses: %d, elasticIPs: %s}
nodes: [{type: m8i.48xlarge}]
lab: {elasticIPQuota: 250}
`, n+5, policy))
	downAfter(b, file)
	up(b, file, "--verify=never")
	p := makeProject(b, name, "many", "192.168.51.0/24")
	must(b, macaw, "lab", "fault", "set", "throttle")
	clearFaultsAfter(b)
	_, err := quotas.Update(b.Context(), p.network, p.id,
		quotas.UpdateOpts{FloatingIP: gophercloud.IntToPointer(-1), Port: gophercloud.IntToPointer(-1)}).Extract()
	p.check("quota", err)
	systemctl := func(verb string) {
		b.Helper()
		must(b, macaw, "ssh", file, "--", "sudo", "systemctl", verb, "macaw-agent")
	}
	systemctl("stop")
	began := time.Now()
	var g errgroup.Group
	g.SetLimit(4)
	for range n {
		g.Go(func() error {
			_, err := floatingips.Create(b.Context(), p.network, floatingips.CreateOpts{FloatingNetworkID: p.external}).Extract()
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	b.Logf("Neutron made %d floating IPs in %.0f s", n, time.Since(began).Seconds())

	b.ResetTimer()
	systemctl("start")
	eventually(b, "all are registered", 15*time.Minute, func() error {
		var st struct {
			Report struct {
				Addresses []struct{ ENI, Public string }
				Findings  []struct{ Text string }
			}
		}
		if err := json.Unmarshal([]byte(must(b, macaw, "ssh", file, "--", "sudo", "macaw-node", "status", "--output",
			"json")), &st); err != nil {
			return err
		}
		registered, public := 0, 0
		for _, a := range st.Report.Addresses {
			if a.ENI != "" {
				registered++
			}
			if a.Public != "" {
				public++
			}
		}
		if registered < n+1 || policy == "on-demand" && public < n+1 {
			return fmt.Errorf("%d registered, %d with an Elastic IP, findings %v", registered, public, st.Report.Findings)
		}
		return nil
	})
	b.StopTimer()
	calls := 0
	for _, m := range regexp.MustCompile(`(?m)^macaw_aws_calls_total\{(.*)\} (\d+)$`).FindAllStringSubmatch(
		must(b, macaw, "ssh", file, "--", "curl", "-s", "http://10.0.0.4:9478/metrics"), -1) {
		k, err := strconv.Atoi(m[2])
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%5d calls %s", k, strings.ReplaceAll(m[1], `"`, ""))
		calls += k
	}
	b.ReportMetric(float64(calls), "calls")
	b.ReportMetric(b.Elapsed().Seconds(), "s")
}
