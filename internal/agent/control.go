package agent

import (
	"context"

	"macaw.example/internal/translate"
)

// Status is a gateway as it works now, for people and as JSON.
type Status struct {
	Mode     translate.Mode                       `json:"mode"`
	PinDir   string                               `json:"pin_dir"`
	Entries  []translate.Entry                    `json:"entries"`
	Counters map[translate.Reason]translate.Count `json:"counters"` // every reason, zero ones too
	// Agent is what the agent knows; nil if it has not finished a turn since the
	// machine started.
	Agent *Report `json:"agent,omitempty"`
}

// On makes frames be translated. The error is translate.ErrNotAttached if the
// node has no translation.
func On(ctx context.Context, cfg Config) error { return setMode(ctx, cfg, translate.Translate) }

// Off lets frames pass untouched, so that the fabric drops them. A reboot ends
// it. The error is translate.ErrNotAttached if the node has no translation.
func Off(ctx context.Context, cfg Config) error { return setMode(ctx, cfg, translate.Off) }

// ReadStatus returns the state of the node's translation. The error is
// translate.ErrNotAttached if there is none.
func ReadStatus(ctx context.Context, cfg Config) (Status, error) {
	if err := ctx.Err(); err != nil {
		return Status{}, err
	}
	t, err := translate.Open(cfg.PinDir)
	if err != nil {
		return Status{}, err
	}
	defer t.Close()
	s := Status{PinDir: t.PinDir()}
	if s.Mode, err = t.Mode(); err != nil {
		return Status{}, err
	}
	if s.Entries, err = t.Entries(); err != nil {
		return Status{}, err
	}
	if s.Counters, err = t.Counters(); err != nil {
		return Status{}, err
	}
	s.Agent, err = readReport(reportFile)
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
