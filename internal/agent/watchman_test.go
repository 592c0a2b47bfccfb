// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/translate"
)

// viewAge is how old the view of Neutron may be that a call is made by: a query's answer, a stopped process and a slow
// AWS add up.
const viewAge = 2 * time.Minute

// watchman looks at AWS after every call that writes, and notes what must never be:
//
//   - an address on two interfaces;
//   - an Elastic IP without tags, or on another address than the one it is tagged for;
//   - an Elastic IP released, or an address unassigned, although Neutron has it and has had it for viewAge;
//   - a floating IP, or router, whose public address is another than before.
type watchman struct {
	world *world

	mu       sync.Mutex
	enis     map[string]watchedENI
	holder   map[netip.Addr]string // the interface
	elastic  map[string]watchedElasticIP
	identity map[string]string // the allocation, by the ID of the floating IP or router
	strange  map[string]bool   // allocations that are not the cloud's
	moves    map[netip.Addr]int
	movedAt  time.Time   // the last of them
	claims   []time.Time // when calls were made that take addresses from other interfaces
	writes   int
	wrong    []string
	asleep   bool // it looks at nothing
}

type watchedENI struct{ node, mac string }

type watchedElasticIP struct {
	public           string
	tagged           bool
	of, private, eni string
}

func newWatchman(w *world) *watchman {
	return &watchman{world: w, enis: map[string]watchedENI{}, holder: map[netip.Addr]string{},
		elastic: map[string]watchedElasticIP{}, identity: map[string]string{}, strange: map[string]bool{},
		moves: map[netip.Addr]int{}}
}

// wrote is called after a call of a node that writes.
func (m *watchman) wrote(node string, form url.Values, resp *http.Response, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asleep {
		return
	}
	result := fmt.Sprint(err)
	if err == nil {
		result = resp.Status
	}
	m.writes++
	m.world.note("%s: %s %s: %s", node, form.Get("Action"), arguments(form), result)
	m.look()
}

func arguments(form url.Values) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(form)) {
		if k != "Action" && k != "Version" && !strings.HasPrefix(k, "TagSpecification") {
			all = append(all, form.Get(k))
		}
	}
	return strings.Join(all, " ")
}

func (m *watchman) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.world.note("WRONG: %s", text)
	m.wrong = append(m.wrong, text)
}

// look compares AWS with what it was before. The caller holds the lock.
func (m *watchman) look() {
	living := m.world.living()
	holder := make(map[netip.Addr]string)
	for eni, addrs := range m.world.api.Registered() {
		for _, a := range addrs {
			if !worldRange.Contains(a) {
				continue
			}
			if other, ok := holder[a]; ok {
				m.fault("%s is on %s and %s", a, other, eni)
			}
			holder[a] = eni
		}
	}
	for a, before := range m.holder {
		now, ok := holder[a]
		if l := living[a]; !ok && !l.since.IsZero() && time.Since(l.since) > viewAge {
			m.fault("%s is on no interface, and Neutron has had it since %s", a, l.id)
		}
		if ok && m.eni(now).node != m.eni(before).node {
			m.moves[a]++
			m.movedAt = time.Now()
		}
	}
	m.holder = holder
	m.lookAtElastic(living)
}

func (m *watchman) lookAtElastic(living map[netip.Addr]life) {
	now := m.world.elastic()
	count := make(map[string]int)
	for id, e := range now {
		count[e.of]++
		switch l := living[parse(e.of)]; {
		case m.strange[id]:
		case !e.tagged:
			m.fault("Elastic IP %s has no tags", e.public)
		case e.private != "" && e.private != e.of:
			m.fault("Elastic IP %s is for %s and on %s", e.public, e.of, e.private)
		case e.private == "" || l.id == "":
		case m.identity[l.id] == "":
			m.identity[l.id] = id
		case m.identity[l.id] != id:
			m.fault("%s, which is %s, had %s and has %s now", e.of, l.id, m.elastic[m.identity[l.id]].public, e.public)
			m.identity[l.id] = id
		}
	}
	for id, e := range m.elastic {
		l := living[parse(e.of)]
		if _, ok := now[id]; !ok && count[e.of] == 0 && l.id != "" && time.Since(l.since) > viewAge {
			m.fault("Elastic IP %s is released, and Neutron has %s", e.public, e.of)
		}
	}
	m.elastic = now
}

func parse(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a
}

// eni is the node and the MAC of an interface. The caller holds the lock.
func (m *watchman) eni(id string) watchedENI {
	e, ok := m.enis[id]
	if !ok {
		out := must(m.world.DescribeNetworkInterfaces(context.Background(),
			&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}})).NetworkInterfaces[0]
		e.mac = *out.MacAddress
		for _, n := range m.world.nodes {
			if awsapi.IsProviderPart(n.name, awsapi.Part(out.TagSet)) {
				e.node = n.name
			}
		}
		m.enis[id] = e
	}
	return e
}

