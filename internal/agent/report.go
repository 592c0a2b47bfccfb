// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// reporter keeps the report's file, and logs the findings that are new in it.
type reporter struct {
	path   string // empty: no file
	node   string
	nics   nicCounters
	log    *slog.Logger
	report nodeapi.Report  // without its addresses
	last   outcome         // the last one without an error
	cfg    Config          // as of then
	found  []model.Finding // by it

	allowances allowanceWatch
	unreadable string // the last error of reading NICs' counters
}

func newReporter(path, node string, nics nicCounters, log *slog.Logger) *reporter {
	return &reporter{path: path, node: node, nics: nics, log: log}
}

// queried notes the result of a query of Neutron.
func (r *reporter) queried(err error) {
	r.report.Neutron = contactAfter(r.report.Neutron, err)
	if err != nil { // nothing is reconciled, so nothing else writes it
		r.save()
	}
}

func (r *reporter) save() {
	r.readAllowances(time.Now())
	now := slices.Concat(r.found, r.allowances.findings(r.node))
	r.logFindings(now)
	r.report.Findings, r.report.Allowances = now, r.allowances.latest
	if err := r.write(); err != nil {
		r.log.Warn("writing report failed", "error", err)
	}
}

// readAllowances reads the NICs' counters, if it is time. It logs an error once.
func (r *reporter) readAllowances(now time.Time) {
	if !r.allowances.due(now) {
		return
	}
	seen, err := readAllowances(r.nics)
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != r.unreadable {
		r.log.Warn("reading the NICs' counters failed; dropped packets may go unnoticed", "error", err)
	}
	r.unreadable = text
	r.allowances.observe(now, seen)
}

// contactAfter returns a contact after another query or pass.
func contactAfter(c nodeapi.Contact, err error) nodeapi.Contact {
	if err != nil {
		c.Error = err.Error()
		return c
	}
	return nodeapi.Contact{Answered: time.Now().UTC().Truncate(time.Second)}
}

// reconciled notes the outcome of a reconcile pass, and writes the file.
func (r *reporter) reconciled(c Config, o outcome) {
	r.report.AWS = contactAfter(r.report.AWS, o.err)
	if o.err == nil { // else the former findings still hold
		r.cfg, r.last = c, o
		r.report.ENIs = enisReport(o)
		r.found = findings(c, o.addresses, o.result)
		r.report.Held = o.result.Held
	}
	r.save()
}

func enisReport(o outcome) []nodeapi.ENI {
	var all []nodeapi.ENI
	for _, e := range o.result.ENIs {
		all = append(all, nodeapi.ENI{
			ID: e.ID, MAC: e.MAC, Primary: e.Primary, Device: e.Device, Addresses: len(e.Addresses), Limit: e.Limit - 1,
		})
	}
	return all
}

func (r *reporter) address(a neutron.Address) nodeapi.Address {
	own, _ := policy(r.cfg, a)
	at := r.last.result.Registered[a.Addr]
	return nodeapi.Address{Addr: a.Addr, Kind: a.Kind, ID: a.ID, Router: a.Router, Project: a.Project,
		Host: a.Host, Here: r.cfg.here(a), ENI: at.ENI, Public: at.Public, Policy: own}
}

// logFindings logs the findings that are new, and those that are resolved.
func (r *reporter) logFindings(now []model.Finding) {
	// The text may differ each time: AWS puts an encoded message into a refusal.
	type key struct {
		addr netip.Addr
		code model.Code
	}
	before, present := make(map[key]model.Finding), make(map[key]bool)
	for _, f := range r.report.Findings {
		before[key{f.Addr, f.Code}] = f
	}
	for _, f := range now {
		k := key{f.Addr, f.Code}
		if _, known := before[k]; !known && !present[k] {
			r.log.Warn(f.Text, "address", f.Addr, "code", f.Code, "hint", f.Hint)
		}
		present[k] = true
	}
	for k, f := range before {
		if !present[k] {
			r.log.Info("resolved", "finding", f.Text, "address", f.Addr, "code", f.Code)
		}
	}
}

func (r *reporter) write() error {
	if r.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o755); err != nil {
		return err
	}
	f, err := renameio.NewPendingFile(r.path, renameio.WithStaticPermissions(0o644))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	w := bufio.NewWriter(f)
	if err := r.encode(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// encode writes the report with one address after the other: thousands of them need not
// be in memory twice.
func (r *reporter) encode(w io.Writer) error {
	report := r.report
	report.Addresses = []nodeapi.Address{}
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	// In a text the quotes would be escaped, so this is the member.
	before, after, _ := bytes.Cut(raw, []byte(`"addresses":[]`))
	if _, err := fmt.Fprintf(w, `%s"addresses":[`, before); err != nil {
		return err
	}
	e := json.NewEncoder(w)
	for i, a := range r.last.addresses {
		if i > 0 {
			if _, err := io.WriteString(w, ","); err != nil {
				return err
			}
		}
		if err := e.Encode(r.address(a)); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "]%s\n", after)
	return err
}

// readReport returns nil if no agent has written a report since the machine
// started.
func readReport(path string) (*nodeapi.Report, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the agent's report: %w", err)
	}
	var r nodeapi.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("reading the agent's report %s: %w", path, err)
	}
	return &r, nil
}
