// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

func prefixes(e types.NetworkInterface) []string {
	var all []string
	for _, p := range e.Ipv4Prefixes {
		all = append(all, *p.Ipv4Prefix)
	}
	return all
}

func (l *lab) delegate(eni string, named ...string) error {
	_, err := l.AssignPrivateIpAddresses(l.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &eni, Ipv4Prefixes: named})
	return err
}

func TestPrefixes(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	l.gateway(v)
	a, b := *l.eni(s, "10.0.0.20").NetworkInterfaceId, *l.eni(s, "10.0.0.21").NetworkInterfaceId
	l.run("t3.small", a) // takes 4 addresses and prefixes
	for _, c := range []struct{ name, prefix, want string }{
		{"not aligned", "10.0.0.40/28", "InvalidParameterValue"},
		{"too long", "10.0.0.32/29", "InvalidParameterValue"},
		{"outside", "10.0.1.0/28", "InvalidParameterValue"},
		{"with the router", "10.0.0.0/28", "InvalidParameterValue"},
		{"with the last address", "10.0.0.240/28", "InvalidParameterValue"},
		{"with addresses in use", "10.0.0.16/28", "InvalidParameterValue"},
		{"IPv6", "2001:db8::/80", "InvalidParameterValue"},
		{"no prefix", "10.0.0.32", "InvalidParameterValue"},
		{"good", "10.0.0.32/28", ""},
		{"again", "10.0.0.32/28", ""},
	} {
		if err := l.delegate(a, c.prefix); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if err := l.delegate(b, "10.0.0.32/28"); code(err) != "InvalidParameterValue" {
		t.Errorf("a prefix of another interface: %v", err)
	}
	if free := l.free(s); free != 251-2-16 {
		t.Errorf("%d addresses are free, want %d", free, 251-2-16)
	}
	// Addresses in the prefix belong to the interface.
	_, err := l.CreateNetworkInterface(l.ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: &s, PrivateIpAddress: aws.String("10.0.0.33")})
	l.wantCode(err, "InvalidIPAddress.InUse")
	_, err = l.AssignPrivateIpAddresses(l.ctx, &ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &b,
		PrivateIpAddresses: []string{"10.0.0.33"}, AllowReassignment: aws.Bool(true)})
	l.wantCode(err, "InvalidParameterValue")
	// The primary address and the prefix leave two slots.
	_, err = l.AssignPrivateIpAddresses(l.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &a, Ipv4PrefixCount: aws.Int32(3)})
	l.wantCode(err, "PrivateIpAddressLimitExceeded")
	out := must(l.AssignPrivateIpAddresses(l.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &a, Ipv4PrefixCount: aws.Int32(1)}))(l)
	if got := *out.AssignedIpv4Prefixes[0].Ipv4Prefix; got != "10.0.0.48/28" {
		t.Errorf("AWS allocated %s", got)
	}
	must(l.AssignPrivateIpAddresses(l.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &a, SecondaryPrivateIpAddressCount: aws.Int32(1)}))(l)
	l.wantCode(l.delegate(a, "10.0.0.64/28"), "PrivateIpAddressLimitExceeded")

	eip := must(l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{}))(l)
	must(l.AssociateAddress(l.ctx, &ec2.AssociateAddressInput{AllocationId: eip.AllocationId, NetworkInterfaceId: &a,
		PrivateIpAddress: aws.String("10.0.0.37")}))(l)
	top := l.fabric.topology()
	if d := cmp.Diff("10.0.0.37", top.ElasticIPs[0].Private.String()); d != "" {
		t.Error(d)
	}
	for _, e := range top.ENIs {
		if e.ID == a && len(e.Prefixes) != 2 {
			t.Errorf("the fabric has the prefixes %v", e.Prefixes)
		}
	}
	if m, _ := l.state.Metadata(a); len(m.NICs[0].Prefixes) != 2 {
		t.Errorf("the metadata service has the prefixes %v", m.NICs[0].Prefixes)
	}
	unassign := func(p ...string) error {
		_, err := l.UnassignPrivateIpAddresses(l.ctx,
			&ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: &a, Ipv4Prefixes: p})
		return err
	}
	l.wantCode(unassign("10.0.0.32/28", "10.0.0.64/28"), "InvalidParameterValue") // all or none
	if got := prefixes(l.describeENI(a)); len(got) != 2 {
		t.Errorf("after a refusal the interface has %v", got)
	}
	l.wantCode(unassign("10.0.0.32/28"), "")
	if n := len(l.fabric.topology().ElasticIPs); n != 0 {
		t.Errorf("%d Elastic IPs are left on a prefix that was unassigned", n)
	}
}

