// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// scanProgram prints the TCP ports that accept a connection at each address, and sends a datagram to each
// UDP port.
const scanProgram = `
import json, socket, sys, threading
want = json.loads(sys.argv[1])
found, lock = [], threading.Lock()
def tcp(address, port):
    try: socket.create_connection((address, port), 3).close()
    except OSError: return
    with lock: found.append("%s:%d" % (address, port))
threads = [threading.Thread(target=tcp, args=(a, p)) for a in want["addresses"] for p in want["tcp"]]
for t in threads: t.start()
for t in threads: t.join()
for a in want["addresses"]:
    for p in want["udp"]:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try: s.sendto(want["mark"].encode(), (a, p))
        except OSError: pass
print(json.dumps(sorted(found)))
`

// listenProgram prints the marks that reach the management NIC, in whatever packets, until the operator's.
const listenProgram = `
import json, socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0)); s.settimeout(0.2)
end, seen = time.time() + 120, set()
print("listening", flush=True)
while time.time() < end and "operator" not in seen:
    try: frame, source = s.recvfrom(2048)
    except TimeoutError: continue
    at = frame.find(b"scan-from-")
    if at > 0 and source[2] != socket.PACKET_OUTGOING: seen.add(frame[at+10:at+40].split(b";")[0].decode())
print(json.dumps(sorted(seen)))
`

// testScan scans the node from a host on a tenant's network, from an instance beside it in the cloud's VPC,
// and from one in another VPC: they reach nothing. The node itself finds something, and the operator's
// packets are heard.
func testScan(t *testing.T, file string, p *project) {
	var status struct {
		Nodes []struct{ InstanceID, ManagementPublic string }
	}
	if err := json.Unmarshal([]byte(must(t, macaw, "status", file, "--output", "json")), &status); err != nil {
		t.Fatal(err)
	}
	listed := func(flag string) (ports []int) {
		out := onNode(t, file, "ss "+flag+` | awk '{print $4}' | sed 's/.*://' | sort -un`)
		for _, port := range strings.Fields(out) {
			var n int
			if _, err := fmt.Sscan(port, &n); err != nil {
				t.Fatal(err)
			}
			ports = append(ports, n)
		}
		return ports
	}
	public := status.Nodes[0].ManagementPublic
	scan := func(mark string) string {
		b, err := json.Marshal(map[string]any{
			"addresses": []string{"10.0.0.4", "10.0.1.4", public}, "mark": "scan-from-" + mark + ";",
			"tcp": listed("-Hltn"), "udp": append(listed("-Hlun"), 6081),
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	found := func(out string) (open []string) {
		t.Helper()
		if err := json.Unmarshal([]byte(out), &open); err != nil {
			t.Fatalf("%v: %q", err, out)
		}
		return open
	}

	beside, elsewhere := strangers(t, status.Nodes[0].InstanceID)
	guest := plug(t, file, "scanner", p, ports.CreateOpts{NetworkID: p.net}, true)
	heard := make(chan string, 1)
	go func() {
		out, err := command(t.Context(), macaw, "ssh", file, "--", "sudo", "python3", "-c", quoted(listenProgram), "ens5")
		if err != nil {
			out = err.Error()
		}
		heard <- out
	}()
	time.Sleep(2 * time.Second)

	self := found(onNode(t, file, "python3 -c "+quoted(scanProgram)+" "+quoted(scan("node"))))
	if !slices.Contains(self, "10.0.0.4:3306") {
		t.Errorf("from the node itself the scan finds %v, and not MariaDB", self)
	}
	if open := found(guest.python(scanProgram, scan("guest"))); len(open) > 0 {
		t.Errorf("a guest reaches %v", open)
	}
	for name, instance := range map[string]string{"beside": beside, "elsewhere": elsewhere} {
		out := must(t, macaw, "lab", "ssh", instance, "--", "python3", "-c", scanProgram, scan(name))
		if open := found(out); len(open) > 0 {
			t.Errorf("from an instance %s in AWS are reached: %v", name, open)
		}
	}
	c, err := net.Dial("tcp", net.JoinHostPort(public, "22"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "scan-from-operator;")
	out := <-heard
	_, marks, ok := strings.Cut(out, "listening\n")
	if !ok {
		t.Fatalf("listening for packets: %s", out)
	}
	if got := found(marks); !slices.Equal(got, []string{"operator"}) {
		t.Errorf("packets that reach the management NIC are those of %v, want the operator's alone", got)
	}
}

// strangers runs two instances of Debian's image: one in the subnet of a node's management NIC, with the
// VPC's default security group, and one in the default VPC, with a public address.
func strangers(t *testing.T, node string) (beside, elsewhere string) {
	t.Helper()
	ctx, api, image := t.Context(), client(t), stockImage(t)
	out, err := api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{node}})
	if err != nil {
		t.Fatal(err)
	}
	subnet := out.Reservations[0].Instances[0].SubnetId
	_, err = api.CreateDefaultVpc(ctx, &ec2.CreateDefaultVpcInput{})
	if err != nil && !strings.Contains(err.Error(), "DefaultVpcAlreadyExists") {
		t.Fatal(err)
	}
	var ids []string
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := removeStrangers(ctx, api, ids); err != nil {
			t.Error(err)
		}
	})
	run := func(in *ec2.RunInstancesInput) string {
		in.ImageId, in.InstanceType, in.MinCount, in.MaxCount = &image, types.InstanceTypeT3Micro, aws.Int32(1), aws.Int32(1)
		out, err := api.RunInstances(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, aws.ToString(out.Instances[0].InstanceId))
		return ids[len(ids)-1]
	}
	beside, elsewhere = run(&ec2.RunInstancesInput{SubnetId: subnet}), run(&ec2.RunInstancesInput{})
	for _, id := range []string{beside, elsewhere} {
		eventually(t, "instance "+id+" has booted", time.Minute, func() error {
			_, err := command(ctx, macaw, "lab", "ssh", id, "--", "true")
			return err
		})
	}
	return beside, elsewhere
}

// removeStrangers removes instances, and the default VPC.
func removeStrangers(ctx context.Context, api *ec2.Client, ids []string) error {
	if len(ids) > 0 {
		if _, err := api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids}); err != nil {
			return err
		}
		ended := ec2.NewInstanceTerminatedWaiter(api,
			func(o *ec2.InstanceTerminatedWaiterOptions) { o.MinDelay = time.Second })
		if err := ended.Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids}, time.Minute); err != nil {
			return err
		}
	}
	vpcs, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{
		{Name: aws.String("is-default"), Values: []string{"true"}}}})
	if err != nil || len(vpcs.Vpcs) == 0 {
		return err
	}
	vpc := vpcs.Vpcs[0].VpcId
	in := func(name string) []types.Filter { return []types.Filter{{Name: &name, Values: []string{*vpc}}} }
	gateways, err := api.DescribeInternetGateways(ctx,
		&ec2.DescribeInternetGatewaysInput{Filters: in("attachment.vpc-id")})
	if err != nil {
		return err
	}
	for _, g := range gateways.InternetGateways {
		_, err := api.DetachInternetGateway(ctx,
			&ec2.DetachInternetGatewayInput{InternetGatewayId: g.InternetGatewayId, VpcId: vpc})
		_, gone := api.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: g.InternetGatewayId})
		if err := errors.Join(err, gone); err != nil {
			return err
		}
	}
	subnets, err := api.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: in("vpc-id")})
	if err != nil {
		return err
	}
	for _, s := range subnets.Subnets {
		if _, err := api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: s.SubnetId}); err != nil {
			return err
		}
	}
	_, err = api.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: vpc})
	return err
}
