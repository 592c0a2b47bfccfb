// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is a short form of an event.
type seen struct {
	Port      Port
	Direction Direction
	Reason    Reason
}

func drain(o *Observer) (all []seen) {
	for {
		select {
		case e := <-o.Events():
			all = append(all, seen{e.Port, e.Direction, e.Reason})
		default:
			return all
		}
	}
}

func TestObserve(t *testing.T) {
	f := newBench(t, testTopology(), Config{}).Fabric
	frames := map[string][]byte{
		"passed":          ethernet(macA2, macA1, etherIPv4, ping("10.0.0.11", "10.0.0.21", 1)),
		"refused":         ethernet(macA2, macX, etherIPv4, ping("10.0.0.11", "10.0.0.21", 1)),
		"not taken":       ethernet(macA2, macA1, etherIPv4, ping("10.0.0.11", "10.0.0.99", 1)),
		"to the Internet": viaGateway(ping("10.0.0.11", "8.8.8.8", 1)),
	}
	for _, tc := range []struct {
		frame string
		what  Observation
		want  []seen
	}{
		{"passed", Observation{}, []seen{{a1, Egress, ReasonNone}, {a2, Ingress, ReasonNone}}},
		{"passed", Observation{Port: a2}, []seen{{a2, Ingress, ReasonNone}}},
		{"passed", Observation{DropsOnly: true}, nil},
		{"refused", Observation{}, []seen{{a1, Egress, ReasonSourceMAC}}},
		{"not taken", Observation{}, []seen{{a2, Ingress, ReasonDestinationAddress}, {a1, Egress, ReasonNone}}},
		{"not taken", Observation{DropsOnly: true}, []seen{{a2, Ingress, ReasonDestinationAddress}}},
		{"to the Internet", Observation{}, []seen{{a1, Egress, ReasonNone}, {Internet, Ingress, ReasonNone}}},
	} {
		o := f.Observe(tc.what)
		f.Forward(a1, frames[tc.frame], time.Now(), new(Output))
		if diff := cmp.Diff(tc.want, drain(o)); diff != "" {
			t.Errorf("%s, %+v (-want +got):\n%s", tc.frame, tc.what, diff)
		}
		o.Close()
		f.Forward(a1, frames[tc.frame], time.Now(), new(Output))
		if after := drain(o); after != nil {
			t.Errorf("%s: events after Close: %v", tc.frame, after)
		}
	}
}

func TestObserverWithoutRoom(t *testing.T) {
	f := newBench(t, testTopology(), Config{}).Fabric
	full, other := f.Observe(Observation{Buffer: 1, Snap: 20}), f.Observe(Observation{})
	defer full.Close()
	defer other.Close()
	frame := ethernet(macA2, macA1, etherIPv4, ping("10.0.0.11", "10.0.0.21", 1))
	for range 3 {
		f.Forward(a1, frame, time.Now(), new(Output))
	}
	if full.Lost() != 5 {
		t.Errorf("lost %d events, want 5", full.Lost())
	}
	if n := len(drain(other)); n != 6 {
		t.Errorf("the other observer saw %d events, want 6", n)
	}
	if e := <-full.Events(); len(e.Frame) != 20 || e.Length != len(frame) {
		t.Errorf("kept %d bytes of %d, want 20 of %d", len(e.Frame), e.Length, len(frame))
	}
}

// pcapOf returns a capture of one passed and one dropped frame.
func pcapOf(t *testing.T) []byte {
	f := newBench(t, testTopology(), Config{}).Fabric
	o := f.Observe(Observation{})
	defer o.Close()
	at := time.Unix(1700000000, 123456789)
	for _, source := range []MAC{macA1, macX} {
		f.Forward(a1, ethernet(macA2, source, etherIPv4, ping("10.0.0.11", "10.0.0.21", 1)), at, new(Output))
	}
	var b bytes.Buffer
	w, err := NewPcapWriter(&b, "test")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Write(<-o.Events()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Lost(7, at); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPcap(t *testing.T) {
	b := pcapOf(t)
	var kinds []uint32
	for rest := b; len(rest) > 0; {
		size := binary.LittleEndian.Uint32(rest[4:])
		if size%4 != 0 || int(size) > len(rest) || binary.LittleEndian.Uint32(rest[size-4:]) != size {
			t.Fatalf("block %d has a wrong length %d", len(kinds), size)
		}
		kinds = append(kinds, binary.LittleEndian.Uint32(rest))
		rest = rest[size:]
	}
	want := []uint32{pcapSection, pcapInterface, pcapPacket, pcapInterface, pcapPacket, pcapPacket, pcapStatistics}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	if !bytes.Contains(b, []byte("dropped, egress: source-mac: ")) {
		t.Error("no comment on the dropped frame")
	}
}

// TestPcapReaders reads the capture with Wireshark's own reader.
func TestPcapReaders(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	file := filepath.Join(t.TempDir(), "frames.pcapng")
	if err := os.WriteFile(file, pcapOf(t), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-r", file, "-T", "fields", "-E", "separator=|",
		"-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "frame.time_epoch", "-e", "ip.dst",
		"-e", "frame.comment").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, want := range []string{
		a1.ENI + "|0x00000002|1700000000.123456789|10.0.0.21|",
		a2.ENI + "|0x00000001|1700000000.123456789|10.0.0.21|",
		a1.ENI + "|0x00000002|1700000000.123456789|10.0.0.21|dropped, egress: source-mac: ",
	} {
		if got := lines[len(lines)-3+i]; !strings.HasPrefix(got, want) {
			t.Errorf("tshark shows\n%s\nwant\n%s", got, want)
		}
	}
}
