// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// PcapWriter writes events as a pcapng file (IETF draft-ietf-opsawg-pcapng) for Wireshark
// and tshark: one interface per port, the direction in each packet's flags, and the drop
// reason as the packet's comment.
type PcapWriter struct {
	out        io.Writer
	interfaces map[Port]uint32
	block      bytes.Buffer
}

// The pcapng blocks and options in use.
const (
	pcapSection    = 0x0a0d0d0a
	pcapInterface  = 1
	pcapStatistics = 5
	pcapPacket     = 6
	pcapMagic      = 0x1a2b3c4d
	pcapSnap       = 1 << 16

	pcapOptComment  = 1
	pcapOptAppl     = 4 // of the section
	pcapOptName     = 2 // of an interface
	pcapOptTimeUnit = 9 // of an interface
	pcapOptFlags    = 2 // of a packet
	pcapOptDropped  = 7 // of statistics: packets lost because a buffer was full

	linkEthernet = 1
	linkRawIP    = 101
)

// NewPcapWriter starts a file. writer is the name of the writing program.
func NewPcapWriter(out io.Writer, writer string) (*PcapWriter, error) {
	w := &PcapWriter{out: out, interfaces: make(map[Port]uint32)}
	w.begin(pcapSection)
	w.put32(pcapMagic)
	w.put32(1) // version 1.0, little-endian
	w.put32(0xffffffff)
	w.put32(0xffffffff) // the section's length is not known
	w.option(pcapOptAppl, []byte(writer))
	w.option(0, nil)
	return w, w.end()
}

// Write writes an event.
func (w *PcapWriter) Write(e Event) error {
	id, err := w.interfaceOf(e.Port)
	if err != nil {
		return err
	}
	at := uint64(e.Time.UnixNano())
	w.begin(pcapPacket)
	w.put32(id)
	w.put32(uint32(at >> 32))
	w.put32(uint32(at))
	w.put32(uint32(len(e.Frame)))
	w.put32(uint32(e.Length))
	w.padded(e.Frame)
	if e.Reason != ReasonNone {
		w.option(pcapOptComment, []byte(comment(e)))
	}
	w.option(pcapOptFlags, binary.LittleEndian.AppendUint32(nil, uint32(2-e.Direction))) // 1 inbound, 2 outbound
	w.option(0, nil)
	return w.end()
}

// comment explains a drop to the reader of a capture.
func comment(e Event) string {
	text := fmt.Sprintf("dropped, %s: %s: %s", e.Direction, e.Reason, e.Reason.Explain())
	if source := e.Reason.Source(); source != "" {
		text += " (" + source + ")"
	}
	return text
}

// Lost records how many events are missing so far. It reports all of them at the first
// port: the format counts per interface, and the port of a lost event is unknown.
func (w *PcapWriter) Lost(events uint64, now time.Time) error {
	if len(w.interfaces) == 0 {
		return nil
	}
	at := uint64(now.UnixNano())
	w.begin(pcapStatistics)
	w.put32(0)
	w.put32(uint32(at >> 32))
	w.put32(uint32(at))
	w.option(pcapOptDropped, binary.LittleEndian.AppendUint64(nil, events))
	w.option(0, nil)
	return w.end()
}

func (w *PcapWriter) interfaceOf(p Port) (uint32, error) {
	if id, ok := w.interfaces[p]; ok {
		return id, nil
	}
	link := uint32(linkRawIP)
	if p.Kind == PortENI {
		link = linkEthernet
	}
	id := uint32(len(w.interfaces))
	w.interfaces[p] = id
	w.begin(pcapInterface)
	w.put32(link) // and 16 bits reserved
	w.put32(pcapSnap)
	w.option(pcapOptName, []byte(p.String()))
	w.option(pcapOptTimeUnit, []byte{9}) // nanoseconds
	w.option(0, nil)
	return id, w.end()
}

// begin starts a block; its length is filled in when it ends.
func (w *PcapWriter) begin(kind uint32) {
	w.block.Reset()
	w.put32(kind)
	w.put32(0)
}

func (w *PcapWriter) end() error {
	size := uint32(w.block.Len() + 4)
	w.put32(size)
	binary.LittleEndian.PutUint32(w.block.Bytes()[4:], size)
	_, err := w.out.Write(w.block.Bytes())
	return err
}

func (w *PcapWriter) put32(v uint32) {
	w.block.Write(binary.LittleEndian.AppendUint32(w.block.AvailableBuffer(), v))
}

func (w *PcapWriter) option(code uint16, value []byte) {
	w.put32(uint32(code) | uint32(len(value))<<16)
	w.padded(value)
}

func (w *PcapWriter) padded(b []byte) {
	w.block.Write(b)
	w.block.Write(make([]byte, -len(b)&3))
}
