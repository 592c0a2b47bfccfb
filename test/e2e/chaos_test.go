package e2e

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
)

var (
	chaosFor  = flag.Duration("chaos", 0, "how long TestChaos makes mischief; not at all unless given")
	chaosSeed = flag.Uint64("seed", 1, "of the order of TestChaos's mischief, and of its chances")
	chaosOnly = flag.String("mischief", "", "a regular expression: only such mischief")
)

// TestChaos brings a cloud up, makes mischief for as long as it is told to while every floating IP is pinged without a
// pause, and brings it down. Each piece of mischief must pass by itself, or by another "macaw up"; what is not on the
// way of a packet must cost none. In the end AWS has what Neutron says, nothing is left over, and the test prints what
// was lost, and when.
func TestChaos(t *testing.T) {
	if *chaosFor == 0 {
		t.Skip("make chaos runs it: it takes as long as it is told to")
	}
	needLab(t)
	const name = "e2e-chaos"
	file := cloudFile(t, name, "provider: {addresses: 24, elasticIPs: on-demand}\nlab: {elasticIPQuota: 30}\n")
	downAfter(t, file)
	t.Logf("seed %d", *chaosSeed)
	up(t, file, "--verify=never")
	t.Setenv("OS_CLOUD", name)
	c := &chaos{T: t, file: file, name: name, api: client(t), random: rand.New(rand.NewPCG(*chaosSeed, 0))}
	t.Cleanup(func() { _, _ = command(context.Background(), macaw, "lab", "fault", "clear", "--all") })

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
	eventually(t, "AWS has what Neutron says", 5*time.Minute, func() error { return agrees(t, c.api, name, c.projects[0]) })
	if plan := must(t, macaw, "plan", file); !strings.Contains(plan, "AWS has what the cloud file wants") {
		t.Errorf("plan prints %q", plan)
	}
	must(t, macaw, "down", file)
	c.nothingLeft()
}

// chaos is a cloud under mischief.
type chaos struct {
	*testing.T
	file, name string
	api        *ec2.Client
	random     *rand.Rand
	projects   []*project
	floating   []*floatingIP
	pingers    []*pinger
	events     []event
}

// event is a piece of mischief that was made, until all was well again.
type event struct {
	mischief
	what       string
	began, end time.Time
}

// mischief is one thing that goes wrong.
type mischief struct {
	name string
	// limit is how long all may take to be well again.
	limit time.Duration
	// harmless mischief is on no packet's way: it must cost none.
	harmless bool
	// do makes it, and returns what exactly it did.
	do func(c *chaos) (string, error)
}

// units are those that a node runs.
var units = []string{
	"macaw-agent", "keystone", "glance-api", "placement-api", "neutron-api", "neutron-ovn-maintenance-worker",
	"neutron-ovn-metadata-agent", "nova-api", "nova-conductor", "nova-scheduler", "nova-compute", "nova-novncproxy",
	"mariadb", "rabbitmq-server", "memcached", "apache2", "libvirtd", "ovn-northd", "ovn-ovsdb-server-nb",
	"ovn-ovsdb-server-sb",
}

