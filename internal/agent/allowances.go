// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// AWS queues and then drops the packets that exceed what an instance's type allows, and
// nothing tells it but counters of the ENA driver (EC2 User Guide,
// monitoring-network-performance-ena).

// nicCounters reads the counters of NICs' drivers.
type nicCounters interface {
	nics() ([]string, error)
	nicCounters(name string) (map[string]uint64, error)
}

// allowance is one of an instance's network allowances.
type allowance struct {
	counter  string // of ENA: packets that exceeded it, on one NIC, since the driver was reset
	label    string // in metrics
	code     model.Code
	did, why string // what AWS did with those packets, and the reason
	hint     string
}

const (
	largerType = "a larger instance type may pass more: stop the node, change nodes.type, macaw up"

	// The limit is that of the VPC User Guide, AmazonDNS-concepts, and of
	// instancedata-data-retrieval in the EC2 User Guide.
	fewerQueries = "this limit is 1024 packets per second of a network interface, whatever the type: give the guests " +
		"a resolver that caches, or another than AWS's (openstack subnet set --dns-nameserver)"

	// security-group-connection-tracking in the EC2 User Guide, "Untracked connections".
	fewerConnections = "a larger instance type tracks more connections: stop the node, change nodes.type, macaw up; " +
		"TCP and UDP that a security group allows from and to everywhere are not tracked, and the cloud's provider group " +
		"does, so look for a group that was changed, for ICMP, and for many connections to the management address"
)

// allowances are those that ENA tells of. What the counters count is in the words of
// "Metrics for the ENA driver".
var allowances = []allowance{
	{"bw_in_allowance_exceeded", "bw_in", "bandwidth-in-exceeded", "queued or dropped",
		"the instance received more than the bandwidth of its type", largerType},
	{"bw_out_allowance_exceeded", "bw_out", "bandwidth-out-exceeded", "queued or dropped",
		"the instance sent more than the bandwidth of its type", largerType},
	{"pps_allowance_exceeded", "pps", "packet-rate-exceeded", "queued or dropped",
		"the instance sent and received more packets per second than its type may", largerType},
	{"conntrack_allowance_exceeded", "conntrack", "connections-exceeded", "dropped",
		"AWS tracks no more connections of an instance of this type, and new ones fail", fewerConnections},
	{"linklocal_allowance_exceeded", "linklocal", "link-local-exceeded", "dropped",
		"too many packets to AWS's DNS, metadata and time services", fewerQueries},
}

// connectionsAvailable is ENA's counter of the connections that may still be tracked.
const connectionsAvailable = "conntrack_allowance_available"

// readAllowances reads the counters of each NIC that has them. Other drivers, and ENA's of
// earlier versions, have none.
func readAllowances(from nicCounters) ([]nodeapi.Allowances, error) {
	names, err := from.nics()
	if err != nil {
		return nil, fmt.Errorf("listing NICs: %w", err)
	}
	slices.Sort(names)
	var all []nodeapi.Allowances
	var errs []error
	for _, name := range names {
		counters, err := from.nicCounters(name)
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		seen := nodeapi.Allowances{NIC: name, Exceeded: map[string]uint64{}}
		for _, a := range allowances {
			n, ok := counters[a.counter]
			if ok {
				seen.Exceeded[a.counter] = n
			}
		}
		if n, ok := counters[connectionsAvailable]; ok {
			seen.ConnectionsAvailable = &n
		}
		if len(seen.Exceeded) > 0 {
			all = append(all, seen)
		}
	}
	return all, errors.Join(errs...)
}

const (
	// allowanceMemory is how long the finding of an exceeded allowance remains.
	allowanceMemory = 10 * time.Minute
	// allowancePause is the shortest time between two readings for the report: ENA's driver
	// asks the device.
	allowancePause = 10 * time.Second
)

