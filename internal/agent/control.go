// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/translate"
)

// On has frames translated. The error is translate.ErrNotAttached if the node has no
// translation.
func On(ctx context.Context, cfg Config) error { return setMode(ctx, cfg, translate.Translate) }

// Off lets frames pass untouched, so that the fabric drops them, until On or a reboot. The
// error is translate.ErrNotAttached if the node has no translation.
func Off(ctx context.Context, cfg Config) error { return setMode(ctx, cfg, translate.Off) }

// ReadStatus returns the state of the node's translation. The error is
// translate.ErrNotAttached if there is none.
func ReadStatus(ctx context.Context, cfg Config) (nodeapi.Status, error) {
	if err := ctx.Err(); err != nil {
		return nodeapi.Status{}, err
	}
	t, err := translate.Open(cfg.PinDir)
	if err != nil {
		return nodeapi.Status{}, err
	}
	defer t.Close()
	s := nodeapi.Status{PinDir: t.PinDir()}
	mode, err := t.Mode()
	if err != nil {
		return nodeapi.Status{}, err
	}
	entries, err := t.Entries()
	if err != nil {
		return nodeapi.Status{}, err
	}
	counters, err := t.Counters()
	if err != nil {
		return nodeapi.Status{}, err
	}
	s.Mode, s.Entries, s.Counters = mode.String(), []nodeapi.Entry{}, map[string]nodeapi.Count{}
	for _, e := range entries {
		s.Entries = append(s.Entries, nodeapi.Entry(e))
	}
	for reason, n := range counters {
		s.Counters[reason.String()] = nodeapi.Count(n)
	}
	s.Report, err = readReport(reportFile)
	return s, err
}

func setMode(ctx context.Context, cfg Config, m translate.Mode) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := translate.Open(cfg.PinDir)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.SetMode(m)
}