func TestSelectors(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	eni := l.eni(s, "").NetworkInterfaceId
	for _, c := range []struct {
		name string
		in   ec2.AssignPrivateIpAddressesInput
		want string
	}{
		{"none", ec2.AssignPrivateIpAddressesInput{}, "MissingParameter"},
		{"two", ec2.AssignPrivateIpAddressesInput{Ipv4PrefixCount: aws.Int32(1),
			SecondaryPrivateIpAddressCount: aws.Int32(1)}, "InvalidParameterCombination"},
		{"names and number", ec2.AssignPrivateIpAddressesInput{PrivateIpAddresses: []string{"10.0.0.9"},
			SecondaryPrivateIpAddressCount: aws.Int32(1)}, "InvalidParameterCombination"},
		{"zero", ec2.AssignPrivateIpAddressesInput{Ipv4PrefixCount: aws.Int32(0)}, "InvalidParameterValue"},
	} {
		c.in.NetworkInterfaceId = eni
		if _, err := l.AssignPrivateIpAddresses(l.ctx, &c.in); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		name string
		in   ec2.CreateNetworkInterfaceInput
		want string
	}{
		{"numbers of both", ec2.CreateNetworkInterfaceInput{SecondaryPrivateIpAddressCount: aws.Int32(1),
			Ipv4PrefixCount: aws.Int32(1)}, "InvalidParameterCombination"},
		{"prefix by name and number", ec2.CreateNetworkInterfaceInput{Ipv4PrefixCount: aws.Int32(1),
			Ipv4Prefixes: []types.Ipv4PrefixSpecificationRequest{{Ipv4Prefix: aws.String("10.0.0.32/28")}}},
			"InvalidParameterCombination"},
		{"less than none", ec2.CreateNetworkInterfaceInput{Ipv4PrefixCount: aws.Int32(-1)}, "InvalidParameterValue"},
		{"two primaries", ec2.CreateNetworkInterfaceInput{PrivateIpAddress: aws.String("10.0.0.9"),
			PrivateIpAddresses: []types.PrivateIpAddressSpecification{{PrivateIpAddress: aws.String("10.0.0.8"),
				Primary: aws.Bool(true)}}}, "InvalidParameterValue"},
		{"an address in its own prefix", ec2.CreateNetworkInterfaceInput{PrivateIpAddress: aws.String("10.0.0.33"),
			Ipv4Prefixes: []types.Ipv4PrefixSpecificationRequest{{Ipv4Prefix: aws.String("10.0.0.32/28")}}},
			"InvalidParameterValue"},
		{"IPv6 without IPv6", ec2.CreateNetworkInterfaceInput{Ipv6AddressCount: aws.Int32(1)}, "InvalidParameterValue"},
	} {
		c.in.SubnetId = &s
		if _, err := l.CreateNetworkInterface(l.ctx, &c.in); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	made := must(l.CreateNetworkInterface(l.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &s,
		Ipv4Prefixes: []types.Ipv4PrefixSpecificationRequest{{Ipv4Prefix: aws.String("10.0.0.16/28")}}}))(l).NetworkInterface
	if d := cmp.Diff([]string{"10.0.0.16/28"}, prefixes(*made)); d != "" || *made.PrivateIpAddress != "10.0.0.5" {
		t.Errorf("made with %s: %s", *made.PrivateIpAddress, d)
	}
}

// TestPrefixesFromReservation reserves two /28: the rest of the subnet yields no
// prefixes, and the reservation no single addresses.
func TestPrefixesFromReservation(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/25")
	must(l.reserve(s, "10.0.0.64/27", "prefix"))(l)
	if free := l.free(s); free != 123-32 {
		t.Errorf("%d addresses are free, want %d", free, 123-32)
	}
	made := must(l.CreateNetworkInterface(l.ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: &s, Ipv4PrefixCount: aws.Int32(2)}))(l).NetworkInterface
	if d := cmp.Diff([]string{"10.0.0.64/28", "10.0.0.80/28"}, prefixes(*made)); d != "" {
		t.Error(d)
	}
	if free := l.free(s); free != 123-32-1 {
		t.Errorf("%d addresses are free, want %d: the prefixes were counted with the reservation", free, 123-32-1)
	}
	_, err := l.CreateNetworkInterface(l.ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: &s, Ipv4PrefixCount: aws.Int32(1)})
	l.wantCode(err, "InsufficientCidrBlocks")
}

func TestNoPrefixWhereAllIsExplicit(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/26")
	must(l.reserve(s, "10.0.0.16/28", "explicit"))(l)
	eni := *l.eni(s, "10.0.0.33").NetworkInterfaceId
	_, err := l.AssignPrivateIpAddresses(l.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &eni, Ipv4PrefixCount: aws.Int32(1)})
	l.wantCode(err, "InsufficientCidrBlocks") // .0 and .48 contain AWS's addresses, .32 one in use
	l.wantCode(l.delegate(eni, "10.0.0.16/28"), "")
}

func TestBlocks(t *testing.T) {
	for text, last := range map[string]string{"10.0.0.0/24": "10.0.0.255", "10.0.0.4/30": "10.0.0.7",
		"10.0.0.1/32":   "10.0.0.1",
		"2001:db8::/64": "2001:db8::ffff:ffff:ffff:ffff"} {
		if got := lastOf(netip.MustParsePrefix(text)).String(); got != last {
			t.Errorf("the last address of %s is %s, want %s", text, got, last)
		}
	}
	var blocks []string
	for b := range blocksIn(netip.MustParsePrefix("255.255.255.192/26"), 28) {
		blocks = append(blocks, b.String())
	}
	if d := cmp.Diff([]string{"255.255.255.192/28", "255.255.255.208/28", "255.255.255.224/28", "255.255.255.240/28"},
		blocks); d != "" {
		t.Error(d)
	}
	for range blocksIn(netip.MustParsePrefix("10.0.0.0/29"), 28) {
		t.Error("a /29 has a /28")
	}
	if got := addressAt(netip.MustParsePrefix("2001:db8::/64"), 260).String(); got != "2001:db8::104" {
		t.Errorf("got %s", got)
	}
}
