// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"macaw.example/internal/model"
)

var comparePrefix = cmp.Options{cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
	cmpopts.IgnoreUnexported(Cloud{}, Node{})}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %d examples: %v", len(files), err)
	}
	for _, f := range files {
		if _, err := Load(f); err != nil {
			t.Errorf("%v", err)
		}
	}
}

// The defaults shown in lab.yaml are the parser's.
func TestLabExampleIsTheDefaults(t *testing.T) {
	shown, err := Load("../../examples/lab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := Parse("x.yaml", []byte("name: lab\ntarget: lab\n"))
	if err != nil {
		t.Fatal(err)
	}
	shown.Lab.QuotaGiven = false
	if diff := cmp.Diff(defaults, shown, comparePrefix); diff != "" {
		t.Errorf("defaults (-), lab.yaml (+):\n%s", diff)
	}
}

// Every key that the parser accepts is in lab.yaml.
func TestLabExampleHasEveryField(t *testing.T) {
	data, err := os.ReadFile("../../examples/lab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"name", "target", "availabilityZone", "vpc", "cidr", "management", "subnet", "private",
		"nat",
		"allow", "count", "zones", "spot",
		"provider", "addresses", "first", "elasticIPs", "pool", "releaseAfter", "nodes", "type", "roles", "image", "disk",
		"verify", "sha256", "lab", "elasticIPQuota"} {
		if !strings.Contains(string(data), key+":") {
			t.Errorf("examples/lab.yaml does not show %s", key)
		}
	}
}

func TestReleaseAfter(t *testing.T) {
	for text, want := range map[string]model.Wait{"24h": model.Wait(24 * time.Hour), "1h30m": model.Wait(90 * time.Minute),
		"0s": 0, `"0"`: 0, "never": model.Never} {
		c, err := Parse("x.yaml", []byte("name: x\ntarget: lab\nprovider: {releaseAfter: "+text+"}\n"))
		if err != nil || c.Provider.ReleaseAfter != want {
			t.Errorf("%s is read as %v, %v", text, c.Provider.ReleaseAfter, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	p := netip.MustParsePrefix
	got, err := Parse("x.yaml", []byte("name: x\ntarget: eu-central-1\nmanagement: {allow: "+
		"[198.51.100.7/32]}\nprovider:\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Cloud{
		Name:   "x",
		Target: "eu-central-1",
		VPC:    VPC{CIDR: p("10.0.0.0/16")},
		Management: Management{Subnet: p("10.0.0.0/24"), Private: p("10.0.2.0/24"),
			Allow: []netip.Prefix{p("198.51.100.7/32")}},
		Provider: Provider{Subnet: p("10.0.1.0/24"), Addresses: 4, First: netip.MustParseAddr("10.0.1.64"),
			ElasticIPs: model.ElasticIPsAll, ReleaseAfter: model.Wait(24 * time.Hour)},
		Nodes: []Node{{Name: "cloud-1", Type: "t3.xlarge", Roles: model.Roles(), Disk: 40}},
	}
	if diff := cmp.Diff(want, got, comparePrefix); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAllowAuto(t *testing.T) {
	for text, want := range map[string][]netip.Prefix{
		"auto": nil, "[auto]": nil, "[198.51.100.0/24, auto]": {netip.MustParsePrefix("198.51.100.0/24")},
	} {
		for _, target := range []string{"lab", "eu-central-1"} {
			c, err := Parse("x.yaml", []byte("name: x\ntarget: "+target+"\nmanagement: {allow: "+text+"}\n"))
			if err != nil || !c.Management.AllowOperator || !slices.Equal(c.Management.Allow, want) {
				t.Errorf("%s: %+v, %v", text, c, err)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		name, file                           string
		addresses, management, primary, next string
	}{
		{
			name:      "defaults",
			addresses: "10.0.1.64 10.0.1.65 10.0.1.66 10.0.1.67", management: "10.0.0.4", primary: "10.0.1.4", next: "10.0.1.5",
		},
		{
			name:      "smallest vpc",
			file:      "vpc: {cidr: 192.168.0.0/27}",
			addresses: "192.168.0.27 192.168.0.28 192.168.0.29 192.168.0.30", management: "192.168.0.4", primary: "192.168.0.20",
			next: "192.168.0.21",
		},
		{
			name:      "range at the start",
			file:      "provider: {first: 10.0.1.5, addresses: 2}",
			addresses: "10.0.1.5 10.0.1.6", management: "10.0.0.4", primary: "10.0.1.4", next: "10.0.1.7",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("x.yaml", []byte("name: x\ntarget: lab\n"+tt.file+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			var addrs []string
			for _, a := range c.ProviderAddresses() {
				addrs = append(addrs, a.String())
			}
			management := slices.Collect(Usable(c.Management.Subnet))
			provider := slices.DeleteFunc(slices.Collect(Usable(c.Provider.Subnet)), c.InRange)
			got := []string{strings.Join(addrs, " "), management[0].String(), provider[0].String(), provider[1].String()}
			if diff := cmp.Diff([]string{tt.addresses, tt.management, tt.primary, tt.next}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	const lab = "name: x\ntarget: lab\n"
	const aws = "name: x\ntarget: eu-central-1\n"
	const allow = "management: {allow: [198.51.100.7/32]}\n"
	tests := []struct {
		name, file string
		want       []string // errors and hints, a line each
	}{
		{"empty", "# nothing\n", []string{"x.yaml:1:1: the file is empty", "hint: it needs at least a name and a target"}},
		{"not YAML", "name: [x\n", []string{"x.yaml:1:7: not YAML: sequence end token ']' not found"}},
		{"not a mapping", "- name\n", []string{"x.yaml:1:1: expected keys and values, found a list"}},
		{"no number for a computer", lab + "provider: {addresses: 99999999999999999999}\n",
			[]string{"x.yaml:3:23: provider.addresses: 99999999999999999999 is too large"}},
		{"a number as text", lab + "provider: {addresses: '4'}\n",
			[]string{"x.yaml:3:23: provider.addresses: \"4\" is text: want a whole number", "hint: write 4 without quotes"}},
		{"byte order mark", "\uFEFFname: x\ntarget: lab\nvcp: {}\n",
			[]string{`x.yaml:3:1: unknown key "vcp"`, `hint: did you mean "vpc"?`}},
		{"two documents", lab + "---\nname: y\n", []string{"x.yaml:4:1: a second document: a cloud file has one"}},
		{"no name", "target: lab\n", []string{"x.yaml:1:1: name: is missing",
			"hint: it identifies the cloud's resources: " + nameHint}},
		{"bad name", "name: My Cloud\ntarget: lab\n",
			[]string{`x.yaml:1:7: name: "My Cloud" is not a name`, "hint: " + nameHint}},
		{"number as name", "name: 12\ntarget: lab\n",
			[]string{"x.yaml:1:7: name: expected text, found a number", `hint: put it in quotes: "12"`}},
		{"empty value", "name:\ntarget: lab\n", []string{"x.yaml:1:1: name: expected text, found nothing"}},
		{"no target", "name: x\n", []string{"x.yaml:1:1: target: is missing",
			"hint: lab, or an AWS region such as eu-central-1"}},
		{"misspelt lab", "name: x\ntarget: lba\n",
			[]string{`x.yaml:2:9: target: "lba" is neither the lab nor an AWS region`, `hint: did you mean "lab"?`}},
		{"zone as region", "name: x\ntarget: eu-central-1a\n",
			[]string{`x.yaml:2:9: target: "eu-central-1a" is neither the lab nor an AWS region`,
				"hint: lab, or an AWS region such as eu-central-1"}},
		{"zone elsewhere", aws + "availabilityZone: us-east-1a\n" + allow,
			[]string{`x.yaml:3:19: availabilityZone: "us-east-1a" is not in region eu-central-1`,
				"hint: one of eu-central-1 is called eu-central-1a"}},
		{"unknown key", lab + "vcp:\n  cidr: 10.0.0.0/16\n",
			[]string{`x.yaml:3:1: unknown key "vcp"`, `hint: did you mean "vpc"?`}},
		{"unknown nested key", lab + "provider:\n  adresses: 3\n",
			[]string{`x.yaml:4:3: unknown key "provider.adresses"`, `hint: did you mean "addresses"?`}},
		{"nothing like it", lab + "nodes:\n  - flavour: t3.xlarge\n",
			[]string{`x.yaml:4:5: unknown key "nodes[0].flavour"`, "hint: known here: name, count, type, roles, zones, spot, image, disk"}},
		{"twice", lab + "target: lab\n", []string{`x.yaml:3:1: duplicate key "target"`, "hint: the first is on line 2"}},
		{"alias", "name: &n x\ntarget: lab\n",
			[]string{"x.yaml:1:7: name: expected text, found an anchor, an alias or a tag, which a cloud file has no use for"}},
		{"wrong types", lab + "vpc: 10.0.0.0/16\nprovider:\n  addresses: four\n  elasticIPs: 1.5\nnodes: cloud-1\n", []string{
			"x.yaml:3:6: vpc: expected keys and values, found text",
			"x.yaml:5:14: provider.addresses: expected a whole number, found text",
			"x.yaml:6:15: provider.elasticIPs: expected all, on-demand, pool or none, found a number",
			"hint: all makes one for each of provider.addresses, on-demand one for each floating IP, pool takes those of " +
				"provider.pool",
			"x.yaml:7:8: nodes: expected a list, found text"}},
		{"bad CIDRs", lab + "vpc: {cidr: 10.0.0.0}\nmanagement:\n  subnet: 10.0.0.9/24\n  allow: [fd00::/8, 10.0.0.1]\n",
			[]string{
				`x.yaml:3:13: vpc.cidr: "10.0.0.0" is not a CIDR`, "hint: for this one address write 10.0.0.0/32",
				"x.yaml:5:11: management.subnet: 10.0.0.9/24 has host bits set", "hint: the network is 10.0.0.0/24",
				"x.yaml:6:11: management.allow[0]: fd00::/8 is not IPv4",
				`x.yaml:6:21: management.allow[1]: "10.0.0.1" is not a CIDR`, "hint: for this one address write 10.0.0.1/32"}},
		{"vpc too large", lab + "vpc: {cidr: 10.0.0.0/8}\n",
			[]string{"x.yaml:3:13: vpc.cidr: 10.0.0.0/8 is not between /16 and /27, which is what two subnets of AWS fit in"}},
		{"subnet too small", lab + "provider: {subnet: 10.0.1.0/29}\n",
			[]string{"x.yaml:3:20: provider.subnet: 10.0.1.0/29 is not between /16 and /28, AWS's limits for a subnet"}},
		{"overlap", lab + "provider:\n  subnet: 10.0.0.128/25\n",
			[]string{"x.yaml:4:11: provider.subnet: 10.0.0.128/25 overlaps management.subnet 10.0.0.0/24"}},
		{"overlap with a default", lab + "management:\n  subnet: 10.0.0.0/23\n",
			[]string{"x.yaml:4:11: management.subnet: 10.0.0.0/23 overlaps provider.subnet 10.0.1.0/24"}},
		{"outside the vpc", lab + "provider: {subnet: 10.1.0.0/24}\n",
			[]string{"x.yaml:3:20: provider.subnet: 10.1.0.0/24 is not inside the vpc 10.0.0.0/16"}},
		{"no allow on aws", aws, []string{
			"x.yaml:1:1: management.allow: is missing: on AWS the file must say who may reach SSH, the APIs and the dashboard",
			"hint: auto for this machine's address, or your own such as 198.51.100.7/32, as curl " +
				"https://checkip.amazonaws.com shows it"}},
		{"empty allow", lab + "management: {allow: []}\n",
			[]string{"x.yaml:3:21: management.allow: is empty: nobody could reach the cloud",
				"hint: auto for this machine's address, or your own such as 198.51.100.7/32"}},
		{"misspelt auto", lab + "management: {allow: atuo}\n",
			[]string{`x.yaml:3:21: management.allow: expected a list or auto, found "atuo"`, `hint: did you mean "auto"?`}},
		{"allow is no list", lab + "management: {allow: 198.51.100.0/24}\n",
			[]string{`x.yaml:3:21: management.allow: expected a list or auto, found "198.51.100.0/24"`,
				"hint: auto, or a list such as [198.51.100.7/32]"}},
		{"allow is a number", lab + "management: {allow: 4}\n",
			[]string{"x.yaml:3:21: management.allow: expected a list, found a number"}},
		{"auto twice", lab + "management: {allow: [auto, 198.51.100.0/24, auto]}\n",
			[]string{"x.yaml:3:45: management.allow[2]: is auto a second time"}},
		{"auto is one too many", aws + "management:\n  allow: [auto, " + networks(19) + "]\n", []string{
			"x.yaml:4:10: management.allow: 20 networks with 3 ports each need 61 rules, " +
				"and a security group of AWS has at most 60: at most 19 networks",
			"hint: join neighbours to larger networks"}},
		{"bad address", lab + "provider: {first: 10.0.1}\n",
			[]string{`x.yaml:3:19: provider.first: "10.0.1" is not an IPv4 address`, "hint: write it like 10.0.1.64"}},
		{"address outside", lab + "provider: {first: 10.0.2.1}\n",
			[]string{"x.yaml:3:19: provider.first: 10.0.2.1 is outside the subnet 10.0.1.0/24"}},
		{"reserved low", lab + "provider: {first: 10.0.1.3}\n", []string{
			"x.yaml:3:19: provider.first: 10.0.1.3 is reserved by AWS in 10.0.1.0/24",
			"hint: AWS reserves the first four and the last; usable: 10.0.1.4 to 10.0.1.254"}},
		{"reserved high", lab + "provider: {first: 10.0.1.255, addresses: 2}\n", []string{
			"x.yaml:3:19: provider.first: 10.0.1.255 is reserved by AWS in 10.0.1.0/24",
			"hint: AWS reserves the first four and the last; usable: 10.0.1.4 to 10.0.1.254"}},
		{"does not fit", lab + "provider: {first: 10.0.1.252}\n",
			[]string{"x.yaml:3:19: provider.first: 4 addresses from 10.0.1.252 on do not fit in 10.0.1.0/24: there are 3"}},
		{"no room for the node", lab + "provider: {subnet: 10.0.1.0/28, addresses: 11}\n", []string{
			"x.yaml:3:44: provider.addresses: 11 of the usable addresses of 10.0.1.0/28 leave 0: each gateway's provider ENI " +
				"needs one of its own",
			"hint: take a larger provider.subnet"}},
		{"too few addresses", lab + "provider: {addresses: 1}\n",
			[]string{"x.yaml:3:23: provider.addresses: 1 is too few: a router takes one and a floating IP another"}},
		{"number of Elastic IPs", lab + "provider: {elasticIPs: 4}\n", []string{
			"x.yaml:3:24: provider.elasticIPs: expected all, on-demand, pool or none, found a number",
			"hint: all makes one for each of provider.addresses, on-demand one for each floating IP, pool takes those of " +
				"provider.pool"}},
		{"policy misspelt", lab + "provider: {elasticIPs: ondemand}\n",
			[]string{`x.yaml:3:24: provider.elasticIPs: unknown policy "ondemand"`, `hint: did you mean "on-demand"?`}},
		{"policy like no other", lab + "provider: {elasticIPs: some}\n",
			[]string{`x.yaml:3:24: provider.elasticIPs: unknown policy "some"`, `hint: known here: all, on-demand, pool, none`}},
		{"too little memory", lab + "provider: {addresses: 2}\nnodes:\n  - {name: a, type: t3.small}\n",
			[]string{`x.yaml:5:21: nodes[0].type: t3.small has too little memory: at most 2 GiB`,
				"hint: OpenStack's services alone take about 3 GiB, measured in the lab; t3.xlarge has 16"}},
		{"too little memory for a gateway",
			lab + "nodes:\n  - {name: a, roles: [controller, compute]}\n  - {name: b, roles: [gateway], type: t3.small}\n",
			[]string{`x.yaml:5:39: nodes[1].type: t3.small has too little memory: at most 2 GiB`,
				"hint: the smallest size that is accepted for a node of any role is medium, with 4 GiB"}},
		{"policy unknown", lab + "provider: {elasticIPs: everything}\n",
			[]string{`x.yaml:3:24: provider.elasticIPs: unknown policy "everything"`,
				"hint: known here: all, on-demand, pool, none"}},
		{"policy of a wrong type", lab + "provider: {elasticIPs: [all]}\n",
			[]string{"x.yaml:3:24: provider.elasticIPs: expected text, found a list"}},
		{"pool without a list", lab + "provider: {elasticIPs: pool}\n",
			[]string{"x.yaml:3:24: provider.elasticIPs: pool without provider.pool",
				"hint: provider.pool lists the allocation IDs of Elastic IPs that you have"}},
		{"empty pool", lab + "provider: {elasticIPs: pool, pool: []}\n",
			[]string{"x.yaml:3:36: provider.pool: is empty", "hint: provider.elasticIPs: none does without Elastic IPs"}},
		{"list with all", lab + "provider: {pool: [eipalloc-0123456789abcdef0]}\n",
			[]string{"x.yaml:3:18: provider.pool: has no effect: each address has its own Elastic IP",
				"hint: provider.elasticIPs: pool, on-demand or none"}},
		{"bad allocations", lab + "provider:\n  elasticIPs: pool\n  pool:\n    - 198.51.100.9\n    - " +
			"eipalloc-0123456789abcdef0\n    - eipalloc-0123456789abcdef0\n", []string{
			`x.yaml:6:7: provider.pool[0]: "198.51.100.9" is not an allocation ID such as eipalloc-0123456789abcdef0`,
			"hint: aws ec2 describe-addresses shows it",
			"x.yaml:8:7: provider.pool[2]: duplicate eipalloc-0123456789abcdef0"}},
		{"releases without a unit", lab + "provider: {releaseAfter: 24}\n",
			[]string{"x.yaml:3:26: provider.releaseAfter: 24 has no unit",
				`hint: write it like 24h or 90m; 0s releases at once, "never" only when an operator agrees`}},
		{"releases in days", lab + "provider: {releaseAfter: 1d}\n",
			[]string{`x.yaml:3:26: provider.releaseAfter: "1d" is not a duration`,
				`hint: write it like 24h or 90m; 0s releases at once, "never" only when an operator agrees`}},
		{"releases in the past", lab + "provider: {releaseAfter: -1h}\n",
			[]string{`x.yaml:3:26: provider.releaseAfter: "-1h" is not a duration`,
				`hint: write it like 24h or 90m; 0s releases at once, "never" only when an operator agrees`}},
		{"releases of a wrong type", lab + "provider: {releaseAfter: [1h]}\n",
			[]string{"x.yaml:3:26: provider.releaseAfter: expected text, found a list"}},
		{"large pool", lab + "provider: {elasticIPs: pool, pool: [" + strings.Join(allocations(81), ", ") + "]}\n", []string{
			"x.yaml:3:36: provider.pool: 81 are too many: a pool has at most 80"}},
		{"ipv6 of a wrong type", lab + "provider: {ipv6: 2001:db8::/64}\n",
			[]string{"x.yaml:3:18: provider.ipv6: expected true or false, found text"}},
		{"ipv6 as YAML once had it", lab + "provider: {ipv6: yes}\n",
			[]string{"x.yaml:3:18: provider.ipv6: expected true or false, found text"}},
		{"ipv6 misspelt", lab + "provider: {ipv8: true}\n",
			[]string{`x.yaml:3:12: unknown key "provider.ipv8"`, `hint: did you mean "ipv6"?`}},
		{"too many for all ENIs", lab + "provider: {addresses: 43, elasticIPs: none}\n", []string{
			"x.yaml:3:23: provider.addresses: 43 are too many for t3.xlarge: next to the management ENI it takes 3, with 15 " +
				"addresses each, the primary one included",
			"hint: at most 42 here, or another type for node cloud-1"}},
		{"no room for further ENIs", lab + "provider: {subnet: 10.0.1.0/27, addresses: 26, elasticIPs: none}\n", []string{
			"x.yaml:3:44: provider.addresses: 26 need 2 ENIs of t3.xlarge, and each uses an address itself: " +
				"10.0.1.0/27 leaves 1",
			"hint: take a larger provider.subnet"}},
		{"too many for the type", lab + "provider: {addresses: 15}\n", []string{
			"x.yaml:3:23: provider.addresses: 15 are too many for t3.xlarge: it carries 15 addresses on an ENI, its primary " +
				"one included",
			"hint: at most 14 here, or another type for node cloud-1"}},
		{"unknown role", lab + "nodes:\n  - roles: [contoller, compute, gateway]\n",
			[]string{`x.yaml:4:13: nodes[0].roles[0]: unknown role "contoller"`, `hint: did you mean "controller"?`}},
		{"role twice", lab + "nodes:\n  - roles: [controller, compute, gateway, compute]\n",
			[]string{`x.yaml:4:43: nodes[0].roles[3]: duplicate role "compute"`}},
		{"role missing", lab + "nodes:\n  - roles: [controller, gateway]\n",
			[]string{"x.yaml:4:3: nodes: no node has the role compute"}},
		{"no nodes", lab + "nodes: []\n",
			[]string{"x.yaml:3:8: nodes: is empty", "hint: leave the key out for one node with every role"}},
		{"two nodes", lab + "nodes:\n  - name: a\n  - name: b\n",
			[]string{"x.yaml:5:5: nodes[1].roles: a and b would both be controllers",
				"hint: one controller for now; others can be gateways, computes or both"}},
		{"same name", lab + "nodes:\n  - name: a\n  - name: a\n", []string{
			`x.yaml:5:11: nodes[1].name: there is another node "a"`}},
		{"bad image and disk", lab + "nodes:\n  - image: debian-13\n    disk: 4\n", []string{
			`x.yaml:4:12: nodes[0].image: "debian-13" is not an image ID such as ami-0123456789abcdef0`,
			"x.yaml:5:11: nodes[0].disk: 4 GiB is too little: at least 10"}},
		{"link-local vpc", lab + "vpc: {cidr: 169.254.0.0/16}\n", []string{
			"x.yaml:3:13: vpc.cidr: 169.254.0.0/16 is link-local, which AWS refuses", rangeHint}},
		{"loopback vpc", lab + "vpc: {cidr: 127.0.0.0/16}\n", []string{
			"x.yaml:3:13: vpc.cidr: 127.0.0.0/16 is loopback, which AWS refuses", rangeHint}},
		{"multicast vpc", lab + "vpc: {cidr: 239.1.0.0/16}\n", []string{
			"x.yaml:3:13: vpc.cidr: 239.1.0.0/16 is multicast, which AWS refuses", rangeHint}},
		{"no vpc", lab + "vpc: {cidr: 0.0.0.0/16}\n", []string{
			"x.yaml:3:13: vpc.cidr: 0.0.0.0/16 is no address, which AWS refuses", rangeHint}},
		{"vpc in the lab's Elastic IPs", lab + "vpc: {cidr: 198.51.100.0/24}\n", []string{
			"x.yaml:3:13: vpc.cidr: 198.51.100.0/24 overlaps 198.51.100.0/24, the range of the lab's Elastic IPs", rangeHint}},
		{"public vpc", aws + allow + "vpc: {cidr: 8.8.8.0/24}\n", []string{
			"x.yaml:4:13: vpc.cidr: 8.8.8.0/24 is not private: guests could not reach its owners on the Internet",
			rangeHint}},
		{"vpc across the border of a private range", lab + "vpc: {cidr: 172.32.0.0/16}\n", []string{
			"x.yaml:3:13: vpc.cidr: 172.32.0.0/16 is not private: guests could not reach its owners on the Internet",
			rangeHint}},
		{"name of groups", "name: sg\ntarget: lab\n", []string{
			`x.yaml:1:7: name: "sg": names of security groups begin with the cloud's name, and AWS refuses sg-`}},
		{"name of groups too", "name: sg-1\ntarget: lab\n", []string{
			`x.yaml:1:7: name: "sg-1": names of security groups begin with the cloud's name, and AWS refuses sg-`}},
		{"too many rules", aws + "management:\n  allow: [" + networks(20) + "]\n", []string{
			"x.yaml:4:10: management.allow: 20 networks with 3 ports each need 61 rules, " +
				"and a security group of AWS has at most 60: at most 19 networks",
			"hint: join neighbours to larger networks"}},
		{"no host name", lab + "management: {domain: 198.51.100.7}\n", []string{
			`x.yaml:3:22: management.domain: "198.51.100.7" is not a host name`,
			"hint: leave it out to call the cloud by its address"}},
		{"no domain", lab + "management: {domain: localhost}\n", []string{
			`x.yaml:3:22: management.domain: "localhost" is not a host name`,
			"hint: write it like cloud.example.org, in lower case"}},
		{"certificate for nothing", lab + "management: {tls: {certificate: a.pem, key: a.key}}\n", []string{
			"x.yaml:3:19: management.tls: needs the domain that the certificate is for",
			"hint: management.domain: cloud.example.org"}},
		{"certificate without key", lab + "management: {domain: a.example.org, tls: {certificate: a.pem}}\n", []string{
			"x.yaml:3:42: management.tls: needs both a certificate and its key, or acme",
			"hint: leave it out for a certificate of the cloud's own authority"}},
		{"two certificates", lab + "management: {domain: a.example.org, tls: {certificate: a.pem, key: a.key, acme: {}}}\n",
			[]string{"x.yaml:3:81: management.tls.acme: either a certificate is given or ACME issues one, not both"}},
		{"no ACME server", lab + "management: {domain: a.example.org, tls: {acme: {directory: acme.example.org}}}\n",
			[]string{`x.yaml:3:61: management.tls.acme.directory: "acme.example.org" is not an https URL`}},
		{"no zone", lab + "availabilityZone: nowhere\n", []string{
			`x.yaml:3:19: availabilityZone: "nowhere" is not an availability zone such as eu-central-1a`,
			"hint: leave it out for the first that has the instance type"}},
		{"a local zone", aws + "availabilityZone: eu-central-1-ham-1a\n" + allow, []string{
			`x.yaml:3:19: availabilityZone: "eu-central-1-ham-1a" is not an availability zone such as eu-central-1a`,
			"hint: leave it out for the first that has the instance type"}},
		{"node, disk and type", lab + "nodes:\n  - name: localhost\n    disk: 99999999\n    type: file:///etc/passwd\n",
			[]string{
				`x.yaml:4:11: nodes[0].name: "localhost" is every machine's name for itself, or for others`,
				"hint: it becomes the node's host name",
				"x.yaml:5:11: nodes[0].disk: 99999999 GiB is too much: AWS has volumes of at most 65536",
				`x.yaml:6:11: nodes[0].type: "file:///etc/passwd" is not an instance type such as t3.xlarge`}},
		{"bad checksum", lab + "verify: {image: https://x/y, sha256: 0b1c}\n",
			[]string{`x.yaml:3:38: verify.sha256: "0b1c" is not a SHA-256 checksum`,
				"hint: 64 hexadecimal digits, as printed by sha256sum or published in SHA256SUMS"}},
		{"checksum of nothing", lab + "verify: {sha256: " + strings.Repeat("0b", 32) + "}\n",
			[]string{`x.yaml:3:18: verify.sha256: is the checksum of verify.image, which is missing`,
				"hint: leave it out: the image that is used without verify.image is always checked"}},
		{"bad url", lab + "verify: {image: guest.qcow2}\n",
			[]string{`x.yaml:3:17: verify.image: "guest.qcow2" is not an http or https URL`}},
		{"lab on aws", aws + allow + "lab: {elasticIPQuota: 5}\n",
			[]string{"x.yaml:4:6: lab: only a cloud whose target is lab has this section"}},
		{"lab quota", lab + "lab: {elasticIPQuota: 4}\n",
			[]string{"x.yaml:3:23: lab.elasticIPQuota: 4 are too few: the nodes and the provider addresses need 5 Elastic IPs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("x.yaml", []byte(tt.file))
			if err == nil {
				t.Fatalf("accepted: %+v", c)
			}
			var got []string
			for _, line := range strings.Split(err.Error(), "\n") {
				got = append(got, strings.TrimSpace(line))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

const rangeHint = "hint: take one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"

// networks returns n networks that may be allowed.
func networks(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("192.0.2.%d/32", i)
	}
	return strings.Join(all, ", ")
}

// What AWS has and what fits is accepted.
func TestAccepted(t *testing.T) {
	const aws = "name: x\ntarget: us-gov-west-1\n"
	for _, file := range []string{
		aws + "availabilityZone: us-gov-west-1b\nmanagement: {allow: [" + networks(7) + "]}\n",
		// A duplicate network makes no second rule.
		aws + "management: {allow: [" + networks(7) + ", " + networks(7) + "]}\n",
		"name: sgx\ntarget: lab\nvpc: {cidr: 100.64.0.0/16}\n",
		"name: x\ntarget: lab\nvpc: {cidr: 198.19.0.0/16}\n",
		"name: x\ntarget: lab\nvpc: {cidr: 172.31.0.0/16}\nnodes: [{type: m7i.metal-24xl, disk: 65536}]\n",
		"name: x\ntarget: lab\nnodes: [{type: u7in-16tb.224xlarge}]\n",
	} {
		if _, err := Parse("x.yaml", []byte(file)); err != nil {
			t.Errorf("%s%v", file, err)
		}
	}
}

// Later errors have a position, like the parser's; a default has its parent's.
func TestReject(t *testing.T) {
	c, err := Parse("x.yaml", []byte("name: x\ntarget: lab\nnodes:\n  - name: a\n    type: t3.large\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"nodes[0].type": "5:11", "nodes[0].image": "4:5",
		"provider.addresses": "1:1"} {
		if got := c.Reject(path, "", "no").Error(); got != "x.yaml:"+want+": "+path+": no" {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func allocations(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("eipalloc-%08x", i)
	}
	return ids
}

func TestElasticIPs(t *testing.T) {
	tests := []struct {
		file string
		want Provider
		made int
	}{
		{"provider: {addresses: 2}", Provider{Addresses: 2, ElasticIPs: model.ElasticIPsAll}, 2},
		{"provider: {addresses: 2, elasticIPs: all}", Provider{Addresses: 2, ElasticIPs: model.ElasticIPsAll}, 2},
		{"provider: {addresses: 42, elasticIPs: on-demand}", Provider{Addresses: 42, ElasticIPs: model.ElasticIPsOnDemand},
			0},
		{"provider: {addresses: 2, elasticIPs: none}", Provider{Addresses: 2, ElasticIPs: model.ElasticIPsNone}, 0},
		{"provider: {addresses: 2, elasticIPs: pool, pool: [eipalloc-12345678]}",
			Provider{Addresses: 2, ElasticIPs: model.ElasticIPsPool, Pool: []string{"eipalloc-12345678"}}, 0},
	}
	for _, tt := range tests {
		// A quota of one is enough if only the node needs one.
		c, err := Parse("x.yaml", fmt.Appendf(nil, "name: x\ntarget: lab\nlab: {elasticIPQuota: %d}\n%s\n", 1+tt.made,
			tt.file))
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		tt.want.ReleaseAfter = model.Wait(24 * time.Hour)
		tt.want.Subnet, tt.want.First = netip.MustParsePrefix("10.0.1.0/24"), netip.MustParseAddr("10.0.1.64")
		if diff := cmp.Diff(tt.want, c.Provider, comparePrefix); diff != "" || c.Provider.Made() != tt.made {
			t.Errorf("%s: %d made, -want +got:\n%s", tt.file, c.Provider.Made(), diff)
		}
	}
}
