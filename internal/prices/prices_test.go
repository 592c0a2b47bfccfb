// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Other sizes of a family follow from the one in the table: AWS's list prices in us-east-1 (Karpenter's generated list
// of 2026-01-19), and in eu-central-1 (SkyPilot's catalog).
func TestSizes(t *testing.T) {
	for where, want := range map[string]float64{
		"us-east-1 t3.nano": 0.0052, "us-east-1 t3.2xlarge": 0.3328, "us-east-1 m7i.48xlarge": 9.6768,
		"us-east-1 m8i.96xlarge": 20.32128, "us-east-1 c8i.24xlarge": 4.49808, "us-east-1 c7i-flex.large": 0.08479,
		"us-east-1 r8i.large": 0.13892, "us-east-1 m7i.metal-24xl": 5.32224, "us-east-1 x8i.64xlarge": 28.01024,
		"us-east-1 x8i.96xlarge": 48.74438, "eu-central-1 t3.micro": 0.012, "eu-central-1 m8i.large": 0.12679,
		"us-west-1 m8i.large": 0.12348, "ap-south-1 m8i.large": 0.11135,
		"eu-west-3 " + PublicIPv4: 0.005, "us-east-1 " + NATGateway: 0.045,
		"eu-west-1 " + NATGatewayGB: 0.048,
	} {
		region, item, _ := strings.Cut(where, " ")
		got, _, ok := Default().find(region, item)
		if !ok || math.Abs(got-want) > 6e-5*max(want, 0.1) {
			t.Errorf("%s: %v (%v), want %v", where, got, ok, want)
		}
	}
	for _, unknown := range []string{"eu-south-2 m8i.metal-48xl", "us-east-1 m9i.xlarge", "cn-north-1 t3.xlarge",
		"us-gov-west-1 " + PublicIPv4, "sa-east-1 " + NATGateway, "eu-west-1 t3.0xlarge", "eu-west-1 t3.xlargexlarge",
		"eu-west-1 t3", "eu-west-1 "} {
		region, item, _ := strings.Cut(unknown, " ")
		usd, _, ok := Default().find(region, item)
		if ok {
			t.Errorf("%s costs %v", unknown, usd)
		}
	}
}

func items(node, instanceType string, disk, addresses int) []Item {
	return []Item{{Name: "instance " + node, Type: instanceType, Count: 1},
		{Name: "volume of " + node, Type: GP3, Count: disk},
		{Name: "public IPv4 addresses", Type: PublicIPv4, Count: addresses}}
}

// The numbers of the documentation: the default cloud in Frankfurt.
func TestEstimate(t *testing.T) {
	e := Default().Estimate("eu-central-1", nil, items("cloud-1", "t3.xlarge", 40, 5))
	want := `Cost on AWS in eu-central-1, in USD, without traffic and taxes (Macaw's table of 2026-01-19):
  instance cloud-1, t3.xlarge       0.1920/hour      140.16/month
  volume of cloud-1, 40 GiB gp3     0.0052/hour        3.81/month
  5 public IPv4 addresses           0.0250/hour       18.25/month
  total                             0.2222/hour      162.22/month
  this plan adds                    0.2222/hour      162.22/month
  note: t3.xlarge earns CPU credits: work beyond them is charged, 0.05 USD for each vCPU and hour
`
	if e.String() != want || e.Incomplete {
		t.Errorf("%v: %s\nwant\n%s", e.Incomplete, e, want)
	}
}

// Several nodes: a line each, and the sum. The price of a Spot Instance is unknown, and has a bound.
func TestEstimateOfSeveral(t *testing.T) {
	all := []Item{{Name: "instance ctl", Type: "m8i.large", Count: 1}, {Name: "instance gw", Type: "t3.xlarge", Count: 1},
		{Name: "instance cmp-1", Type: "t3.xlarge", Count: 1, Spot: true},
		{Name: "instance cmp-2", Type: "m9i.xlarge", Count: 1, Spot: true},
		{Name: "public IPv4 addresses", Type: PublicIPv4, Count: 2}}
	e := Default().Estimate("eu-central-1", nil, all)
	want := `Cost on AWS in eu-central-1, in USD, without traffic and taxes (Macaw's table of 2026-01-19):
  instance ctl, m8i.large             0.1268/hour       92.56/month
  instance gw, t3.xlarge              0.1920/hour      140.16/month
  instance cmp-1, t3.xlarge spot   price unknown
  instance cmp-2, m9i.xlarge spot  price unknown
  2 public IPv4 addresses             0.0100/hour        7.30/month
  total                               0.3288/hour      240.02/month  incomplete: prices are unknown
  this plan adds                      0.3288/hour      240.02/month  incomplete: prices are unknown
  note: the price of Spot Instances of m9i.xlarge changes: aws ec2 describe-spot-price-history shows it
  note: the price of Spot Instances of t3.xlarge changes: aws ec2 describe-spot-price-history shows it; it is at most ` +
		`0.1920/hour, the price of others
  note: t3.xlarge earns CPU credits: work beyond them is charged, 0.05 USD for each vCPU and hour
`
	if e.String() != want {
		t.Errorf("%s\nwant\n%s", e, want)
	}
	// Making an on-demand instance of it is a change.
	now := slices.Clone(all)
	now[2].Spot = false
	if e := Default().Estimate("eu-central-1", now, all); !e.ChangeIncomplete || e.Change.Hour != -0.192 {
		t.Errorf("the change: %+v", e.Change)
	}
}

