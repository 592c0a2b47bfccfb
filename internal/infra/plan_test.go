// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
)

const everything = `+ create iam role macaw-first-gateway-eu-central-1 (has the rights of a gateway)
+ create instance profile macaw-first-gateway-eu-central-1 (has the role)
+ create elastic ip for 10.0.0.4, management of cloud-1 (associated)
+ create elastic ip for 10.0.1.64 (associated)
+ create elastic ip for 10.0.1.65 (associated)
+ create vpc 10.0.0.0/16 (dns support and host names on)
+ create internet gateway (attached to the vpc)
+ create subnet management 10.0.0.0/24 in eu-central-1a (uses the route table)
+ create subnet provider 10.0.1.0/24 in eu-central-1a (uses the route table)
+ create address reservation 10.0.1.64/31 for neutron
+ create security group management (allows everything from its own members; 22,80,443 from 198.51.100.1/32)
+ create security group provider (allows everything from 0.0.0.0/0)
+ create key pair macaw-first
+ create network interface management of cloud-1 with 10.0.0.4
+ create network interface provider of cloud-1 with 10.0.1.4 and 10.0.1.64 to 10.0.1.65
+ create instance cloud-1 t3.xlarge from ami-0123456789abcdef0
+ create route table
+ create route 0.0.0.0/0 to the internet gateway
`