var allMischief = []mischief{
	{"restart a unit", 2 * time.Minute, true, func(c *chaos) (string, error) {
		unit := pick(c, units)
		return unit, c.onNode("systemctl restart " + unit)
	}},
	{"restart a unit of the data plane", 2 * time.Minute, false, func(c *chaos) (string, error) {
		unit := pick(c, []string{"ovs-vswitchd", "ovsdb-server", "ovn-controller"})
		return unit, c.onNode("systemctl restart " + unit)
	}},
	{"kill a unit", 2 * time.Minute, true, func(c *chaos) (string, error) {
		unit := pick(c, units)
		return unit, c.onNode("systemctl kill --signal=KILL " + unit + "; sleep 3; systemctl start " + unit)
	}},
	{"kill the agent ten times", time.Minute, true, func(c *chaos) (string, error) {
		return "", c.onNode("for i in 1 2 3 4 5 6 7 8 9 10; do systemctl kill --signal=KILL macaw-agent; sleep 0.7; done")
	}},
	{"hang the agent", 3 * time.Minute, true, func(c *chaos) (string, error) {
		return "until systemd's watchdog ends it", c.onNode(`before=$(systemctl show -P MainPID macaw-agent)
			kill -STOP $before
			for i in $(seq 150); do [ "$(systemctl show -P MainPID macaw-agent)" != $before ] && exit 0; sleep 1; done
			kill -CONT $before; echo "it still hangs" >&2; exit 1`)
	}},
	{"hang Neutron", 2 * time.Minute, true, func(c *chaos) (string, error) {
		seconds := 20 + c.random.IntN(160)
		return fmt.Sprintf("for %d s", seconds), c.onNode(fmt.Sprintf(
			"systemctl kill --signal=STOP neutron-api; sleep %d; systemctl kill --signal=CONT neutron-api", seconds))
	}},
	{"AWS has a bad minute", time.Minute, true, func(c *chaos) (string, error) {
		for _, fault := range []string{"throttle", "latency --min 50ms --max 900ms", "lag --min 1s --max 5s", "error --rate 0.3 --when either", "late --min 100ms --max 3s"} {
			if c.random.IntN(2) == 0 {
				continue
			}
			if _, err := command(c.Context(), macaw, append([]string{"lab", "fault", "set"}, strings.Fields(fault)...)...); err != nil {
				return fault, err
			}
		}
		err := c.churn(30 * time.Second)
		_, clear := command(c.Context(), macaw, "lab", "fault", "clear", "--all")
		return "while floating IPs come and go", cmp.Or(err, clear)
	}},
	{"floating IPs come and go", time.Minute, true, func(c *chaos) (string, error) { return "", c.churn(20 * time.Second) }},
	{"kill the lab's daemon", time.Minute, false, func(c *chaos) (string, error) {
		pid, err := command(c.Context(), "curl", "-s", "--unix-socket", "/run/macaw/lab.sock", "http://lab/ready")
		if err != nil {
			return "", err
		}
		n, err := strconv.Atoi(strings.TrimSpace(pid))
		if err == nil {
			err = syscall.Kill(n, syscall.SIGKILL)
		}
		_, up := command(c.Context(), macaw, "lab", "up")
		return "", cmp.Or(err, up)
	}},
	{"a namespace of somebody else's", time.Minute, true, func(c *chaos) (string, error) {
		const name = "macaw-chaos"
		_, err := command(c.Context(), "ip", "netns", "add", name)
		_, gone := command(c.Context(), "ip", "netns", "del", name)
		return "ip netns add", cmp.Or(err, gone)
	}},
	{"the provider NIC down and up", time.Minute, false, func(c *chaos) (string, error) {
		return "", c.onNode("nic=$(ls -d /sys/class/net/e*1 | head -1); nic=${nic##*/}; ip link set $nic down; sleep 3; ip link set $nic up")
	}},
	{"a full disk for the agent's state", time.Minute, true, func(c *chaos) (string, error) {
		return "with floating IPs that come and go", cmp.Or(
			c.onNode("mount -t tmpfs -o size=64k,mode=700 full /var/lib/macaw; dd if=/dev/zero of=/var/lib/macaw/full bs=4k 2>/dev/null; true"),
			c.churn(10*time.Second), c.onNode("umount -l /var/lib/macaw"))
	}},
	{"up killed on its way", 2 * time.Minute, true, func(c *chaos) (string, error) {
		wait := time.Duration(200+c.random.IntN(4000)) * time.Millisecond
		cmd := exec.CommandContext(c.Context(), macaw, "up", c.file)
		if err := cmd.Start(); err != nil {
			return "", err
		}
		time.Sleep(wait)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return "after " + wait.String(), c.up()
	}},
	{"settings changed in AWS", 2 * time.Minute, true, func(c *chaos) (string, error) {
		instance, err := c.instance()
		if err != nil {
			return "", err
		}
		_, err = c.api.ModifyInstanceMetadataOptions(c.Context(), &ec2.ModifyInstanceMetadataOptionsInput{
			InstanceId: instance.InstanceId, HttpTokens: types.HttpTokensStateOptional, HttpPutResponseHopLimit: aws.Int32(64)})
		return "metadata options", cmp.Or(err, c.up())
	}},
	{"reboot", 6 * time.Minute, false, func(c *chaos) (string, error) {
		_, err := command(c.Context(), macaw, "lab", "reboot", c.name+"-instance-cloud-1")
		return "", err
	}},
	{"power off, and up", 8 * time.Minute, false, func(c *chaos) (string, error) {
		if _, err := command(c.Context(), macaw, "lab", "fault", "set", "power-off", c.name+"-instance-cloud-1"); err != nil {
			return "", err
		}
		time.Sleep(5 * time.Second)
		_, err := command(c.Context(), macaw, "lab", "fault", "clear", "--all")
		return "", cmp.Or(err, c.up())
	}},
}

func pick[T any](c *chaos, of []T) T { return of[c.random.IntN(len(of))] }

// run makes mischief until it is time: all of it in some order, and again.
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
		for _, f := range c.floating {
			if !c.well(m, f) {
				return
			}
		}
		e.end = time.Now()
		c.events = append(c.events, e)
		time.Sleep(time.Duration(2+c.random.IntN(6)) * time.Second)
	}
}

