package agent

import (
	"context"
	"hash/maphash"
	"strconv"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/registrar"
)

// claims brings what Neutron has given out to AWS. It works beside the agent's
// loop: AWS may take its time, and known addresses must not wait for it.
type claims struct {
	registrar reconciler
	cfg       Config
	holds     *holds
	wanted    chan []neutron.Address // the newest answer of Neutron that was not taken up
	outcomes  chan outcome           // the newest one that was not read
}

// reconciler is the registrar.
type reconciler interface {
	Reconcile(context.Context, []registrar.Want) (registrar.Result, error)
	Agree([]model.Held) error
}

// outcome is what came of reconciling the addresses of one answer.
type outcome struct {
	addresses []neutron.Address
	result    registrar.Result
	err       error
	took      time.Duration
}

func newClaims(cfg Config, r reconciler, h *holds) *claims {
	return &claims{registrar: r, cfg: cfg, holds: h,
		wanted: make(chan []neutron.Address, 1), outcomes: make(chan outcome, 1)}
}

// want hands over an answer of Neutron. One that was not taken up yet is
// forgotten: only the newest counts.
func (c *claims) want(addresses []neutron.Address) { replace1(c.wanted, addresses) }

// reconcileLimit bounds one turn of reconciling. Each call of AWS has a bound of its
// own, and a turn with thousands of addresses takes minutes.
const reconcileLimit = 15 * time.Minute

// run reconciles until ctx is done.
func (c *claims) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case addresses := <-c.wanted:
			began := time.Now()
			c.holds.takeUp(c.registrar.Agree)
			limited, cancel := context.WithTimeout(ctx, reconcileLimit)
			result, err := c.registrar.Reconcile(limited, wants(c.cfg, addresses))
			cancel()
			if ctx.Err() != nil {
				return
			}
			replace1(c.outcomes, outcome{addresses, result, err, time.Since(began)})
		}
	}
}

// replace1 puts a value into a channel of one place that one goroutine fills.
func replace1[T any](c chan T, v T) {
	select {
	case <-c:
	default:
	}
	c <- v
}

var seed = maphash.MakeSeed()

// fingerprint stands for all of an answer of Neutron that matters to AWS and to
// floating IPs' tags. Two answers that say the same have one.
func fingerprint(addresses []neutron.Address) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	text := func(s string) {
		h.WriteString(s)
		h.WriteByte(0)
	}
	for _, a := range addresses {
		at := a.Addr.As16()
		h.Write(at[:])
		h.Write(a.MAC)
		for _, s := range []string{string(a.Kind), a.ID, a.Router, a.Host, strconv.FormatBool(a.Active)} {
			text(s)
		}
		for _, tag := range a.Tags {
			text(tag)
		}
		h.WriteByte(1)
	}
	return h.Sum64()
}
