// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf/ringbuf"

	"macaw.example/internal/model"
)

// Event is a frame that may be news:
//
//   - from the bridge, and its source has no entry (Reason is OutUnregistered...);
//   - from the bridge, and its source has an entry with another MAC (OutSpoofed...);
//   - an announcement of a shared address by another of its MACs (OutMoved);
//   - from the fabric, to an address of Config.Subnet without an entry (InHost; Addr is the
//     destination).
//
// Events are a sample: at most one a second for an address, MAC and kind. There are at
// most 64 a second of ARP and ND from sources without an entry, and 16 each of data from
// these, of data from spoofed sources, of their ARP and ND, and of frames from the fabric;
// none of these suppresses the others.
type Event struct {
	Reason   Reason     `json:"reason"`
	Addr     netip.Addr `json:"addr"`
	MAC      model.MAC  `json:"mac"`      // the frame's source
	Protocol uint16     `json:"protocol"` // EtherType
	Length   int        `json:"length"`   // of the frame, octets
}

// Events calls each for every event until ctx is done, and then returns nil. The first ones
// may be old: events wait for a reader. Only one process may read events.
func (t *Translator) Events(ctx context.Context, each func(Event)) error {
	reader, err := ringbuf.NewReader(t.events)
	if err != nil {
		return fmt.Errorf("opening events of translation: %w", err)
	}
	defer reader.Close()
	stop := context.AfterFunc(ctx, func() { reader.Close() })
	defer stop()
	for {
		record, err := reader.Read()
		if errors.Is(err, ringbuf.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading events of translation: %w", err)
		}
		var raw bpfEvent
		if err := binary.Read(bytes.NewReader(record.RawSample), binary.NativeEndian, &raw); err != nil {
			return fmt.Errorf("reading event of %d octets: %w", len(record.RawSample), err)
		}
		each(Event{
			Reason:   Reason(raw.Reason),
			Addr:     netip.AddrFrom16(raw.Address).Unmap(),
			MAC:      raw.Mac.B,
			Protocol: raw.Protocol,
			Length:   int(raw.Length),
		})
	}
}
