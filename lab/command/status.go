// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/spf13/cobra"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/daemon"
	"macaw.example/lab/internal/faults"
)

func (c *commands) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the lab's VPCs, machines, network interfaces and addresses as a tree",
		Long: `Show what is in the lab: each VPC with its machines, their network interfaces,
the private addresses registered on them and the Elastic IP of each; then the
unattached network interfaces and the unassociated Elastic IPs. For a machine that
does not reach its intended state, it shows the step that hangs, and the reason; for
one without power, or an interface that is down, the fault.`,
		Example: "  macaw lab status\n  macaw lab status --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var st status
			err := c.ask(func() error {
				api, err := c.client(cmd.Context())
				if err != nil {
					return err
				}
				if st, err = readStatus(cmd.Context(), api); err != nil {
					return fmt.Errorf("reading the lab: %w", err)
				}
				st.note(cmd.Context())
				return nil
			})
			if err != nil {
				return err
			}
			return c.Print(st, st.text)
		},
	}
}

// status is the lab's inventory.
type status struct {
	Endpoint string    `json:"endpoint"`
	Region   string    `json:"region"`
	VPCs     []labVPC  `json:"vpcs"`
	Free     []labFree `json:"unassociatedElasticIPs"`
}

type labVPC struct {
	ID              string       `json:"id"`
	Name            string       `json:"name,omitempty"`
	CIDRs           []string     `json:"cidrs"`
	InternetGateway string       `json:"internetGateway,omitempty"`
	Subnets         []labSubnet  `json:"subnets"`
	Machines        []labMachine `json:"machines"`
	// ENIs are the unattached ones.
	ENIs []labENI `json:"enis"`
}

type labSubnet struct {
	ID    string   `json:"id"`
	Name  string   `json:"name,omitempty"`
	CIDRs []string `json:"cidrs"`
	Zone  string   `json:"zone"`
}

type labMachine struct {
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	Type  string `json:"type"`
	State string `json:"state"`
	Image string `json:"image"`
	Zone  string `json:"zone"`
	// Task is work on the machine that takes long or has failed.
	Task *control.Task `json:"task,omitempty"`
	// Fault is the name of a fault that has taken its power: power-off or zone-down.
	Fault string   `json:"fault,omitempty"`
	ENIs  []labENI `json:"enis"`
}

type labENI struct {
	ID              string `json:"id"`
	Kind            string `json:"kind"` // interface or nat_gateway
	Description     string `json:"description,omitempty"`
	Device          *int32 `json:"device,omitempty"`
	MAC             string `json:"mac"`
	Subnet          string `json:"subnet"`
	SourceDestCheck bool   `json:"sourceDestCheck"`
	// Fault is nic-down if that fault is on.
	Fault     string       `json:"fault,omitempty"`
	Addresses []labAddress `json:"addresses"`
}

type labAddress struct {
	Private   string `json:"private"` // an address or a delegated prefix
	Primary   bool   `json:"primary,omitempty"`
	ElasticIP string `json:"elasticIP,omitempty"`
}

type labFree struct {
	ElasticIP    string `json:"elasticIP"`
	AllocationID string `json:"allocationID"`
	Name         string `json:"name,omitempty"`
}

// readStatus reads the inventory through the lab's EC2 API.
func readStatus(ctx context.Context, api *ec2.Client) (status, error) {
	st := status{Endpoint: lab.Endpoint, Region: lab.Region, VPCs: []labVPC{}, Free: []labFree{}}
	vpcs, err := awsapi.Collect(ctx, ec2.NewDescribeVpcsPaginator(api, nil),
		func(o *ec2.DescribeVpcsOutput) []types.Vpc { return o.Vpcs })
	if err != nil {
		return st, err
	}
	gateways, err := awsapi.Collect(ctx, ec2.NewDescribeInternetGatewaysPaginator(api, nil),
		func(o *ec2.DescribeInternetGatewaysOutput) []types.InternetGateway { return o.InternetGateways })
	if err != nil {
		return st, err
	}
	subnets, err := awsapi.Collect(ctx, ec2.NewDescribeSubnetsPaginator(api, nil),
		func(o *ec2.DescribeSubnetsOutput) []types.Subnet { return o.Subnets })
	if err != nil {
		return st, err
	}
	reservations, err := awsapi.Collect(ctx, ec2.NewDescribeInstancesPaginator(api, nil),
		func(o *ec2.DescribeInstancesOutput) []types.Reservation { return o.Reservations })
	if err != nil {
		return st, err
	}
	enis, err := awsapi.Collect(ctx, ec2.NewDescribeNetworkInterfacesPaginator(api, nil),
		func(o *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return o.NetworkInterfaces })
	if err != nil {
		return st, err
	}
	addresses, err := api.DescribeAddresses(ctx, nil)
	if err != nil {
		return st, err
	}
	for _, v := range vpcs {
		st.VPCs = append(st.VPCs, vpcStatus(v, gateways, subnets, reservations, enis))
	}
	for _, address := range addresses.Addresses {
		if address.AssociationId == nil {
			st.Free = append(st.Free, labFree{aws.ToString(address.PublicIp), aws.ToString(address.AllocationId),
				nameTag(address.Tags)})
		}
	}
	return st, nil
}