// excess is a time in which an allowance was exceeded again and again.
type excess struct {
	since, last time.Time // the reading before the first packet, and the one with the last
	packets     uint64
	nics        []string
}

// allowanceWatch turns readings of the counters into findings.
type allowanceWatch struct {
	read     time.Time // of the last reading
	latest   []nodeapi.Allowances
	excesses map[string]excess // by counter
}

// due tells whether it is time for another reading.
func (w *allowanceWatch) due(now time.Time) bool { return now.Sub(w.read) >= allowancePause }

// observe takes a reading. The first one of a NIC counts for nothing: when its packets were
// dropped is not known.
func (w *allowanceWatch) observe(now time.Time, seen []nodeapi.Allowances) {
	if w.excesses == nil {
		w.excesses = make(map[string]excess)
	}
	before := make(map[string]map[string]uint64)
	for _, s := range w.latest {
		before[s.NIC] = s.Exceeded
	}
	for counter, e := range w.excesses {
		if now.Sub(e.last) > allowanceMemory {
			delete(w.excesses, counter)
		}
	}
	for _, s := range seen {
		for counter, n := range s.Exceeded {
			was, ok := before[s.NIC][counter]
			if n < was { // the driver was reset
				was = 0
			}
			if !ok || n == was {
				continue
			}
			e, ok := w.excesses[counter]
			if !ok {
				e.since = w.read
			}
			e.last, e.packets = now, e.packets+n-was
			if !slices.Contains(e.nics, s.NIC) {
				e.nics = append(slices.Clone(e.nics), s.NIC)
				slices.Sort(e.nics)
			}
			w.excesses[counter] = e
		}
	}
	w.read, w.latest = now, seen
}

// findings returns a finding for each allowance that the node has exceeded in the last minutes.
func (w *allowanceWatch) findings(node string) []model.Finding {
	var all []model.Finding
	for _, a := range allowances {
		e, ok := w.excesses[a.counter]
		if !ok {
			continue
		}
		packets := "1 packet"
		if e.packets != 1 {
			packets = fmt.Sprintf("%d packets", e.packets)
		}
		all = append(all, model.Finding{Code: a.code, Hint: a.hint, Text: fmt.Sprintf(
			"AWS %s %s of %s since %s UTC, the last before %s: %s (%s of %s)", a.did, packets, node,
			e.since.UTC().Format(time.DateTime), e.last.UTC().Format(time.TimeOnly), a.why, a.counter,
			strings.Join(e.nics, ", ")),
		})
	}
	return all
}

// allowanceMetrics collects the counters for Prometheus.
type allowanceMetrics struct{ from nicCounters }

var (
	exceededTotal = prometheus.NewDesc("macaw_allowance_exceeded_packets_total",
		"Packets that AWS queued or dropped since the driver was reset, by NIC and exceeded allowance of the instance.",
		[]string{"nic", "allowance"}, nil)
	connectionsLeft = prometheus.NewDesc("macaw_conntrack_allowance_available",
		"Connections that AWS can track in addition to the present ones, by NIC.", []string{"nic"}, nil)
)

// Describe implements prometheus.Collector.
func (allowanceMetrics) Describe(c chan<- *prometheus.Desc) {
	c <- exceededTotal
	c <- connectionsLeft
}

// Collect implements prometheus.Collector. NICs that cannot be read are missing.
func (m allowanceMetrics) Collect(c chan<- prometheus.Metric) {
	seen, _ := readAllowances(m.from)
	for _, s := range seen {
		for _, a := range allowances {
			n, ok := s.Exceeded[a.counter]
			if ok {
				c <- prometheus.MustNewConstMetric(exceededTotal, prometheus.CounterValue, float64(n), s.NIC, a.label)
			}
		}
		if n := s.ConnectionsAvailable; n != nil {
			c <- prometheus.MustNewConstMetric(connectionsLeft, prometheus.GaugeValue, float64(*n), s.NIC)
		}
	}
}
