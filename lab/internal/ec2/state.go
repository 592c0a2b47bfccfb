// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/imds"
	"macaw.example/lab/internal/statefile"
	"macaw.example/lab/internal/vpc"
)

// DefaultAddressQuota is the limit of Elastic IPs of a new account (VPC User Guide, amazon-vpc-limits).
const DefaultAddressQuota = 5

// Config is the configuration of a State. Only Machines is required.
type Config struct {
	Account string // 12 digits; default DefaultAccount
	Region  string // default us-east-1
	Zones   []string
	// File holds the state between runs, with mode 0600. If empty, the state is in
	// memory only.
	File     string
	Fabric   Fabric // may be nil
	Machines Machines
	// Images are the stock images.
	Images []Image
	// Addresses is the pool of Elastic IPs, default 198.51.100.0/24. The first
	// ReservedAddresses of it (default 10) and the last are never allocated.
	Addresses         netip.Prefix
	ReservedAddresses int
	// AddressQuota is the account's limit of Elastic IPs, by default DefaultAddressQuota.
	AddressQuota int
	// Settings are those of the account; nil is an account without any.
	Settings *account.Account
	// IPv6Pool is the pool of the VPCs' /56s, default 2001:db8:1000::/36.
	IPv6Pool netip.Prefix
	// Profiles are the instance profiles; nil means none.
	Profiles Profiles
	// Metadata returns the source of the metadata service; the default is the state
	// itself.
	Metadata func(*State) imds.Source
	Log      *slog.Logger
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// DefaultAccount is the ID of the account unless the configuration has another.
const DefaultAccount = "123456789012"

func (c Config) withDefaults() Config {
	setDefault(&c.Account, DefaultAccount)
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.Addresses, netip.MustParsePrefix("198.51.100.0/24"))
	setDefault(&c.ReservedAddresses, 10)
	setDefault(&c.AddressQuota, DefaultAddressQuota)
	setDefault(&c.IPv6Pool, netip.MustParsePrefix("2001:db8:1000::/36"))
	setDefault(&c.Log, slog.Default())
	if len(c.Zones) == 0 {
		c.Zones = account.ZonesOf(c.Region)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// State is a region of the lab's EC2. Its methods are safe for concurrent use.
type State struct {
	cfg Config

	write   sync.Mutex // held while the model is being replaced
	current atomic.Pointer[model]
	history atomic.Pointer[[]moment] // the oldest first
	encoded []byte                   // current as JSON; guarded by write
	told    *vpc.Topology            // last topology the fabric accepted, nil if unknown; guarded by write

	ctx    context.Context
	cancel context.CancelFunc
	work   workers
}

// Open reads a State from its file; without a file the State is empty. Unfinished
// transitions of instances continue when Resume is called.
func Open(cfg Config) (*State, error) {
	s := &State{cfg: cfg.withDefaults()}
	if s.cfg.Machines == nil {
		return nil, errors.New("opening EC2 state: no machines given")
	}
	var err error
	if s.encoded, err = statefile.Read(s.cfg.File); err != nil {
		return nil, fmt.Errorf("opening EC2 state: %w", err)
	}
	m, err := statefile.Decode[model](s.encoded)
	if err != nil {
		return nil, fmt.Errorf("reading EC2 state %s: %w", s.cfg.File, err)
	}
	s.current.Store(m)
	s.remember(m)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.cfg.Settings.OnChange(func() {
		s.write.Lock()
		defer s.write.Unlock()
		s.tellFabric()
	})
	return s, nil
}

// Resume sends the topology to the fabric and continues the work that an earlier run
// left unfinished: instances in transition, images being made.
func (s *State) Resume() {
	s.write.Lock()
	defer s.write.Unlock()
	s.tellFabric()
	s.settle()
}

// Close cancels the work on instances, which the next run resumes, and waits for it to
// end.
func (s *State) Close() {
	s.cancel()
	s.work.close()
}

// Account is the ID of the account that owns everything in the state: 12 digits.
func (s *State) Account() string { return s.cfg.Account }

// Region is the region's name, such as us-east-1.
func (s *State) Region() string { return s.cfg.Region }

// Topology renders the state for the fabric.
func (s *State) Topology() vpc.Topology { return s.view().topology() }

// view is a read-only view of the newest model.
func (s *State) view() *tx { return &tx{model: s.current.Load(), cfg: &s.cfg, now: s.cfg.Now()} }

// tx is one action's view of the state.
type tx struct {
	*model
	cfg  *Config
	now  time.Time
	call *Call
}

// errDiscard makes update discard its copy without an error.
var errDiscard = errors.New("nothing to change")

// update runs change on a copy of the model. The copy becomes the model if change
// succeeds and the file is written.
func (s *State) update(call *Call, change func(*tx) error) error {
	s.write.Lock()
	defer s.write.Unlock()
	m, err := statefile.Decode[model](s.encoded)
	if err != nil {
		return fmt.Errorf("copying the EC2 state: %w", err)
	}
	t := &tx{model: m, cfg: &s.cfg, now: s.cfg.Now(), call: call}
	switch err := change(t); {
	case errors.Is(err, errDiscard):
		return nil
	case err != nil:
		return err
	}
	t.purge()
	encoded, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding the EC2 state: %w", err)
	}
	if err := statefile.Write(s.cfg.File, encoded); err != nil {
		return fmt.Errorf("keeping the EC2 state: %w", err)
	}
	s.encoded = encoded
	s.current.Store(m)
	s.remember(m)
	s.tellFabric()
	s.settle()
	return nil
}

func (s *State) tellFabric() {
	if s.cfg.Fabric == nil {
		return
	}
	topology := s.Topology()
	if s.told != nil && reflect.DeepEqual(topology, *s.told) {
		return
	}
	s.told = nil
	if err := s.cfg.Fabric.SetTopology(topology); err != nil {
		s.cfg.Log.Error("telling the fabric the topology", "err", err)
		return
	}
	s.told = &topology
}

// byID lists records in the order of their IDs: EC2 promises none.
func byID[R any](all map[string]*R) []*R {
	list := make([]*R, 0, len(all))
	for _, id := range slices.SortedFunc(maps.Keys(all), strings.Compare) {
		list = append(list, all[id])
	}
	return list
}

// mapped are the values of records that have one.
func mapped[R any](records []R, value func(R) string) []string {
	var all []string
	for _, r := range records {
		if v := value(r); v != "" {
			all = append(all, v)
		}
	}
	return all
}