// Each case takes a complete cloud, breaks something, and has the repair.
func TestPlanUp(t *testing.T) {
	w := wanted(t, "provider: {addresses: 2}\n")
	l := newLab(t, 3)
	bringUp(t, l, w)
	none := inventory.Seen{Cloud: "first", Region: labRegion, Zones: []string{labRegion + "a"}}
	eip := func(s *inventory.Seen, part string) *inventory.Address {
		for i := range s.Addresses {
			if s.Addresses[i].Part == part {
				return &s.Addresses[i]
			}
		}
		return nil
	}
	provider := func(s *inventory.Seen) *inventory.Interface {
		for i := range s.Interfaces {
			if s.Interfaces[i].Part == "eni/cloud-1/provider" {
				return &s.Interfaces[i]
			}
		}
		return nil
	}
	group := func(s *inventory.Seen) *inventory.SecurityGroup {
		for i := range s.SecurityGroups {
			if s.SecurityGroups[i].Part == "security-group/management" {
				return &s.SecurityGroups[i]
			}
		}
		return nil
	}
	tests := []struct {
		name   string
		mutate func(*inventory.Seen)
		want   string
	}{
		{"nothing", func(s *inventory.Seen) { *s = none }, everything},
		{"all", func(*inventory.Seen) {}, ""},
		{"killed after the vpc", func(s *inventory.Seen) {
			*s = inventory.Seen{Cloud: "first", Region: s.Region, Zones: s.Zones,
				VPCs: []inventory.VPC{{ID: "vpc-1", Part: "vpc", CIDR: "10.0.0.0/16", DNSSupport: true}}}
		}, strings.Replace(everything, "+ create vpc 10.0.0.0/16 (dns support and host names on)\n",
			"~ change vpc: dns support and host names on\n", 1)},
		{"gateway not attached", func(s *inventory.Seen) { s.InternetGateways[0].VPC = "" },
			"~ change internet gateway: attached to the vpc\n"},
		{"no route", func(s *inventory.Seen) { s.RouteTables[0].Default = "" },
			"+ create route 0.0.0.0/0 to the internet gateway\n"},
		{"route elsewhere", func(s *inventory.Seen) { s.RouteTables[0].Default = "igw-other" },
			"~ change route: 0.0.0.0/0 to the internet gateway\n"},
		{"blackhole", func(s *inventory.Seen) { s.RouteTables[0].Blackhole = true },
			"~ change route: 0.0.0.0/0 to the internet gateway\n"},
		{"subnet not associated", func(s *inventory.Seen) { s.RouteTables[0].Subnets = s.RouteTables[0].Subnets[:0] },
			"~ change subnet: management uses the route table\n~ change subnet: provider uses the route table\n"},
		{"rule missing", func(s *inventory.Seen) {
			g := group(s)
			g.Ingress = slices.DeleteFunc(g.Ingress, func(r inventory.Rule) bool { return r.From == 443 })
		},
			"~ change security group: management allows 443 from 198.51.100.1/32\n"},
		{"a hole", func(s *inventory.Seen) {
			g := group(s)
			g.Ingress = append(g.Ingress, inventory.Rule{Protocol: "tcp", From: 3306, To: 3306, Source: inventory.Everywhere})
		},
			"~ change security group: management no longer allows 3306 from 0.0.0.0/0\n"},
		{"secondary missing", func(s *inventory.Seen) { provider(s).Secondary = []string{"10.0.1.65"} },
			"~ change network interface: provider of cloud-1 gets 10.0.1.64\n"},
		{"secondary too many", func(s *inventory.Seen) { n := provider(s); n.Secondary = append(n.Secondary, "10.0.1.70") },
			"~ change network interface: provider of cloud-1 gives up 10.0.1.70\n"},
		{"management not associated", func(s *inventory.Seen) {
			a := eip(s, "address/cloud-1/management")
			a.Interface, a.Private = "", ""
		}, "~ change elastic ip: associated with 10.0.0.4, management of cloud-1\n"},
		// By the agent, for a tenant's tag elastic-ip-policy=none.
		{"not associated", func(s *inventory.Seen) {
			a := eip(s, "address/provider/10.0.1.64")
			a.Interface, a.Private = "", ""
		}, ""},
		{"not associated, and not registered", func(s *inventory.Seen) {
			a := eip(s, "address/provider/10.0.1.64")
			a.Interface, a.Private = "", ""
			provider(s).Secondary = []string{"10.0.1.65"}
		}, "~ change network interface: provider of cloud-1 gets 10.0.1.64\n" +
			"~ change elastic ip: associated with 10.0.1.64\n"},
		{"associated elsewhere", func(s *inventory.Seen) { eip(s, "address/provider/10.0.1.64").Private = "10.0.1.65" },
			"~ change elastic ip: associated with 10.0.1.64\n"},
		{"duplicate address", func(s *inventory.Seen) {
			s.Addresses = append(s.Addresses,
				inventory.Address{ID: "eipalloc-0", Part: "address/provider/10.0.1.64", Public: "198.51.100.99"})
		}, "- delete elastic ip 198.51.100.99\n"},
		{"address of before", func(s *inventory.Seen) {
			s.Addresses = append(s.Addresses,
				inventory.Address{ID: "eipalloc-z", Part: "address/provider/10.0.1.70", Public: "198.51.100.99", Association: "a",
					Private: "10.0.1.70"})
		}, "- delete elastic ip 198.51.100.99 10.0.1.70\n" +
			"  gives up the Elastic IP 198.51.100.99 of 10.0.1.70, which may be in use\n"},
		{"no reservation", func(s *inventory.Seen) { s.Reservations = nil },
			"+ create address reservation 10.0.1.64/31 for neutron\n"},
		{"another reservation", func(s *inventory.Seen) { s.Reservations[0].CIDR = "10.0.1.64/30" },
			"- delete address reservation 10.0.1.64/30\n+ create address reservation 10.0.1.64/31 for neutron\n"},
		{"a reservation of another type", func(s *inventory.Seen) { s.Reservations[0].Explicit = false },
			"- delete address reservation 10.0.1.64/31\n+ create address reservation 10.0.1.64/31 for neutron\n"},
		{"no role", func(s *inventory.Seen) { s.Role, s.Profile.Role = nil, "" },
			"+ create iam role macaw-first-gateway-eu-central-1 (has the rights of a gateway)\n" +
				"~ change instance profile: macaw-first-gateway-eu-central-1 has the role\n"},
		{"role without rights", func(s *inventory.Seen) { s.Role.Rights = "" },
			"~ change iam role: macaw-first-gateway-eu-central-1 has the rights of a gateway\n"},
		{"role with more rights", func(s *inventory.Seen) {
			s.Role.Rights = strings.Replace(s.Role.Rights, "ec2:AssociateAddress",
				"ec2:*", 1)
		},
			"~ change iam role: macaw-first-gateway-eu-central-1 has the rights of a gateway\n"},
		{"role for anybody", func(s *inventory.Seen) {
			s.Role.Trust = strings.Replace(s.Role.Trust, "ec2.amazonaws.com", "lambda.amazonaws.com", 1)
		},
			"~ change iam role: macaw-first-gateway-eu-central-1 is for instances\n"},
		{"policies written otherwise", func(s *inventory.Seen) {
			s.Role.Rights, s.Role.Trust = strings.ReplaceAll(s.Role.Rights, ",", ", \n"), strings.ReplaceAll(s.Role.Trust, ":{",
				": {")
		}, ""},
		{"empty profile", func(s *inventory.Seen) { s.Profile.Role = "" },
			"~ change instance profile: macaw-first-gateway-eu-central-1 has the role\n"},
		{"instance without profile", func(s *inventory.Seen) { s.Instances[0].Profile = inventory.InstanceProfile{} },
			"~ change instance: cloud-1 has the instance profile macaw-first-gateway-eu-central-1\n"},
		{"profile made anew", func(s *inventory.Seen) { s.Profile.ID = "AIPA-new" },
			"~ change instance: cloud-1 has the instance profile macaw-first-gateway-eu-central-1\n"},
		{"instance with another profile",
			func(s *inventory.Seen) {
				s.Instances[0].Profile = inventory.InstanceProfile{ID: "AIPA-other", Name: "other"}
			},
			"! instance cloud-1: its instance profile is other, not macaw-first-gateway-eu-central-1\n" +
				"    hint: put the rights of role macaw-first-gateway-eu-central-1 into its role, or take its instance profile " +
				"away and run macaw up\n"},
		{"stopped", func(s *inventory.Seen) { s.Instances[0].State = "stopped" }, "~ start instance cloud-1\n"},
		{"pending", func(s *inventory.Seen) { s.Instances[0].State = "pending" },
			"~ start instance cloud-1 (it is starting)\n"},
		{"terminated", func(s *inventory.Seen) { s.Instances[0].State = "terminated" },
			"+ create instance cloud-1 t3.xlarge from ami-0123456789abcdef0\n"},
		{"another key, nothing runs",
			func(s *inventory.Seen) { s.Instances, s.KeyPairs[0].PublicKey = nil, "ssh-ed25519 BBBB x" },
			"- delete key pair macaw-first\n+ create key pair macaw-first\n+ create instance cloud-1 t3.xlarge from " +
				"ami-0123456789abcdef0\n"},
		{"key hidden", func(s *inventory.Seen) { s.KeyPairs[0].PublicKey = "" }, ""},
		{"second vpc", func(s *inventory.Seen) {
			s.VPCs = append([]inventory.VPC{{ID: "vpc-0", Part: "vpc", CIDR: "10.0.0.0/16"}}, s.VPCs...)
		},
			"! vpc: there is a second one, vpc-0\n    hint: macaw down removes it\n"},
		{"detached", func(s *inventory.Seen) {
			n := provider(s)
			n.ID, n.Instance = "eni-2", ""
			eip(s, "address/provider/10.0.1.64").Interface = "eni-2"
			eip(s, "address/provider/10.0.1.65").Interface = "eni-2"
		},
			"! instance cloud-1: network interface eni-2 (provider) is not its device 1\n    hint: attach it, then reboot " +
				"the instance\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := seen(t, l, "first")
			tt.mutate(&s)
			p, err := PlanUp(w, s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, p.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The additional resources of a cloud with IPv6.
func TestPlanIPv6(t *testing.T) {
	w := wanted(t, "provider: {addresses: 2, ipv6: true}\n")
	l := newLab(t, 3)
	none := inventory.Seen{Cloud: "first", Region: labRegion, Zones: []string{labRegion + "a"}}
	bringUp(t, l, w)
	provider := func(s *inventory.Seen) *inventory.Interface {
		i := slices.IndexFunc(s.Interfaces, func(n inventory.Interface) bool { return n.Part == "eni/cloud-1/provider" })
		return &s.Interfaces[i]
	}
	subnet := func(s *inventory.Seen) *inventory.Subnet {
		i := slices.IndexFunc(s.Subnets, func(n inventory.Subnet) bool { return n.Part == "subnet/provider" })
		return &s.Subnets[i]
	}
	whole := seen(t, l, "first")
	block := subnet(&whole).IPv6.CIDR.Addr()
	if !block.IsValid() {
		t.Fatal("the subnet has no IPv6 block")
	}
	in := func(s string) string { return strings.ReplaceAll(s, "P::", block.String()) }
	const (
		ofSubnet    = "~ change subnet: provider has a /64 of the vpc's IPv6 block\n"
		reservation = "+ create address reservation P::1:0/112 for neutron\n"
	)
	tests := []struct {
		name   string
		mutate func(*inventory.Seen)
		want   string
	}{
		{"nothing", func(s *inventory.Seen) { *s = none }, strings.NewReplacer(
			"host names on)", "host names on; has an IPv6 block of Amazon's)",
			"provider 10.0.1.0/24 in eu-central-1a (",
			"provider 10.0.1.0/24 in eu-central-1a (has a /64 of the vpc's IPv6 block; ",
			"+ create address reservation 10.0.1.64/31 for neutron\n",
			"+ create address reservation 10.0.1.64/31 for neutron\n+ create address reservation of IPv6 for neutron\n",
			"provider (allows everything from 0.0.0.0/0)", "provider (allows everything from 0.0.0.0/0; everything from ::/0)",
			"10.0.1.64 to 10.0.1.65\n", "10.0.1.64 to 10.0.1.65 (gets 2 IPv6 addresses)\n",
			"+ create route 0.0.0.0/0 to the internet gateway\n",
			"+ create route 0.0.0.0/0 to the internet gateway\n+ create route ::/0 to the internet gateway\n",
		).Replace(everything)},
		{"all", func(*inventory.Seen) {}, ""},
		{"an ENI made anew", func(s *inventory.Seen) { provider(s).IPv6 = nil },
			"~ change network interface: provider of cloud-1 gets P::1:0 P::1:1\n"},
		{"one address missing", func(s *inventory.Seen) { provider(s).IPv6 = provider(s).IPv6[1:] },
			"~ change network interface: provider of cloud-1 gets P::1:0\n"},
		{"one on another ENI", func(s *inventory.Seen) {
			n := inventory.Interface{ID: "eni-2", Part: "eni/cloud-1/provider-2", Subnet: provider(s).Subnet,
				Groups: provider(s).Groups, IPv6: provider(s).IPv6[:1]}
			provider(s).IPv6 = provider(s).IPv6[1:]
			s.Interfaces = append(s.Interfaces, n)
		}, ""},
		{"one too many", func(s *inventory.Seen) { provider(s).IPv6 = append(provider(s).IPv6, block.Next().String()) },
			"~ change network interface: provider of cloud-1 gives up P::1\n"},
		{"no reservation", func(s *inventory.Seen) {
			s.Reservations = slices.DeleteFunc(s.Reservations,
				func(r inventory.Reservation) bool { return strings.Contains(r.CIDR, ":") })
		}, reservation},
		{"no route", func(s *inventory.Seen) { s.RouteTables[0].Default6 = "" },
			"+ create route ::/0 to the internet gateway\n"},
		{"blackhole", func(s *inventory.Seen) { s.RouteTables[0].Blackhole6 = true },
			"~ change route: ::/0 to the internet gateway\n"},
		{"killed before the subnet's", func(s *inventory.Seen) {
			subnet(s).IPv6 = inventory.Block{}
			s.Reservations = slices.DeleteFunc(s.Reservations,
				func(r inventory.Reservation) bool { return strings.Contains(r.CIDR, ":") })
			provider(s).IPv6 = nil
		}, ofSubnet + "+ create address reservation of IPv6 for neutron\n~ change network interface: provider of cloud-1 " +
			"gets 2 IPv6 addresses\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := seen(t, l, "first")
			tt.mutate(&s)
			p, err := PlanUp(w, s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(in(tt.want), p.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPlanUpErrors(t *testing.T) {
	w := wanted(t, "")
	if _, err := PlanUp(w, inventory.Seen{Cloud: "first", Region: "lab-1"}); err == nil {
		t.Error("planned without a zone")
	}
	if _, err := PlanUp(w, inventory.Seen{Cloud: "first", Zones: []string{"a"}}); err == nil {
		t.Error("planned a role without a region")
	}
	w.UserData = func(cloud.Node) []byte { return make([]byte, maxUserData+1) }
	if _, err := PlanUp(w, inventory.Seen{Cloud: "first", Region: "lab-1", Zones: []string{"a"}}); err == nil {
		t.Error("planned with more user data than AWS takes")
	}
}

func TestPlanJSON(t *testing.T) {
	p, err := PlanUp(wanted(t, ""), inventory.Seen{Cloud: "first", Region: "lab-1", Zones: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Cloud   string
		Actions []struct {
			ID, Verb, Object, Detail string
			Needs                    []string
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Cloud != "first" || len(got.Actions) != len(p.Actions) {
		t.Fatalf("%s", data)
	}
	for _, a := range got.Actions {
		if a.ID == "instance/cloud-1" {
			if diff := cmp.Diff([]string{"eni/cloud-1/management", "eni/cloud-1/provider", "key-pair", "instance-profile",
				"instance-profile/role", "address/cloud-1/management/associate", "address/provider/10.0.1.64/associate",
				"address/provider/10.0.1.65/associate", "address/provider/10.0.1.66/associate",
				"address/provider/10.0.1.67/associate"}, a.Needs); diff != "" {
				t.Errorf("needs, -want +got:\n%s", diff)
			}
		}
	}
	data, _ = json.Marshal(PlanDown(inventory.Seen{Cloud: "first"}))
	if string(data) != `{"cloud":"first","actions":[]}` {
		t.Errorf("an empty plan is %s", data)
	}
}