// note adds what the EC2 API does not show: the daemon's unfinished work on each machine, and the
// faults that have taken a machine or an interface down. Errors are ignored: the rest of the status
// is useful without it.
func (st status) note(ctx context.Context) {
	if plan, err := daemon.ReadFaults(ctx); err == nil {
		st.noteFaults(plan)
	}
	tasks, err := control.SlowTasks(ctx)
	if err != nil {
		return
	}
	for _, t := range tasks {
		for _, v := range st.VPCs {
			for i := range v.Machines {
				if v.Machines[i].ID == t.Instance {
					v.Machines[i].Task = &t
				}
			}
		}
	}
}

// noteFaults marks the machines and interfaces that faults have taken down.
func (st status) noteFaults(plan faults.Plan) {
	on := func(name, target string) bool {
		return slices.ContainsFunc(plan.Faults, func(f faults.Fault) bool { return f.Name == name && f.Target == target })
	}
	mark := func(enis []labENI) {
		for i := range enis {
			if on(faults.NICDown, enis[i].ID) {
				enis[i].Fault = faults.NICDown
			}
		}
	}
	for _, v := range st.VPCs {
		mark(v.ENIs)
		for i := range v.Machines {
			m := &v.Machines[i]
			mark(m.ENIs)
			switch {
			case on(faults.PowerOff, m.ID):
				m.Fault = faults.PowerOff
			case on(faults.ZoneDown, m.Zone):
				m.Fault = faults.ZoneDown
			}
		}
	}
}

func vpcStatus(v types.Vpc, gateways []types.InternetGateway, subnets []types.Subnet, reservations []types.Reservation,
	enis []types.NetworkInterface) labVPC {
	st := labVPC{ID: aws.ToString(v.VpcId), Name: nameTag(v.Tags), CIDRs: []string{}, Subnets: []labSubnet{},
		Machines: []labMachine{}, ENIs: []labENI{}}
	for _, c := range v.CidrBlockAssociationSet {
		st.CIDRs = append(st.CIDRs, aws.ToString(c.CidrBlock))
	}
	for _, c := range v.Ipv6CidrBlockAssociationSet {
		st.CIDRs = append(st.CIDRs, aws.ToString(c.Ipv6CidrBlock))
	}
	for _, g := range gateways {
		for _, at := range g.Attachments {
			if aws.ToString(at.VpcId) == st.ID {
				st.InternetGateway = aws.ToString(g.InternetGatewayId)
			}
		}
	}
	for _, s := range subnets {
		if aws.ToString(s.VpcId) != st.ID {
			continue
		}
		sub := labSubnet{ID: aws.ToString(s.SubnetId), Name: nameTag(s.Tags), CIDRs: []string{aws.ToString(s.CidrBlock)},
			Zone: aws.ToString(s.AvailabilityZone)}
		for _, c := range s.Ipv6CidrBlockAssociationSet {
			sub.CIDRs = append(sub.CIDRs, aws.ToString(c.Ipv6CidrBlock))
		}
		st.Subnets = append(st.Subnets, sub)
	}
	for _, r := range reservations {
		for _, i := range r.Instances {
			if aws.ToString(i.VpcId) != st.ID || i.State.Name == types.InstanceStateNameTerminated {
				continue
			}
			m := labMachine{ID: aws.ToString(i.InstanceId), Name: nameTag(i.Tags), Type: string(i.InstanceType),
				State: string(i.State.Name),
				Image: aws.ToString(i.ImageId), Zone: aws.ToString(i.Placement.AvailabilityZone), ENIs: []labENI{}}
			for _, n := range enis {
				if n.Attachment != nil && aws.ToString(n.Attachment.InstanceId) == m.ID {
					m.ENIs = append(m.ENIs, eniStatus(n))
				}
			}
			slices.SortFunc(m.ENIs, func(a, b labENI) int { return int(aws.ToInt32(a.Device) - aws.ToInt32(b.Device)) })
			st.Machines = append(st.Machines, m)
		}
	}
	for _, n := range enis {
		if aws.ToString(n.VpcId) == st.ID && (n.Attachment == nil || n.Attachment.InstanceId == nil) {
			st.ENIs = append(st.ENIs, eniStatus(n))
		}
	}
	return st
}

