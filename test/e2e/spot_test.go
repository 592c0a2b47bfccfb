// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
)

// TestSpot brings up a cloud of three nodes: a controller that is the gateway, and two Spot Instances. One is
// interrupted, later the other one dies without a notice.
func TestSpot(t *testing.T) {
	if *nodeEvents == 0 {
		t.Skip("make test-nodes runs it")
	}
	needLab(t)
	const name = "e2e-spot"
	file := cloudFile(t, name, `provider: {addresses: 4}
evacuate: auto
nodes:
  - {name: ctl, roles: [controller, gateway]}
  - {name: cmp, roles: [compute], count: 2, spot: true}
`)
	downAfter(t, file)
	bake(t, file)
	up(t, file)
	t.Setenv("OS_CLOUD", name)
	p := makeProject(t, name, "away", "192.168.62.0/24")
	s := p.bootOn("cmp-1", "stays", 1)
	s.waitActive()
	f := s.float(s.addresses[0])
	eventually(t, f.String()+" has an Elastic IP", time.Minute, f.told)
	eventually(t, f.String()+" reaches out", 2*time.Minute, f.reachesOut)

	t.Run("rebalance", func(t *testing.T) { testRebalance(t, file, name, f) })
	t.Run("interruption", func(t *testing.T) { testInterruption(t, file, name, f) })
	t.Run("evacuation", func(t *testing.T) { testEvacuation(t, file, name, f) })
}

// isOn waits until a guest is active on a node.
func (f *floatingIP) isOn(t *testing.T, node string, limit time.Duration) {
	t.Helper()
	eventually(t, f.server.name+" is on "+node, limit, func() error {
		got, err := servers.Get(t.Context(), f.compute, f.server.id).Extract()
		if err == nil && (got.Host != node || got.Status != "ACTIVE") {
			err = fmt.Errorf("it is on %q, in state %s", got.Host, got.Status)
		}
		return err
	})
}

// nodeInstance is the newest instance of a node.
func nodeInstance(t *testing.T, cloud, node string) (last types.Instance) {
	t.Helper()
	out, err := client(t).DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("tag:macaw:cloud"), Values: []string{cloud}},
		{Name: aws.String("tag:macaw:part"), Values: []string{"instance/" + node}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			if last.InstanceId == nil || i.LaunchTime.After(*last.LaunchTime) {
				last = i
			}
		}
	}
	if last.InstanceId == nil {
		t.Fatalf("EC2 knows no instance of %s", node)
	}
	return last
}

// keeperSaid returns what the controller's journal has of compute nodes.
func keeperSaid(t *testing.T, file string) string {
	return must(t, macaw, "ssh", file, "--", "sudo", "journalctl", "-u", "macaw-computes", "-o", "cat")
}

func testRebalance(t *testing.T, file, cloud string, f *floatingIP) {
	id := aws.ToString(nodeInstance(t, cloud, "cmp-1").InstanceId)
	must(t, macaw, "lab", "fault", "set", "spot-rebalance", id)
	clearFaultsAfter(t)
	f.isOn(t, "cmp-2", 2*time.Minute)
	eventually(t, "status names the reason", time.Minute, func() error {
		for _, finding := range statusOf(t, file).Findings {
			if strings.Contains(finding.Text, "AWS Spot rebalance recommendation") {
				return nil
			}
		}
		return errors.New("no finding does")
	})
	must(t, macaw, "node", "enable", file, "cmp-1")
	time.Sleep(15 * time.Second)
	if st := statusOf(t, file); len(st.Findings) > 0 {
		t.Errorf("the recommendation is followed again: %+v", st.Findings)
	}
}

// testInterruption interrupts the node that the guest is on, cmp-2.
func testInterruption(t *testing.T, file, cloud string, f *floatingIP) {
	before, err := f.run(t, "cat /proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(nodeInstance(t, cloud, "cmp-2").InstanceId)
	begun := time.Now()
	gap := longestGap(t, f.public, func() {
		must(t, macaw, "lab", "fault", "set", "spot-interruption", id)
		f.isOn(t, "cmp-1", 2*time.Minute)
	})
	t.Logf("it has moved after %s, with an outage of %s", time.Since(begun).Round(time.Second),
		gap.Round(time.Millisecond))
	eventually(t, "instance "+id+" is terminated", 4*time.Minute, func() error {
		i := nodeInstance(t, cloud, "cmp-2")
		if i.State.Name != types.InstanceStateNameTerminated {
			return fmt.Errorf("it is %s", i.State.Name)
		}
		if code := aws.ToString(i.StateReason.Code); code != "Server.SpotInstanceTermination" {
			return fmt.Errorf("its reason is %s", code)
		}
		return nil
	})
	if took := time.Since(begun); took < 2*time.Minute {
		t.Errorf("it was terminated after %s", took)
	}
	after, err := f.run(t, "cat /proc/sys/kernel/random/boot_id")
	if err != nil || after != before {
		t.Errorf("the guest has booted anew: %q before, %q after, %v", before, after, err)
	}
	for _, want := range []string{"AWS takes a Spot Instance away; moving its guests", "guest has left", "guest=stays"} {
		if said := keeperSaid(t, file); !strings.Contains(said, want) {
			t.Errorf("the journal has no %q:\n%s", want, said)
		}
	}
	up(t, file, "--verify=never")
	must(t, macaw, "node", "enable", file, "cmp-2")
	allWell(t, file)
}

// testEvacuation terminates the node that the guest is on, cmp-1, without a notice.
func testEvacuation(t *testing.T, file, cloud string, f *floatingIP) {
	id := aws.ToString(nodeInstance(t, cloud, "cmp-1").InstanceId)
	if _, err := client(t).TerminateInstances(t.Context(),
		&ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
	f.isOn(t, "cmp-2", 6*time.Minute)
	eventually(t, f.String()+" reaches out", 3*time.Minute, f.reachesOut)
	if said := keeperSaid(t, file); !strings.Contains(said, "a compute node has died") {
		t.Errorf("the journal:\n%s", said)
	}
	up(t, file, "--verify=never")
	must(t, macaw, "node", "enable", file, "cmp-1")
	allWell(t, file)
}
