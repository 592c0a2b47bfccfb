// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"macaw.example/internal/model"
)

func heldNow(n int) (all []model.Held) {
	at := time.Date(2026, 11, 23, 2, 14, 5, 123456789, time.UTC)
	for i := range n {
		all = append(all, model.Held{Allocation: "eipalloc-" + string(rune('a'+i)),
			Public: netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}),
			Addr:   netip.AddrFrom4([4]byte{10, 20, 1, byte(i)}), Since: at, Until: at.Add(24 * time.Hour)})
	}
	return all
}

func TestHeldIsSaved(t *testing.T) {
	cfg := Config{State: filepath.Join(t.TempDir(), "macaw", "translation.json")}
	var log bytes.Buffer
	h := newHeldFiles(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if got := h.load(); got != nil || log.Len() > 0 {
		t.Errorf("at the first start %v is held; log:\n%s", got, &log)
	}
	for _, want := range [][]model.Held{{}, heldNow(3), {}} {
		if err := h.save(want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, h.load(), byValue); d != "" {
			t.Errorf("after a restart (-want +got):\n%s", d)
		}
	}
	path := filepath.Join(h.dir, heldFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := h.load(); got != nil || !strings.Contains(log.String(), "holding every one") {
		t.Errorf("of a broken file %v is held; log:\n%s", got, &log)
	}
}

// It is logged once, and not each time.
func TestHeldCannotBeSaved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h := newHeldFiles(Config{State: filepath.Join(file, "translation.json")}, slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		if h.save(heldNow(1)) == nil {
			t.Error("no error")
		}
	}
	if n := strings.Count(log.String(), "none is released"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, &log)
	}
}

func TestAgreementIsApplied(t *testing.T) {
	cfg := Config{State: filepath.Join(t.TempDir(), "translation.json")}
	h := newHeldFiles(cfg, slog.New(slog.DiscardHandler))
	for _, held := range [][]model.Held{heldNow(3)[:1], heldNow(3)[1:]} {
		if err := Agree(cfg, held); err != nil {
			t.Fatal(err)
		}
	}
	h.applyAgreements(func([]model.Held) error { return errors.New("no space left on device") })
	var got []model.Held
	agree := func(held []model.Held) error { got = append(got, held...); return nil }
	h.applyAgreements(agree)
	if d := cmp.Diff(heldNow(3), got, byValue); d != "" {
		t.Errorf("after one that could not be saved (-want +got):\n%s", d)
	}
	if h.applyAgreements(agree); len(got) != 3 {
		t.Error("an agreement was applied twice")
	}
	if err := os.WriteFile(filepath.Join(h.dir, "agreed-1.json"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.applyAgreements(agree)
	if left, _ := filepath.Glob(filepath.Join(h.dir, "*")); len(got) != 3 || len(left) != 0 {
		t.Errorf("%d are agreed to, files %v", len(got), left)
	}
}

// The agent applies an agreement as soon as it gets SIGHUP, and reports what is held.
func TestAgentReportsWhatIsHeld(t *testing.T) {
	inBubble(t, func(b *env) {
		hangup := make(chan os.Signal)
		b.agent.reload = hangup
		report := filepath.Join(filepath.Dir(b.agent.cfg.State), "agent.json")
		b.agent.report.path = report
		held := heldNow(3)
		held[0].Agreed = true
		b.aws.held = held
		for i := range held {
			held[i].Until = time.Now().Add(time.Hour)
		}
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		pass(time.Second)
		if got, err := readReport(report); err != nil || len(got.Held) != 3 || !got.Held[0].Agreed {
			t.Errorf("the report is %+v, %v", got, err)
		}
		metrics := httptest.NewRecorder()
		promhttp.HandlerFor(b.agent.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP(metrics,
			httptest.NewRequest("GET", "/metrics", nil))
		if !strings.Contains(metrics.Body.String(), "\nmacaw_releases_held 2\n") {
			t.Errorf("the metrics are\n%s", metrics.Body)
		}
		if err := Agree(b.agent.cfg, held); err != nil {
			t.Fatal(err)
		}
		hangup <- syscall.SIGHUP
		pass(time.Second)
		b.aws.mu.Lock()
		defer b.aws.mu.Unlock()
		if d := cmp.Diff(held, b.aws.agreed, byValue); d != "" {
			t.Errorf("a second after the signal is agreed to (-want +got):\n%s", d)
		}
	})
}
