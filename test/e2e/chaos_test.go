// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
)

var (
	chaosFor  = flag.Duration("chaos", 0, "how long TestChaos makes mischief; not at all unless given")
	chaosSeed = flag.Uint64("seed", 1, "of the order of TestChaos's mischief, and of its chances")
	chaosOnly = flag.String("mischief", "", "a regular expression: only such mischief")
)

// TestChaos brings a cloud up, injects faults for the given time while it pings every
// floating IP continuously, and brings the cloud down. Each fault must pass by itself, or
// by another "macaw up"; a fault outside the data path must lose no packet. In the end AWS
// must agree with Neutron, and nothing may be left over. The test prints the lost pings
// with their times.
func TestChaos(t *testing.T) {
	if *chaosFor == 0 {
		t.Skip("make chaos runs it: it takes as long as it is told to")
	}
	needLab(t)
	const name = "e2e-chaos"
	file := cloudFile(t, name, "provider: {addresses: 24, elasticIPs: on-demand, releaseAfter: 2m}\nlab: "+
		"{elasticIPQuota: 30}\n")
	downAfter(t, file)
	t.Logf("seed %d", *chaosSeed)
	c := &chaos{T: t, file: file, name: name, random: rand.New(rand.NewPCG(*chaosSeed, 0))}
	for range 4 {
		t.Logf("up killed after %s", c.killed(10*time.Second, "up", file, "--verify=never"))
	}
	up(t, file, "--verify=never")
	t.Setenv("OS_CLOUD", name)
	c.api = client(t)
	clearFaultsAfter(t)

	for i, addresses := range []int{3, 2} {
		p := makeProject(t, name, fmt.Sprintf("p%d", i+1), fmt.Sprintf("192.168.%d.0/24", 61+i))
		c.projects = append(c.projects, p)
		g := p.boot(fmt.Sprintf("web-%d", i+1), addresses)
		g.waitActive()
		for _, a := range g.addresses {
			c.floating = append(c.floating, g.float(a))
		}
	}
	for _, f := range c.floating {
		eventually(t, f.String()+" has an Elastic IP", time.Minute, f.told)
		eventually(t, f.String()+" answers", 2*time.Minute, f.answers)
		c.pingers = append(c.pingers, startPinger(t, f))
	}
	c.run(time.Now().Add(*chaosFor))
	for _, p := range c.pingers {
		p.stop()
	}
	c.report()
	c.agrees()
	if plan := must(t, macaw, "plan", file); !strings.Contains(plan, "AWS matches the cloud file") {
		t.Errorf("plan prints %q", plan)
	}
	for range 3 {
		t.Logf("down killed after %s", c.killed(5*time.Second, "down", "--yes", file))
	}
	must(t, macaw, "down", "--yes", file)
	c.nothingLeft()
}

// chaos is a cloud with injected faults.
type chaos struct {
	*testing.T
	file, name string
	api        *ec2.Client
	random     *rand.Rand
	projects   []*project
	floating   []*floatingIP
	pingers    []*pinger
	events     []event
	// The rest of the current cycles of units.
	restart, kill cycle
}

// event is an injected fault, until the cloud has recovered.
type event struct {
	mischief
	what       string
	began, end time.Time
}

// mischief is a kind of fault.
type mischief struct {
	name string
	// limit is how long recovery may take.
	limit time.Duration
	// harmless faults are outside the data path: they must lose no packet.
	harmless bool
	// do injects the fault, and returns its details.
	do func(c *chaos) (string, error)
}

// run injects faults until a given time: all of them in random order, repeatedly.
func (c *chaos) run(until time.Time) {
	only := regexp.MustCompile(*chaosOnly)
	left := slices.Clone(allMischief)
	left = slices.DeleteFunc(left, func(m mischief) bool { return !only.MatchString(m.name) })
	if len(left) == 0 {
		c.Fatalf("there is no mischief like %q", *chaosOnly)
	}
	var round []mischief
	for time.Now().Before(until) {
		if len(round) == 0 {
			if len(c.events) > 0 {
				c.agrees()
			}
			round = slices.Clone(left)
			c.random.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		}
		m := round[0]
		round = round[1:]
		e := event{mischief: m, began: time.Now()}
		var err error
		e.what, err = m.do(c)
		c.Logf("%s %s %s", e.began.Format(time.TimeOnly), m.name, e.what)
		if err != nil {
			c.Errorf("%s %s: %v", m.name, e.what, err)
		}
		if err := c.well(m); err != nil {
			journal, _ := command(c.Context(), macaw, "ssh", c.file, "--", "sudo", "journalctl", "-u", "macaw-agent", "-n", "40",
				"--no-pager")
			c.Errorf("%s: %v; the agent's journal:\n%s", m.name, err, journal)
			return
		}
		e.end = time.Now()
		c.events = append(c.events, e)
		time.Sleep(time.Duration(2+c.random.IntN(6)) * time.Second)
	}
}

