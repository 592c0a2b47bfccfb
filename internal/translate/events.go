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

// Event is a frame from the bridge whose source is not registered (Reason is
// one of OutUnregistered...), one whose source is registered and another's
// (OutSpoofed...), a shared address that is announced by another of its MACs
// (OutMoved), or a frame from the fabric to an address of Config.Near that has no
// entry (InHost; Addr is its destination). Events are a sample: at most one a
// second for an address, MAC and kind. Of ARP and ND from unregistered sources there are
// at most 64 a second, and 16 each of data from these, of data from others'
// addresses, of others' ARP and ND, and of frames from the fabric; none of these
// keeps the others from being told.
type Event struct {
	Reason   Reason     `json:"reason"`
	Addr     netip.Addr `json:"addr"`
	MAC      model.MAC  `json:"mac"`      // the frame's source
	Protocol uint16     `json:"protocol"` // EtherType
	Length   int        `json:"length"`   // of the frame, octets
}

// Events calls each for every event until ctx is done, and then returns nil.
// The first ones may be old: events wait for a reader. Only one process may
// read events.
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