func eniStatus(n types.NetworkInterface) labENI {
	st := labENI{ID: aws.ToString(n.NetworkInterfaceId), Kind: string(n.InterfaceType),
		Description: aws.ToString(n.Description), MAC: aws.ToString(n.MacAddress),
		Subnet: aws.ToString(n.SubnetId), SourceDestCheck: aws.ToBool(n.SourceDestCheck), Addresses: []labAddress{}}
	if n.Attachment != nil {
		st.Device = n.Attachment.DeviceIndex
	}
	for _, p := range n.PrivateIpAddresses {
		address := labAddress{Private: aws.ToString(p.PrivateIpAddress), Primary: aws.ToBool(p.Primary)}
		if p.Association != nil {
			address.ElasticIP = aws.ToString(p.Association.PublicIp)
		}
		st.Addresses = append(st.Addresses, address)
	}
	for _, p := range n.Ipv4Prefixes {
		st.Addresses = append(st.Addresses, labAddress{Private: aws.ToString(p.Ipv4Prefix)})
	}
	for _, p := range n.Ipv6Addresses {
		st.Addresses = append(st.Addresses, labAddress{Private: aws.ToString(p.Ipv6Address)})
	}
	for _, p := range n.Ipv6Prefixes {
		st.Addresses = append(st.Addresses, labAddress{Private: aws.ToString(p.Ipv6Prefix)})
	}
	return st
}

func nameTag(tags []types.Tag) string { return awsapi.Tag(tags, "Name") }

func (st status) text(w io.Writer) error {
	root := terminal.Tree{Text: fmt.Sprintf("lab at %s, region %s", st.Endpoint, st.Region)}
	for _, v := range st.VPCs {
		root.Add(v.node())
	}
	for _, f := range st.Free {
		root.Add(terminal.Tree{Text: join("Elastic IP", f.ElasticIP, f.AllocationID, f.Name, "on nothing")})
	}
	return root.Write(w)
}

func (v labVPC) node() terminal.Tree {
	top := terminal.Tree{Text: join(v.ID, v.Name, strings.Join(v.CIDRs, " "), v.InternetGateway)}
	for _, s := range v.Subnets {
		top.Add(terminal.Tree{Text: join(s.ID, s.Name, strings.Join(s.CIDRs, " "), s.Zone)})
	}
	for _, m := range v.Machines {
		n := terminal.Tree{Text: join(m.ID, m.Name, m.State, m.Type, m.Zone, m.Image)}
		if m.Fault != "" {
			n.Add(terminal.Tree{Text: "no power: fault " + m.Fault})
		}
		if m.Task != nil {
			n.Add(terminal.Tree{Text: m.Task.String()})
		}
		for _, e := range m.ENIs {
			n.Add(e.node())
		}
		top.Add(n)
	}
	for _, e := range v.ENIs {
		top.Add(e.node())
	}
	return top
}

func (e labENI) node() terminal.Tree {
	words := []string{e.ID}
	if e.Device != nil {
		words = append(words, fmt.Sprintf("device %d", *e.Device))
	}
	if e.Kind != "" && e.Kind != string(types.NetworkInterfaceTypeInterface) {
		words = append(words, e.Kind)
	}
	words = append(words, e.MAC, e.Subnet)
	if !e.SourceDestCheck {
		words = append(words, "no source/dest check")
	}
	if e.Fault != "" {
		words = append(words, "down: fault "+e.Fault)
	}
	n := terminal.Tree{Text: join(append(words, e.Description)...)}
	for _, address := range e.Addresses {
		line := address.Private
		if address.ElasticIP != "" {
			line += " ↔ " + address.ElasticIP
		}
		n.Add(terminal.Tree{Text: line})
	}
	return n
}

// join puts two spaces between the words that are not empty.
func join(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), "  ")
}