// well waits until, after a fault, every floating IP answers and OpenStack serves.
func (c *chaos) well(m mischief) error {
	limit := time.Now().Add(m.limit)
	for _, f := range c.floating {
		if err := c.await(time.Until(limit), f.String()+" answers", f.answers); err != nil {
			return err
		}
	}
	return c.await(time.Until(limit), "OpenStack serves", c.serves)
}

// agrees waits until AWS agrees with Neutron.
func (c *chaos) agrees() {
	eventually(c.T, "AWS has what Neutron says", 5*time.Minute,
		func() error { return agrees(c.T, c.api, c.name, c.projects[0]) })
}

// serves calls the APIs that the test uses.
func (c *chaos) serves() error {
	ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
	defer cancel()
	p := c.projects[0]
	if _, err := floatingips.List(p.network, floatingips.ListOpts{}).AllPages(ctx); err != nil {
		return err
	}
	_, err := servers.List(p.compute, servers.ListOpts{}).AllPages(ctx)
	return err
}

// report prints the lost pings with their times.
func (c *chaos) report() {
	type row struct {
		times, lost int
		longest     time.Duration
		recovery    time.Duration
	}
	rows := map[string]*row{}
	var sent, unexplained int
	for _, e := range c.events {
		r := rows[e.name]
		if r == nil {
			r = new(row)
			rows[e.name] = r
		}
		r.times++
		r.recovery = max(r.recovery, e.end.Sub(e.began))
	}
	for _, p := range c.pingers {
		sent += p.sent
		for _, gap := range p.gaps() {
			i := slices.IndexFunc(c.events, func(e event) bool {
				return !gap.from.Before(e.began.Add(-pingEvery)) && gap.from.Before(e.end.Add(2*time.Second))
			})
			if i < 0 {
				unexplained += gap.lost
				c.Errorf("%s %s: %d pings lost in %s, and nothing was wrong", gap.from.Format(time.TimeOnly), p.guest, gap.lost,
					gap.to.Sub(gap.from))
				continue
			}
			e := c.events[i]
			rows[e.name].lost += gap.lost
			rows[e.name].longest = max(rows[e.name].longest, gap.to.Sub(gap.from))
			c.Logf("%s %s: %d pings lost in %s; %s %s", gap.from.Format(time.TimeOnly), p.guest, gap.lost,
				gap.to.Sub(gap.from).Round(100*time.Millisecond), e.name, e.what)
			if e.harmless {
				c.Errorf("%s %s is on no packet's way, and cost %s %d pings", e.name, e.what, p.guest, gap.lost)
			}
		}
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "mischief\ttimes\tpings lost\tlongest gap\tall well after")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r := rows[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", name, r.times, r.lost, r.longest.Round(100*time.Millisecond),
			r.recovery.Round(100*time.Millisecond))
	}
	w.Flush()
	c.Logf("%d pieces of mischief, %d pings to %d floating IPs, %d lost when nothing was wrong:\n%s",
		len(c.events), sent, len(c.pingers), unexplained, table.String())
}

// nothingLeft checks that the cloud left nothing in AWS.
func (c *chaos) nothingLeft() {
	var status struct{ Up bool }
	if out, err := command(c.Context(), macaw, "lab", "status", "--output", "json"); err == nil {
		_ = json.Unmarshal([]byte(out), &status)
		tags, err := c.api.DescribeTags(c.Context(), &ec2.DescribeTagsInput{Filters: []types.Filter{
			{Name: aws.String("key"), Values: []string{"macaw:cloud"}}, {Name: aws.String("value"), Values: []string{c.name}}}})
		if err != nil {
			c.Error(err)
			return
		}
		for _, tag := range tags.Tags {
			if tag.ResourceType != types.ResourceTypeInstance { // still listed for some time after termination
				c.Errorf("left over: %s %s", tag.ResourceType, aws.ToString(tag.ResourceId))
			}
		}
	}
	for _, left := range []string{"/run/netns/mcw-i-", "/var/lib/macaw/lab/machines/i-"} {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			c.Error(err)
		}
		if strings.Contains(string(mounts), " "+left) && status.Up {
			c.Errorf("left over: a mount below %s", left)
		}
	}
}
