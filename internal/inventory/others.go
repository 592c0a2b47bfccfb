// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// Other is a resource that is not the cloud's and blocks the removal of some of the cloud's: it
// lies in the cloud's VPC, or uses something in it.
type Other struct {
	// What names it for display: "network interface eni-1 (of instance i-1)".
	What string
	ID   string
	// Holds has the IDs of the cloud's resources that it uses or lies in. What these need in turn
	// stays too.
	Holds []string
}

// SeeOthers reads the resources of others in the VPCs of a cloud, and which of the cloud's
// resources they use. It reads after [See] and not beside it: what is the cloud's is told by what that saw, and
// the cloud's own instance that it lacked would count as one of others.
func SeeOthers(ctx context.Context, api EC2Reader, s Seen) ([]Other, error) {
	o := others{seen: s}
	o.volumes()
	var reads []func(context.Context) error
	for _, v := range s.VPCs {
		for what, look := range map[string]func(context.Context, EC2Reader, VPC) error{
			"network interfaces": o.interfaces, "subnets": o.subnets, "route tables": o.routeTables,
			"security groups": o.groups, "network acls": o.acls, "internet gateways": o.gateways,
			"vpc endpoints": o.endpoints,
		} {
			reads = append(reads, func(ctx context.Context) error {
				if err := look(ctx, api, v); err != nil && !awsapi.IsNotFound(err) {
					return fmt.Errorf("looking for others' %s in vpc %s: %w", what, v.ID, err)
				}
				return nil
			})
		}
	}
	if err := awsapi.Reads(ctx, reads...); err != nil {
		return nil, err
	}
	// An instance may be found twice, by its volume and by its network interface.
	slices.SortFunc(o.found, func(x, y Other) int {
		return cmp.Or(cmp.Compare(x.ID, y.ID), slices.Compare(x.Holds, y.Holds))
	})
	return o.found, nil
}

// others is used by several reads at once.
type others struct {
	seen  Seen
	mu    sync.Mutex
	found []Other
}

func (o *others) add(what, id string, holds ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.found = append(o.found, Other{What: what, ID: id, Holds: holds})
}

// ours reports whether an instance is the cloud's.
func (o *others) ours(instance string) bool {
	return slices.ContainsFunc(o.seen.Instances, func(i Instance) bool { return i.ID == instance })
}

// ourNAT reports whether a network interface is that of a NAT gateway of the cloud.
func (o *others) ourNAT(eni string) bool {
	return slices.ContainsFunc(o.seen.NATGateways, func(n NATGateway) bool { return n.Interface == eni })
}

// volumes finds the cloud's volumes that are attached to instances of others.
func (o *others) volumes() {
	for _, v := range o.seen.Volumes {
		if v.Instance != "" && !o.ours(v.Instance) {
			o.add("instance "+v.Instance, v.Instance, v.ID)
		}
	}
}

func inVPC(id string) types.Filter { return awsapi.Filter("vpc-id", id) }

// theirs reports whether a resource with these tags is not the cloud's.
func (o *others) theirs(tags []types.Tag) bool {
	return awsapi.Tag(tags, awsapi.TagCloud) != o.seen.Cloud
}

// interfaces finds most of the resources that block a removal: instances, load balancers, NAT
// gateways, endpoints and databases all have network interfaces.
func (o *others) interfaces(ctx context.Context, api EC2Reader, v VPC) error {
	found, err := findInterfaces(ctx, api, inVPC(v.ID))
	for _, n := range found {
		o.networkInterface(n, v)
	}
	return err
}

func (o *others) networkInterface(n types.NetworkInterface, v VPC) {
	id, what := aws.ToString(n.NetworkInterfaceId), "network interface "+aws.ToString(n.NetworkInterfaceId)
	instance := ""
	if n.Attachment != nil {
		instance = aws.ToString(n.Attachment.InstanceId)
	}
	ours := !o.theirs(n.TagSet)
	switch {
	case o.ourNAT(id):
		return // deleted with the NAT gateway
	case ours && (instance == "" || o.ours(instance)):
		return
	case ours: // attached to an instance of others
		o.add("instance "+instance, instance, id)
		return
	case o.ours(instance) && aws.ToBool(n.Attachment.DeleteOnTermination):
		return // deleted with the instance
	case instance != "" && !o.ours(instance):
		what += " (of instance " + instance + ")"
	case aws.ToString(n.Description) != "":
		what += " (" + aws.ToString(n.Description) + ")"
	}
	holds := append([]string{v.ID, aws.ToString(n.SubnetId)}, groupsOf(n)...)
	if n.Association != nil { // an Internet gateway stays while there are public addresses
		for _, g := range o.seen.InternetGateways {
			if g.VPC == v.ID {
				holds = append(holds, g.ID)
			}
		}
	}
	o.add(what, id, holds...)
}

func (o *others) subnets(ctx context.Context, api EC2Reader, v VPC) error {
	found, err := FindSubnets(ctx, api, inVPC(v.ID))
	for _, n := range found {
		if !o.theirs(n.Tags) {
			continue
		}
		holds := []string{v.ID}
		for _, t := range o.seen.RouteTables {
			if slices.Contains(t.Subnets, aws.ToString(n.SubnetId)) {
				holds = append(holds, t.ID)
			}
		}
		o.add("subnet "+aws.ToString(n.SubnetId), aws.ToString(n.SubnetId), holds...)
	}
	return err
}

