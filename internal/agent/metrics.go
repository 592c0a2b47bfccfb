package agent

import (
	"context"
	"errors"
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

	"macaw.example/internal/translate"
)

// metrics is what the agent counts, for Prometheus.
type metrics struct {
	registry  *prometheus.Registry
	addresses *prometheus.GaugeVec
	findings  *prometheus.GaugeVec
	held      prometheus.Gauge
	calls     *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	answers   *prometheus.CounterVec
	waits     prometheus.Histogram
	turns     prometheus.Histogram
}

// States of addresses, each a part of the one before but for translated: an
// idle floating IP is not.
const (
	stateWanted     = "wanted"
	stateRegistered = "registered"
	stateAssociated = "associated"
	stateTranslated = "translated"
)

func newMetrics(pinDir string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		addresses: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "macaw_addresses",
			Help: "Addresses of this node: that Neutron has given out, that AWS has registered, that have an Elastic IP, that are translated."}, []string{"state"}),
		findings: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "macaw_findings",
			Help: "Addresses that cannot be had, by reason."}, []string{"code"}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{Name: "macaw_releases_held",
			Help: "Elastic IPs that Neutron has let go of, many at once, and whose release waits for an operator or its time."}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "macaw_aws_calls_total",
			Help: "Calls of AWS by action and result: ok, AWS's error code, or no-answer."}, []string{"action", "result"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "macaw_aws_call_seconds",
			Help: "How long calls of AWS took.", Buckets: prometheus.ExponentialBuckets(0.01, 2.5, 9)}, []string{"action"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "macaw_neutron_answers_total",
			Help: "Questions to Neutron by result: ok or error."}, []string{"result"}),
		waits: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "macaw_registration_seconds",
			Help:    "From the first that was seen of an address, a frame or Neutron's answer, until it was registered and translated.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 13)}),
		turns: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "macaw_reconcile_seconds",
			Help: "How long it took to make AWS what Neutron says, one turn.", Buckets: prometheus.ExponentialBuckets(0.02, 2.5, 9)}),
	}
	m.registry.MustRegister(m.addresses, m.findings, m.held, m.calls, m.latency, m.answers, m.waits, m.turns, frames{pinDir},
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Called counts a call of AWS; it makes metrics a registrar.Observer.
func (m *metrics) Called(action, result string, took time.Duration) {
	m.calls.WithLabelValues(action, result).Inc()
	m.latency.WithLabelValues(action).Observe(took.Seconds())
}

func (m *metrics) asked(err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.answers.WithLabelValues(result).Inc()
}

func (m *metrics) registered(after time.Duration) { m.waits.Observe(after.Seconds()) }

func (m *metrics) translates(n int) { m.addresses.WithLabelValues(stateTranslated).Set(float64(n)) }

func (m *metrics) reconciled(c Config, o outcome) {
	m.turns.Observe(o.took.Seconds())
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
	framesTotal = prometheus.NewDesc("macaw_frames_total", "Frames that passed the provider NICs, by direction (out: to AWS) and kind.",
		[]string{"direction", "kind"}, nil)
	bytesTotal = prometheus.NewDesc("macaw_bytes_total", "Octets of those frames, Ethernet headers included.",
		[]string{"direction", "kind"}, nil)
	droppedTotal = prometheus.NewDesc("macaw_dropped_frames_total", "Frames that were dropped at the provider NICs, by direction and reason.",
		[]string{"direction", "reason"}, nil)
)

// Describe implements prometheus.Collector.
func (frames) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{framesTotal, bytesTotal, droppedTotal} {
		c <- d
	}
}

// Collect implements prometheus.Collector. Without a translation there is
// nothing.
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
	for reason, n := range counters {
		direction := "in"
		if reason.Out() {
			direction = "out"
		}
		if reason.Dropped() {
			c <- prometheus.MustNewConstMetric(droppedTotal, prometheus.CounterValue, float64(n.Packets), direction, reason.String())
			continue
		}
		c <- prometheus.MustNewConstMetric(framesTotal, prometheus.CounterValue, float64(n.Packets), direction, reason.String())
		c <- prometheus.MustNewConstMetric(bytesTotal, prometheus.CounterValue, float64(n.Bytes), direction, reason.String())
	}
}

// metricsAgain is the pause until it is tried again to answer Prometheus.
const metricsAgain = 30 * time.Second

// serve answers Prometheus until ctx is done, and tries again after a pause where that
// fails: the port may be somebody else's for a while.
func (m *metrics) serve(ctx context.Context, at netip.AddrPort, pause time.Duration, log *slog.Logger) {
	failed := ""
	for ctx.Err() == nil {
		err := m.answer(ctx, at)
		if err != nil && ctx.Err() == nil && err.Error() != failed {
			failed = err.Error()
			log.Warn("there are no metrics", "error", err)
		}
		sleep(ctx, pause)
	}
}

// answer answers Prometheus. The management address need not be there yet: the agent
// starts before the network does (ip(7), IP_FREEBIND).
func (m *metrics) answer(ctx context.Context, at netip.AddrPort) error {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1) }), err)
	}}
	l, err := lc.Listen(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	return s.Serve(l)
}
