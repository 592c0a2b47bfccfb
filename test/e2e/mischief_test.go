// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
)

// units are the node's units.
var units = []string{
	"macaw-agent", "keystone", "glance-api", "placement-api", "neutron-api", "neutron-ovn-maintenance-worker",
	"neutron-ovn-metadata-agent", "nova-api", "nova-api-metadata", "systemd-networkd", "nova-conductor", "nova-scheduler",
	"nova-compute", "nova-novncproxy",
	"mariadb", "rabbitmq-server", "memcached", "apache2", "libvirtd", "ovn-northd", "ovn-ovsdb-server-nb",
	"ovn-ovsdb-server-sb",
}

var allMischief = []mischief{
	{"restart units", 2 * time.Minute, true, func(c *chaos) (string, error) {
		some := strings.Join(c.restart.next(c, units, 5), " ")
		return some, c.onNode("for u in " + some + "; do systemctl restart $u || exit; done")
	}},
	{"restart a unit of the data plane", 2 * time.Minute, false, func(c *chaos) (string, error) {
		unit := pick(c, []string{"ovs-vswitchd", "ovsdb-server", "ovn-controller"})
		return unit, c.onNode("systemctl restart " + unit)
	}},
	{"kill units", 2 * time.Minute, true, func(c *chaos) (string, error) {
		some := strings.Join(c.kill.next(c, units, 5), " ")
		// Guests are in libvirtd's control group, and survive it: KillMode=process.
		return some, c.onNode("for u in " + some + "; do whom=all; [ $u = libvirtd ] && whom=main; " +
			"systemctl kill --signal=KILL --kill-whom=$whom $u; done; sleep 5; for u in " + some +
			"; do systemctl start $u || exit; done")
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
		for _, fault := range []string{"throttle", "latency --min 50ms --max 900ms", "lag --min 1s --max 5s",
			"error --rate 0.3 --when either", "late --min 100ms --max 3s"} {
			if c.random.IntN(2) == 0 {
				continue
			}
			if _, err := command(c.Context(), macaw,
				append([]string{"lab", "fault", "set"}, strings.Fields(fault)...)...); err != nil {
				return fault, err
			}
		}
		err := c.churn(30 * time.Second)
		_, clear := command(c.Context(), macaw, "lab", "fault", "clear", "--all")
		return "while floating IPs come and go", cmp.Or(err, clear)
	}},
	{"floating IPs come and go", time.Minute, true,
		func(c *chaos) (string, error) { return "", c.churn(20 * time.Second) }},
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
		return "", c.onNode("nic=$(ls -d /sys/class/net/e*1 | head -1); nic=${nic##*/}; ip link set $nic down; sleep 3; " +
			"ip link set $nic up")
	}},
	{"a full disk for the agent's state", time.Minute, true, func(c *chaos) (string, error) {
		return "with floating IPs that come and go", cmp.Or(
			c.onNode("mount -t tmpfs -o size=64k,mode=700 full /var/lib/macaw; dd if=/dev/zero of=/var/lib/macaw/full bs=4k "+
				"2>/dev/null; true"),
			c.churn(10*time.Second), c.onNode("umount -l /var/lib/macaw"))
	}},
	{"up killed on its way", 2 * time.Minute, true, func(c *chaos) (string, error) {
		after := c.killed(4*time.Second, "up", c.file, "--verify=never")
		return "after " + after.String(), c.up()
	}},
	{"the clock steps", 3 * time.Minute, true, func(c *chaos) (string, error) {
		by := pick(c, []time.Duration{-30 * time.Second, -10 * time.Second, 10 * time.Minute, 3 * time.Hour})
		err := cmp.Or(c.stepClock(by), c.churn(20*time.Second), c.setClock(0))
		if by > time.Minute { // docs/troubleshooting.md: services wait until the clock has caught up
			err = cmp.Or(err, c.onNode("systemctl restart "+strings.Join(onClock, " ")))
		}
		return fmt.Sprintf("by %s for OpenStack's services, and back", by), err
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
		before, err := c.output(bootTime)
		if err != nil {
			return "", err
		}
		_, err = command(c.Context(), macaw, "lab", "reboot", c.name+"-instance-cloud-1")
		return "", cmp.Or(err, c.await(3*time.Minute, "the machine has booted again", func() error {
			now, err := c.output(bootTime)
			if err == nil && now == before {
				err = errors.New("it has not yet ended")
			}
			return err
		}))
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

// cycle is the rest of a list in random order; when it is used up, it starts again.
type cycle []string

func (d *cycle) next(c *chaos, of []string, n int) (some []string) {
	if len(*d) < n {
		*d = slices.Clone(of)
		c.random.Shuffle(len(of), func(i, j int) { (*d)[i], (*d)[j] = (*d)[j], (*d)[i] })
	}
	some, *d = (*d)[:n], (*d)[n:]
	return some
}

func (c *chaos) onNode(script string) error {
	_, err := command(c.Context(), macaw, "ssh", c.file, "--", "sudo", "sh", "-c",
		fmt.Sprintf("'%s'", strings.ReplaceAll(script, "'", `'\''`)))
	return err
}

// bootTime is a command whose output changes with each boot of the node.
const bootTime = "cut -d' ' -f22 /proc/1/stat"

// output runs a command on the node and returns its output.
func (c *chaos) output(script string) (string, error) {
	return command(c.Context(), macaw, "ssh", c.file, "--", script)
}

// await waits until fn succeeds.
func (c *chaos) await(limit time.Duration, what string, fn func() error) error {
	for end := time.Now().Add(limit); ; time.Sleep(500 * time.Millisecond) {
		err := fn()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within %s: %w", what, limit, err)
		}
	}
}

// killed runs macaw, kills it after a random time of at most limit, and returns that time.
func (c *chaos) killed(limit time.Duration, args ...string) (after time.Duration) {
	after = time.Duration(100+c.random.Int64N(limit.Milliseconds())) * time.Millisecond
	ctx, cancel := context.WithTimeout(c.Context(), after) // at its end the process is killed
	defer cancel()
	_, _ = command(ctx, macaw, args...)
	return after
}

// All machines share the host's clock, which a test must not set. So the clock steps only
// for OpenStack's services: through a library preloaded before the C library, which reads
// the offset from a file.
const (
	stepLibrary = "/run/macaw-stepclock.so"
	stepFile    = "/run/macaw-stepclock"
)

// onClock are the units with the stepped clock.
var onClock = []string{"keystone", "glance-api", "placement-api", "neutron-api", "nova-api", "nova-conductor",
	"nova-scheduler", "nova-compute", "memcached"}

// stepClock runs the services on a clock that can be stepped, and steps it.
func (c *chaos) stepClock(by time.Duration) error {
	library := filepath.Join(c.TempDir(), "stepclock.so")
	if _, err := command(c.Context(), "cc", "-shared", "-fPIC", "-O2", "-o", library, "testdata/stepclock.c"); err != nil {
		return err
	}
	content, err := os.ReadFile(library)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(c.Context(), macaw, "ssh", c.file, "--", "base64 -d | sudo tee "+stepLibrary+" >/dev/null")
	cmd.Stdin = strings.NewReader(base64.StdEncoding.EncodeToString(content))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copying the library: %w: %s", err, out)
	}
	return cmp.Or(c.setClock(0), c.onNode(`
		for u in `+strings.Join(onClock, " ")+`; do
			mkdir -p /run/systemd/system/$u.service.d
			printf "[Service]\nEnvironment=LD_PRELOAD=`+stepLibrary+` STEPCLOCK=`+stepFile+`\n" >/run/systemd/system/$u.service.d/chaos.conf
		done
		systemctl daemon-reload && systemctl restart `+strings.Join(onClock, " ")),
		c.await(2*time.Minute, "OpenStack serves on a clock of its own", c.serves), c.setClock(by))
}

