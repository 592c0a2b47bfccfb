// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
	"macaw.example/internal/prices"
)

// cost estimates what the cloud costs on AWS, after the plan and more than now. A lab's cloud is
// estimated as if it were in AWS's region of that name; the lab has no prices of AWS's to ask for.
func (d *Deployment) cost(ctx context.Context, s survey) (*prices.Estimate, error) {
	table, err := prices.Load(d.Home.Cache, region(d.Cloud), prices.Default())
	if err != nil {
		d.note(phaseInfra, "%v", err)
	}
	now, then := costsNow(s.seen), d.costsThen(s)
	if d.Prices && !d.Cloud.InLab() {
		if table, err = d.askPrices(ctx, then, table); err != nil {
			return nil, err
		}
	}
	e := table.Estimate(region(d.Cloud), now, then)
	switch p := d.Cloud.Provider; p.ElasticIPs {
	case model.ElasticIPsOnDemand:
		e.Notes = append(e.Notes, "each Elastic IP that the agent allocates later is one more public IPv4 address")
	case model.ElasticIPsPool:
		e.Notes = append(e.Notes, "the Elastic IPs of provider.pool are not included: they cost the same without the cloud")
	}
	return e, nil
}

// askPrices asks AWS for the prices of items, and keeps them for later plans.
func (d *Deployment) askPrices(ctx context.Context, items []prices.Item, before *prices.Table) (*prices.Table, error) {
	var types []string
	for _, i := range items {
		if i.Type != prices.PublicIPv4 { // the same in all regions
			types = append(types, i.Type)
		}
		if i.Type == prices.NATGateway {
			types = append(types, prices.NATGatewayGB)
		}
	}
	slices.Sort(types)
	table, err := prices.Ask(ctx, d.pricing, region(d.Cloud), slices.Compact(types), time.Now(), before)
	if err != nil {
		return nil, err
	}
	if err := table.Save(d.Home.Cache, region(d.Cloud), time.Now()); err != nil {
		d.note(phaseInfra, "%v", err)
	}
	return table, nil
}

// costsNow are the things of a cloud that AWS charges for: an instance while it is pending or running
// (EC2 User Guide, ec2-instance-lifecycle), a NAT gateway while it is there, a volume and an Elastic IP always.
func costsNow(s inventory.Seen) (items []prices.Item) {
	for _, in := range s.Instances {
		if in.State == "pending" || in.State == "running" {
			items = append(items, instanceItem(nodeName(in.Part), in.Type, in.Spot))
		}
	}
	for _, v := range s.Volumes {
		items = append(items, volumeItem(nodeName(v.Part), int(v.Size)))
	}
	if slices.ContainsFunc(s.NATGateways, inventory.NATGateway.Live) {
		items = append(items, natItem())
	}
	return append(items, addressItems(len(s.Addresses))...)
}

// costsThen are those that the cloud has after the plan. Volumes of earlier instances stay.
func (d *Deployment) costsThen(s survey) (items []prices.Item) {
	destroyed := map[string]bool{}
	for _, a := range s.plan.Destroys() {
		destroyed[a.ID] = true
	}
	for _, n := range d.Cloud.Nodes {
		kept := slices.IndexFunc(s.seen.Instances, func(in inventory.Instance) bool {
			return nodeName(in.Part) == n.Name && in.State != "terminated" && in.State != "shutting-down"
		})
		instanceType, spot := n.Type, n.Spot
		if kept >= 0 && !s.plan.Launches(n.Name) {
			spot = s.seen.Instances[kept].Spot
			if !s.plan.Retypes(n.Name) {
				instanceType = s.seen.Instances[kept].Type
			}
		}
		items = append(items, instanceItem(n.Name, instanceType, spot))
		if s.plan.Launches(n.Name) {
			items = append(items, volumeItem(n.Name, n.Disk))
		}
	}
	for _, v := range s.seen.Volumes {
		if !destroyed[v.Instance] || !v.DeleteOnTermination {
			items = append(items, volumeItem(nodeName(v.Part), int(v.Size)))
		}
	}
	slices.SortStableFunc(items, func(x, y prices.Item) int {
		volume := func(i prices.Item) int { return map[bool]int{true: 1}[i.Type == prices.GP3] }
		return cmp.Compare(volume(x), volume(y))
	})
	if d.Cloud.UsesNATGateway() {
		items = append(items, natItem())
	}
	return append(items, addressItems(len(s.seen.Addresses)+s.plan.ElasticIPs())...)
}

func natItem() prices.Item {
	return prices.Item{Name: "NAT gateway", Type: prices.NATGateway, Count: 1}
}

func instanceItem(node, instanceType string, spot bool) prices.Item {
	return prices.Item{Name: "instance " + node, Type: instanceType, Count: 1, Spot: spot}
}

func volumeItem(node string, size int) prices.Item {
	return prices.Item{Name: "volume of " + node, Type: prices.GP3, Count: size}
}

func addressItems(n int) []prices.Item {
	if n == 0 {
		return nil
	}
	return []prices.Item{{Name: "public IPv4 addresses", Type: prices.PublicIPv4, Count: n}}
}

// nodeName is the node that an instance or a volume was made for.
func nodeName(part string) string { return strings.TrimPrefix(part, "instance/") }
