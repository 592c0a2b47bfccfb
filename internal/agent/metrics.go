// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/supervise"
	"macaw.example/internal/translate"
)

// metrics are the agent's metrics, for Prometheus.
type metrics struct {
	registry      *prometheus.Registry
	addresses     *prometheus.GaugeVec
	findings      *prometheus.GaugeVec
	held          prometheus.Gauge
	calls         *prometheus.CounterVec
	latency       *prometheus.HistogramVec
	answers       *prometheus.CounterVec
	registrations prometheus.Histogram
	passes        prometheus.Histogram
}

// States of addresses. Each includes the following ones but for translated: a floating IP
// that waits for a guest is associated and not translated.
const (
	stateWanted     = "wanted"
	stateRegistered = "registered"
	stateAssociated = "associated"
	stateTranslated = "translated"
)

func newMetrics(pinDir string, nics nicCounters) *metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	seconds := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		addresses: gauge("macaw_addresses",
			"Addresses of this node: wanted by Neutron, registered in AWS, associated with an Elastic IP, translated.",
			"state"),
		findings: gauge("macaw_findings", "Addresses that cannot be had, by reason.", "code"),
		held: prometheus.NewGauge(prometheus.GaugeOpts{Name: "macaw_releases_held",
			Help: "Elastic IPs that Neutron no longer uses and whose release waits for an operator or a deadline."}),
		calls: counter("macaw_aws_calls_total",
			"Calls of AWS by action and result: ok, AWS's error code, or no-answer.", "action", "result"),
		latency: prometheus.NewHistogramVec(seconds("macaw_aws_call_seconds", "Duration of calls of AWS.",
			prometheus.ExponentialBuckets(0.01, 2.5, 9)), []string{"action"}),
		answers: counter("macaw_neutron_answers_total", "Queries of Neutron by result: ok or error.", "result"),
		registrations: prometheus.NewHistogram(seconds("macaw_registration_seconds",
			"Time from an address's first frame, or Neutron's answer, until it is registered and translated.",
			prometheus.ExponentialBuckets(0.05, 2, 13))),
		passes: prometheus.NewHistogram(seconds("macaw_reconcile_seconds",
			"Duration of a reconcile pass, which makes AWS what Neutron says.",
			prometheus.ExponentialBuckets(0.02, 2.5, 9))),
	}
	m.registry.MustRegister(m.addresses, m.findings, m.held, m.calls, m.latency, m.answers, m.registrations, m.passes,
		frames{pinDir}, allowanceMetrics{nics}, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Called counts a call of AWS; it makes metrics a registrar.Observer.
func (m *metrics) Called(action, result string, took time.Duration) {
	m.calls.WithLabelValues(action, result).Inc()
	m.latency.WithLabelValues(action).Observe(took.Seconds())
}

func (m *metrics) queried(err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.answers.WithLabelValues(result).Inc()
}

func (m *metrics) observeRegistration(after time.Duration) { m.registrations.Observe(after.Seconds()) }

func (m *metrics) setTranslated(n int) { m.addresses.WithLabelValues(stateTranslated).Set(float64(n)) }

func (m *metrics) reconciled(c Config, o outcome) {
	m.passes.Observe(o.took.Seconds())
	if o.err != nil {
		return
	}
	m.findings.Reset()
	for _, f := range findings(c, o.addresses, o.result) {
		m.findings.WithLabelValues(string(f.Code)).Inc()
	}
	held := 0
	for _, h := range o.result.Held {
		if h.Waits(time.Now()) {
			held++
		}
	}
	m.held.Set(float64(held))
	wanted, associated := 0, 0
	for _, a := range o.addresses {
		if c.here(a) {
			wanted++
		}
	}
	for _, r := range o.result.Registered {
		if r.Public.IsValid() {
			associated++
		}
	}
	m.addresses.WithLabelValues(stateWanted).Set(float64(wanted))
	m.addresses.WithLabelValues(stateRegistered).Set(float64(len(o.result.Registered)))
	m.addresses.WithLabelValues(stateAssociated).Set(float64(associated))
}

// frames collects what the eBPF programs have counted.
type frames struct{ pinDir string }

var (
	framesTotal = prometheus.NewDesc("macaw_frames_total",
		"Frames that passed the provider NICs, by direction (out: to AWS) and kind.", []string{"direction", "kind"},
		nil)
	bytesTotal = prometheus.NewDesc("macaw_bytes_total",
		"Octets of those frames, Ethernet headers included.", []string{"direction", "kind"}, nil)
	droppedTotal = prometheus.NewDesc("macaw_dropped_frames_total",
		"Frames that were dropped at the provider NICs, by direction and reason.", []string{"direction", "reason"}, nil)
)

// Describe implements prometheus.Collector.
func (frames) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{framesTotal, bytesTotal, droppedTotal} {
		c <- d
	}
}

// Collect implements prometheus.Collector. Without a translation there is nothing.
func (f frames) Collect(c chan<- prometheus.Metric) {
	t, err := translate.Open(f.pinDir)
	if err != nil {
		return
	}
	defer t.Close()
	counters, err := t.Counters()
	if err != nil {
		return
	}
	count := func(desc *prometheus.Desc, n uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	for reason, n := range counters {
		direction := "in"
		if reason.Out() {
			direction = "out"
		}
		if reason.Dropped() {
			count(droppedTotal, n.Packets, direction, reason.String())
			continue
		}
		count(framesTotal, n.Packets, direction, reason.String())
		count(bytesTotal, n.Bytes, direction, reason.String())
	}
}

// metricsRetry is the pause until the metrics server is started again.
const metricsRetry = 30 * time.Second

// serve serves the metrics and the node's health until ctx is done, and starts again after a pause where that
// fails: another process may have the port for a while.
func (m *metrics) serve(
	ctx context.Context, at netip.AddrPort, health http.Handler, pause time.Duration, log *slog.Logger,
) {
	supervise.Run(ctx, pause, func() error { return m.listenAndServe(ctx, at, health) },
		func(err error) { log.Warn("metrics server stopped", "error", err) })
}

// listenAndServe serves the metrics at an address that the machine need not have yet: the
// agent starts before the network does (ip(7), IP_FREEBIND).
func (m *metrics) listenAndServe(ctx context.Context, at netip.AddrPort, health http.Handler) error {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		freebind := func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1) }
		if err := c.Control(freebind); err != nil {
			return err
		}
		return failed
	}}
	l, err := lc.Listen(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.Handle("GET "+nodeapi.HealthPath, health)
	mux.Handle("GET "+nodeapi.ReadyPath, health)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	return s.Serve(l)
}