func (o *others) routeTables(ctx context.Context, api EC2Reader, v VPC) error {
	found, err := FindRouteTables(ctx, api, inVPC(v.ID))
	for _, t := range found {
		main := slices.ContainsFunc(t.Associations, func(a types.RouteTableAssociation) bool {
			return aws.ToBool(a.Main)
		})
		// The table that AWS makes with the VPC is not the main one if another was made so.
		if o.theirs(t.Tags) && !main {
			o.add("route table "+aws.ToString(t.RouteTableId), aws.ToString(t.RouteTableId), v.ID)
		}
	}
	return err
}

func (o *others) groups(ctx context.Context, api EC2Reader, v VPC) error {
	found, err := FindSecurityGroups(ctx, api, inVPC(v.ID))
	for _, g := range found {
		if !o.theirs(g.Tags) {
			continue
		}
		id, name := aws.ToString(g.GroupId), aws.ToString(g.GroupName)
		var holds []string
		if name != "default" { // the default group is deleted with the VPC
			holds = append(holds, v.ID)
		}
		for _, p := range slices.Concat(g.IpPermissions, g.IpPermissionsEgress) {
			for _, pair := range p.UserIdGroupPairs {
				// A group that another group's rule references cannot be deleted (EC2 API
				// Reference, DeleteSecurityGroup).
				if named := aws.ToString(pair.GroupId); o.group(named) {
					holds = append(holds, named)
				}
			}
		}
		if len(holds) > 0 {
			o.add("security group "+id+" ("+name+")", id, holds...)
		}
	}
	return err
}

// group reports whether a security group is the cloud's.
func (o *others) group(id string) bool {
	return slices.ContainsFunc(o.seen.SecurityGroups, func(g SecurityGroup) bool { return g.ID == id })
}

// acls finds network ACLs other than the default one, which is deleted with the VPC.
func (o *others) acls(ctx context.Context, api EC2Reader, v VPC) error {
	found, err := findNetworkACLs(ctx, api, inVPC(v.ID))
	for _, a := range found {
		if id := aws.ToString(a.NetworkAclId); !aws.ToBool(a.IsDefault) {
			o.add("network acl "+id, id, v.ID)
		}
	}
	return err
}

// gateways finds Internet gateways that have replaced the cloud's.
func (o *others) gateways(ctx context.Context, api EC2Reader, v VPC) error {
	found, err := FindInternetGateways(ctx, api, awsapi.Filter("attachment.vpc-id", v.ID))
	for _, g := range found {
		if id := aws.ToString(g.InternetGatewayId); o.theirs(g.Tags) {
			o.add("internet gateway "+id, id, v.ID)
		}
	}
	return err
}

// endpoints finds endpoints without a network interface: gateway endpoints are in route tables (AWS
// PrivateLink Guide, gateway-endpoints).
func (o *others) endpoints(ctx context.Context, api EC2Reader, v VPC) error {
	found, err := findEndpoints(ctx, api, inVPC(v.ID))
	for _, e := range found {
		if e.VpcEndpointType != types.VpcEndpointTypeGateway ||
			e.State == types.StateDeleted || e.State == types.StateDeleting {
			continue
		}
		id := aws.ToString(e.VpcEndpointId)
		o.add("vpc endpoint "+id, id, append(e.RouteTableIds, v.ID)...)
	}
	return err
}

// needs maps the ID of each resource of the cloud to the IDs of those that it needs, which cannot
// be deleted before it.
func (s Seen) needs() map[string][]string {
	out := map[string][]string{}
	for _, n := range s.Interfaces {
		out[n.ID] = append([]string{n.Subnet}, n.Groups...)
	}
	for _, n := range s.Subnets {
		out[n.ID] = []string{n.VPC}
	}
	for _, t := range s.RouteTables {
		out[t.ID] = []string{t.VPC}
		for _, n := range t.Subnets {
			out[n] = append(out[n], t.ID)
		}
		if t.Main {
			out[t.VPC] = append(out[t.VPC], t.ID)
		}
	}
	for _, g := range s.SecurityGroups {
		out[g.ID] = []string{g.VPC}
		for _, r := range slices.Concat(g.Ingress, g.Egress) {
			if strings.HasPrefix(r.Source, "sg-") {
				out[g.ID] = append(out[g.ID], r.Source)
			}
		}
	}
	for _, g := range s.InternetGateways {
		out[g.ID] = []string{g.VPC}
	}
	return out
}

// Keepers maps the ID of each resource of the cloud to what blocks its removal.
func Keepers(s Seen, others []Other) map[string][]string {
	needs, by := s.needs(), map[string][]string{}
	var keep func(id, what string)
	keep = func(id, what string) {
		if id == "" || slices.Contains(by[id], what) {
			return
		}
		by[id] = append(by[id], what)
		for _, n := range needs[id] {
			keep(n, what)
		}
	}
	for _, o := range others {
		for _, id := range o.Holds {
			keep(id, o.What)
		}
	}
	return by
}