// A NAT gateway costs by the hour, and what passes it by the GB, which only a note tells.
func TestEstimateOfNATGateway(t *testing.T) {
	all := []Item{{Name: "instance gw", Type: "m8i.large", Count: 1}, {Name: "NAT gateway", Type: NATGateway, Count: 1}}
	want := `Cost on AWS in us-east-1, in USD, without traffic and taxes (Macaw's table of 2026-01-19):
  instance gw, m8i.large     0.1058/hour       77.26/month
  NAT gateway                0.0450/hour       32.85/month
  total                      0.1508/hour      110.11/month
  this plan adds             0.0450/hour       32.85/month
  note: what passes the NAT gateway is charged, in both directions, in addition to traffic: 0.045 USD for each GB ` +
		`(Macaw's table of 2026-01-19)
`
	if e := Default().Estimate("us-east-1", all[:1], all); e.String() != want {
		t.Errorf("%s\nwant\n%s", e, want)
	}
	e := Default().Estimate("eu-central-1", nil, all)
	for _, note := range []string{
		"the price of nat-gateway in eu-central-1 is not in Macaw's table of 2026-01-19; --prices asks AWS",
		"what passes the NAT gateway is charged, in both directions, in addition to traffic: the price of a GB in " +
			"eu-central-1 is not in Macaw's table of 2026-01-19",
	} {
		if !e.Incomplete || !slices.Contains(e.Notes, note) {
			t.Errorf("notes %q, want %q", e.Notes, note)
		}
	}
}

func TestChange(t *testing.T) {
	now := items("cloud-1", "t3.xlarge", 40, 5)
	if e := Default().Estimate("us-east-1", now, now); e.Change != (Amount{}) || e.Total.Month == 0 {
		t.Errorf("nothing changes: %+v", e)
	}
	// One address more, and a smaller type.
	e := Default().Estimate("us-east-1", now, items("cloud-1", "t3.large", 40, 6))
	if want := (Amount{-0.0832 + 0.005, -60.74 + 3.65}); math.Abs(e.Change.Hour-want.Hour) > 1e-4 ||
		math.Abs(e.Change.Month-want.Month) > 0.02 {
		t.Errorf("the change is %+v, want %+v", e.Change, want)
	}
	// A type without a price: in the total, and in the change only if it changes.
	strange := items("cloud-1", "m9i.xlarge", 40, 5)
	for _, tt := range []struct {
		now        []Item
		incomplete bool
	}{{nil, true}, {now, true}, {strange, false}} {
		e := Default().Estimate("us-east-1", tt.now, strange)
		if !e.Incomplete || e.ChangeIncomplete != tt.incomplete || e.Lines[0].Cost != nil ||
			!slices.Contains(e.Notes, "the price of m9i.xlarge in us-east-1 is not in Macaw's table of 2026-01-19; "+
				"--prices asks AWS") {
			t.Errorf("%v: %+v", tt.now, e)
		}
	}
}

func TestLiveTableDoesNotOfferToAsk(t *testing.T) {
	live := *asked("us-east-1", nil, "2026-11-30", Default())
	live.live = true
	e := live.Estimate("us-east-1", nil, items("n", "m9i.xlarge", 40, 1))
	if !slices.Contains(e.Notes, "the price of m9i.xlarge in us-east-1 is not in AWS's price list of 2026-11-30") {
		t.Errorf("notes %q", e.Notes)
	}
}

func TestCache(t *testing.T) {
	dir, day := t.TempDir()+"/macaw", time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC)
	got, err := Load(dir, "eu-west-1", Default())
	if err != nil || got != Default() {
		t.Fatalf("an empty cache gives %v, %v", got, err)
	}
	live := asked("eu-west-1", map[string]float64{"t3.xlarge": 0.5}, "2026-11-30", Default())
	if err := live.Save(dir, "eu-west-1", day); err != nil {
		t.Fatal(err)
	}
	got, err = Load(dir, "eu-west-1", Default())
	if err != nil {
		t.Fatal(err)
	}
	e := got.Estimate("eu-west-1", nil, items("n", "t3.xlarge", 40, 1))
	if e.Lines[0].Cost.Hour != 0.5 || !slices.Equal(e.Sources,
		[]string{"AWS's price list of 2026-11-30", "Macaw's table of 2026-01-19"}) {
		t.Errorf("with saved prices: %+v", e)
	}
	if info, err := os.Stat(fileOf(dir, "eu-west-1")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// Prices older than the program's own do not count.
	if err := live.Save(dir, "eu-west-1", day.AddDate(-1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if got, err = Load(dir, "eu-west-1", Default()); err != nil || got != Default() {
		t.Errorf("old prices give %v, %v", got, err)
	}
	if got, err = Load("", "eu-west-1", Default()); err != nil || got != Default() {
		t.Errorf("without a cache: %v, %v", got, err)
	}
	if err := live.Save("", "eu-west-1", day); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(fileOf(dir, "eu-west-1"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err = Load(dir, "eu-west-1", Default()); err == nil || got != Default() {
		t.Errorf("a damaged cache gives %v, %v", got, err)
	}
}
