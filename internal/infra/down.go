// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"slices"
	"strings"

	"macaw.example/internal/inventory"
)

// Removal is the result of Down.
type Removal struct {
	Cloud   string
	Removed []Action
	// Kept has the resources that remain because others use them.
	Kept []Kept
}

// Left returns a KeptError if resources of the cloud remain.
func (r Removal) Left() error {
	if len(r.Kept) == 0 {
		return nil
	}
	return &KeptError{Cloud: r.Cloud, Kept: r.Kept}
}

// rounds is how often Down makes a new plan because others have added resources meanwhile.
const rounds = 5

// Down removes a cloud, except for resources that others use. It calls tell for each of those
// before it removes the rest.
func Down(ctx context.Context, c Clients, cloud string, tell func(Kept), progress Progress) (Removal, error) {
	return down(ctx, c, wallClock{}, cloud, tell, progress)
}

func down(
	ctx context.Context, c Clients, clock clock, cloud string, tell func(Kept), progress Progress,
) (Removal, error) {
	out := Removal{Cloud: cloud}
	told := map[string]bool{}
	for round := 1; ; round++ {
		seen, err := inventory.See(ctx, c.EC2, c.IAM, cloud)
		if err != nil {
			return out, err
		}
		others, err := inventory.SeeOthers(ctx, c.EC2, seen)
		if err != nil {
			return out, err
		}
		plan := PlanDown(seen, others...)
		for _, k := range plan.Kept {
			if text := k.String(); !told[text] {
				told[text] = true
				tell(k)
			}
		}
		out.Kept = plan.Kept
		_, err = apply(ctx, c, clock, plan, func(e Event) {
			if e.State == Finished {
				out.Removed = append(out.Removed, e.Action)
			}
			if progress != nil {
				progress(e)
			}
		})
		var came *blocked
		if !errors.As(err, &came) || round == rounds || ctx.Err() != nil {
			return out, err
		}
		// The next plan leaves out what has been added.
	}
}

// PlanDown returns the plan that removes everything seen, in the order that AWS requires. Resources
// that others use stay, with the ones that those need.
func PlanDown(s inventory.Seen, others ...inventory.Other) *Plan {
	p := &Plan{Cloud: s.Cloud, seen: s}
	by := inventory.Keepers(s, others)
	keep := func(object, id, detail string) bool {
		if len(by[id]) == 0 {
			return false
		}
		detail = strings.TrimSpace(detail + " " + id)
		p.Kept = append(p.Kept, Kept{ID: id, Object: object, Detail: detail, By: by[id]})
		return true
	}
	ids := func(object string) (out []string) {
		for _, a := range p.Actions {
			if a.Object == object {
				out = append(out, a.ID)
			}
		}
		return out
	}
	remove := func(object, id, detail string, do func(string) step, needs ...[]string) {
		if !keep(object, id, detail) {
			p.remove(id, object, strings.TrimSpace(detail+" "+id), do(id), slices.Concat(needs...)...)
		}
	}
	for _, i := range s.Instances {
		if i.State != "terminated" {
			remove("instance", i.ID, name(i.Part), terminateInstance)
		}
	}
	for _, v := range s.Volumes {
		// All other volumes are deleted with their instance.
		if v.Instance == "" || !v.DeleteOnTermination || len(by[v.ID]) > 0 {
			remove("volume", v.ID, name(v.Part), deleteVolume, ids("instance"))
		}
	}
	for _, n := range s.NATGateways {
		if !n.Deleted() {
			p.remove(n.ID, "nat gateway", natName(n), deleteNATGateway(n.ID))
		}
	}
	for _, a := range s.Addresses {
		do := releaseAddress(a)
		if ofNAT(s, a) {
			do = releaseNATAddress(a.ID)
		}
		// A running agent would allocate another one.
		p.remove(a.ID, "elastic ip", strings.TrimSpace(a.Public+" "+a.Private), do,
			slices.Concat(ids("instance"), ids("nat gateway"))...)
	}
	for _, k := range s.KeyPairs {
		p.remove(k.ID, "key pair", k.Name, deleteKeyPair(k.ID))
	}
	for _, n := range s.Interfaces {
		remove("network interface", n.ID, name(n.Part), deleteInterface, ids("instance"))
	}
	// Groups whose rules name each other can be deleted only without those rules (EC2 API Reference,
	// DeleteSecurityGroup).
	var unlinked []string
	for _, g := range s.SecurityGroups {
		if len(by[g.ID]) == 0 {
			unlinked = append(unlinked, p.unlink(g)...)
		}
	}
	for _, g := range s.SecurityGroups {
		remove("security group", g.ID, name(g.Part), deleteSecurityGroup, ids("network interface"), unlinked)
	}
	for _, r := range s.Reservations {
		p.remove(r.ID, "address reservation", r.CIDR, deleteReservation(r.ID))
	}
	for _, n := range s.Subnets {
		remove("subnet", n.ID, name(n.Part), deleteSubnet, ids("network interface"), ids("nat gateway"),
			ids("address reservation"))
	}
	for _, t := range s.RouteTables { // deleting a subnet ends its association
		if t.Main && len(by[t.ID]) == 0 {
			continue // not made by Macaw; deleted with the VPC
		}
		remove("route table", t.ID, "", deleteRouteTable, ids("subnet"))
	}
	for _, g := range s.InternetGateways {
		if keep("internet gateway", g.ID, "") {
			continue
		}
		// It cannot be detached while the VPC has public addresses (EC2 API Reference,
		// DetachInternetGateway). Addresses of a pool are released with their network interfaces.
		p.remove(g.ID, "internet gateway", g.ID, deleteInternetGateway(g),
			slices.Concat(ids("elastic ip"), ids("instance"), ids("network interface"), ids("nat gateway"))...)
	}
	for _, v := range s.VPCs {
		remove("vpc", v.ID, v.CIDR, deleteVPC,
			ids("security group"), ids("subnet"), ids("route table"), ids("internet gateway"))
	}
	profiles := []*inventory.InstanceProfile{s.Profile, s.ControllerProfile}
	for n, h := range inventory.Holders {
		if i := profiles[n]; i != nil {
			p.remove(partOf(h, partProfile), "instance profile", i.Name, deleteProfile(*i), ids("instance")...)
		}
	}
	roles := []*inventory.Role{s.Role, s.ControllerRole}
	for n, h := range inventory.Holders {
		if r := roles[n]; r != nil {
			p.remove(partOf(h, partRole), "iam role", r.Name, deleteRole(r.Name),
				slices.Concat(ids("instance"), ids("instance profile"))...)
		}
	}
	return p
}

// name returns a part without its kind: "cloud-1 provider".
func name(part string) string {
	_, rest, _ := strings.Cut(part, "/")
	return strings.ReplaceAll(rest, "/", " ")
}