// life is since when Neutron has an address, for what.
type life struct {
	id    string
	since time.Time
}

func (w *world) living() map[netip.Addr]life {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make(map[netip.Addr]life)
	for _, r := range w.routers {
		all[r.addr] = life{r.id, w.began}
	}
	for _, f := range w.floating {
		all[f.addr] = life{f.id, f.since}
	}
	return all
}

// elastic has the account's Elastic IPs by allocation.
func (w *world) elastic() map[string]watchedElasticIP {
	all := make(map[string]watchedElasticIP)
	for _, a := range must(w.DescribeAddresses(context.Background(), &ec2.DescribeAddressesInput{})).Addresses {
		of, tagged := strings.CutPrefix(awsapi.Part(a.Tags), awsapi.AddressParts)
		tagged = tagged && awsapi.Tag(a.Tags, awsapi.TagCloud) == worldCloud
		all[*a.AllocationId] = watchedElasticIP{*a.PublicIp, tagged, of, aws.ToString(a.PrivateIpAddress),
			aws.ToString(a.NetworkInterfaceId)}
	}
	return all
}

// faults are what is wrong with an address that has users.
func (m *watchman) faults(
	a netip.Addr, s served, elastic []watchedElasticIP, entries []translate.Entry,
) (all []string) {
	eni := m.holder[a]
	if eni == "" {
		return []string{fmt.Sprintf("%s is on no interface, and belongs to %s", a, s.node)}
	}
	on := m.eni(eni)
	if on.node != s.node {
		all = append(all, fmt.Sprintf("%s is on %s, and belongs to %s", a, on.node, s.node))
	}
	if !slices.ContainsFunc(elastic, func(e watchedElasticIP) bool { return e.private == a.String() && e.eni == eni }) {
		all = append(all, fmt.Sprintf("%s has no Elastic IP: %v", a, elastic))
	}
	has := slices.ContainsFunc(entries, func(e translate.Entry) bool {
		return e.Addr == a && e.MAC == s.mac && e.ENI.String() == on.mac
	})
	if idle := s.mac[0] == 0; !idle && !has {
		all = append(all, fmt.Sprintf("%s is not translated on %s: %v", a, s.node, entries))
	}
	return all
}

// astray is what is not as Neutron and OVN have it: first what has users, then what is left over.
func (m *watchman) astray() (serving, left []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look()
	wanted := m.world.serving()
	elastic := make(map[string][]watchedElasticIP)
	for id, e := range m.elastic {
		if !m.strange[id] {
			elastic[e.of] = append(elastic[e.of], e)
		}
	}
	entries := make(map[string][]translate.Entry)
	for _, n := range m.world.nodes {
		entries[n.name], _ = n.machine.Entries()
	}
	for _, a := range slices.SortedFunc(maps.Keys(wanted), netip.Addr.Compare) {
		serving = append(serving, m.faults(a, wanted[a], elastic[a.String()], entries[wanted[a].node])...)
		if n := len(elastic[a.String()]); n > 1 {
			left = append(left, fmt.Sprintf("%s has %d Elastic IPs", a, n))
		}
		delete(elastic, a.String())
	}
	for of, all := range elastic {
		left = append(left, fmt.Sprintf("Elastic IPs of %s, which Neutron does not have: %v", of, all))
	}
	for a, eni := range m.holder {
		if _, ok := wanted[a]; !ok {
			left = append(left, fmt.Sprintf("%s is on %s, and Neutron does not have it", a, m.eni(eni).node))
		}
	}
	for node, all := range entries {
		for _, e := range all {
			if wanted[e.Addr].node != node {
				left = append(left, fmt.Sprintf("%s is translated on %s, and belongs to %q", e.Addr, node, wanted[e.Addr].node))
			}
		}
	}
	slices.Sort(left)
	return serving, left
}

// sleep has it look at nothing, or look again from now on.
func (m *watchman) sleep(asleep bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asleep = asleep
	m.look()
}

// claim notes that a call is made which takes addresses from other interfaces.
func (m *watchman) claim() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claims = append(m.claims, time.Now())
}

// claimed is how long after a time the first such call was made, and how many there were since.
func (m *watchman) claimed(since time.Time) (first time.Duration, calls int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	later := slices.DeleteFunc(slices.Clone(m.claims), since.After)
	if len(later) == 0 {
		return 0, 0
	}
	return later[0].Sub(since), len(later)
}

// on tells how many addresses are on a node's interfaces, with their Elastic IPs, and when the last one came.
func (m *watchman) on(node string) (n int, last time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.elastic {
		if a := parse(e.private); e.private == e.of && e.eni != "" && m.holder[a] == e.eni && m.eni(e.eni).node == node {
			n++
		}
	}
	return n, m.movedAt
}

// count is how often AWS was written to, and addresses moved between nodes.
func (m *watchman) count() (writes, moves int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.moves {
		moves += n
	}
	return m.writes, moves
}