// well waits until a floating IP answers after mischief.
func (c *chaos) well(m mischief, f *floatingIP) bool {
	limit := time.Now().Add(m.limit)
	for f.answers() != nil {
		if time.Now().After(limit) {
			journal, _ := command(c.Context(), macaw, "ssh", c.file, "--", "sudo", "journalctl", "-u", "macaw-agent", "-n", "40", "--no-pager")
			c.Errorf("%s: %s does not answer after %s; the agent's journal:\n%s", m.name, f, m.limit, journal)
			return false
		}
		time.Sleep(200 * time.Millisecond)
	}
	return true
}

func (c *chaos) onNode(script string) error {
	_, err := command(c.Context(), macaw, "ssh", c.file, "--", "sudo", "sh", "-c", fmt.Sprintf("'%s'", strings.ReplaceAll(script, "'", `'\''`)))
	return err
}

func (c *chaos) up() error {
	_, err := command(c.Context(), macaw, "up", c.file, "--verify=never")
	return err
}

// churn makes floating IPs and removes them again.
func (c *chaos) churn(d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		p := pick(c, c.projects)
		made, err := floatingips.Create(c.Context(), p.network, floatingips.CreateOpts{FloatingNetworkID: p.external}).Extract()
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(c.random.IntN(1500)) * time.Millisecond)
		if err := floatingips.Delete(c.Context(), p.network, made.ID).ExtractErr(); err != nil {
			return err
		}
	}
	return nil
}

func (c *chaos) instance() (types.Instance, error) {
	out, err := c.api.DescribeInstances(c.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("tag:macaw:cloud"), Values: []string{c.name}}, {Name: aws.String("instance-state-name"), Values: []string{"running"}}}})
	if err != nil {
		return types.Instance{}, err
	}
	if len(out.Reservations) != 1 || len(out.Reservations[0].Instances) != 1 {
		return types.Instance{}, fmt.Errorf("the cloud has %d reservations, want one", len(out.Reservations))
	}
	return out.Reservations[0].Instances[0], nil
}

// report prints what was lost, and when.
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
				c.Errorf("%s %s: %d pings lost in %s, and nothing was wrong", gap.from.Format(time.TimeOnly), p.guest, gap.lost, gap.to.Sub(gap.from))
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
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", name, r.times, r.lost, r.longest.Round(100*time.Millisecond), r.recovery.Round(100*time.Millisecond))
	}
	w.Flush()
	c.Logf("%d pieces of mischief, %d pings to %d floating IPs, %d lost when nothing was wrong:\n%s",
		len(c.events), sent, len(c.pingers), unexplained, table.String())
}

// nothingLeft looks for what a cloud may leave behind in AWS.
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
			if tag.ResourceType != types.ResourceTypeInstance { // shown for a while after they are gone
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

// pingEvery is how often a floating IP is pinged.
const pingEvery = 200 * time.Millisecond

// pinger pings a floating IP until it is stopped.
type pinger struct {
	guest string
	cmd   *exec.Cmd
	done  chan struct{}

	mu   sync.Mutex
	sent int
	lost map[int]time.Time // by sequence number
}

var pingLine = regexp.MustCompile(`^\[(\d+)\.(\d+)\] (?:(no answer yet for )|\d+ bytes from .*)icmp_seq=(\d+)`)

func startPinger(t *testing.T, f *floatingIP) *pinger {
	t.Helper()
	p := &pinger{guest: f.String(), done: make(chan struct{}), lost: map[int]time.Time{}}
	p.cmd = exec.Command("ping", "-n", "-D", "-O", "-i", fmt.Sprint(pingEvery.Seconds()), f.public)
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	go func() {
		defer close(p.done)
		wraps, last := 0, 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			m := pingLine.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			seconds, _ := strconv.ParseInt(m[1], 10, 64)
			micros, _ := strconv.ParseInt(m[2], 10, 64)
			at := time.Unix(seconds, micros*1000)
			seq, _ := strconv.Atoi(m[4])
			if seq < last-1<<15 { // 16 bits
				wraps++
			}
			last = seq
			seq += wraps << 16
			p.mu.Lock()
			p.sent = max(p.sent, seq)
			if m[3] != "" {
				p.lost[seq] = at
			} else {
				delete(p.lost, seq) // it came late
			}
			p.mu.Unlock()
		}
	}()
	return p
}

func (p *pinger) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	<-p.done
	_ = p.cmd.Wait()
}

// gap is a run of pings that were not answered.
type gap struct {
	from, to time.Time
	lost     int
}

func (p *pinger) gaps() (gaps []gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seqs := slices.Sorted(maps.Keys(p.lost))
	last := -2
	for _, seq := range seqs {
		at := p.lost[seq]
		if seq == last+1 {
			g := &gaps[len(gaps)-1]
			g.to, g.lost = at.Add(pingEvery), g.lost+1
		} else {
			gaps = append(gaps, gap{at, at.Add(pingEvery), 1})
		}
		last = seq
	}
	return gaps
}