// setClock sets the offset of the services' clock from the host's.
func (c *chaos) setClock(by time.Duration) error {
	var number strings.Builder // in the library's format
	for _, b := range binary.NativeEndian.AppendUint64(nil, uint64(by/time.Second)) {
		fmt.Fprintf(&number, `\%03o`, b)
	}
	return c.onNode(fmt.Sprintf("printf '%s' | dd of=%s conv=notrunc status=none; chmod 644 %[2]s", number.String(),
		stepFile))
}

func (c *chaos) up() error {
	_, err := command(c.Context(), macaw, "up", c.file, "--verify=never")
	return err
}

// churn creates floating IPs and deletes them again.
func (c *chaos) churn(d time.Duration) error {
	ctx, cancel := context.WithTimeout(c.Context(), d+2*time.Minute)
	defer cancel()
	for end := time.Now().Add(d); time.Now().Before(end); {
		p := pick(c, c.projects)
		made, err := floatingips.Create(ctx, p.network, floatingips.CreateOpts{FloatingNetworkID: p.external}).Extract()
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(c.random.IntN(1500)) * time.Millisecond)
		if err := floatingips.Delete(ctx, p.network, made.ID).ExtractErr(); err != nil {
			return err
		}
	}
	return nil
}

func (c *chaos) instance() (types.Instance, error) {
	out, err := c.api.DescribeInstances(c.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("tag:macaw:cloud"), Values: []string{c.name}}, {Name: aws.String("instance-state-name"),
			Values: []string{"running"}}}})
	if err != nil {
		return types.Instance{}, err
	}
	if len(out.Reservations) != 1 || len(out.Reservations[0].Instances) != 1 {
		return types.Instance{}, fmt.Errorf("the cloud has %d reservations, want one", len(out.Reservations))
	}
	return out.Reservations[0].Instances[0], nil
}
