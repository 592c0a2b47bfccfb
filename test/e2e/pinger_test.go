// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// pingEvery is the interval between pings of a floating IP.
const pingEvery = 200 * time.Millisecond

// pinger pings a floating IP until it is stopped.
type pinger struct {
	guest string
	cmd   *exec.Cmd
	done  chan struct{}

	mu   sync.Mutex
	sent int
	lost map[int]time.Time // by sequence number
}

var pingLine = regexp.MustCompile(`^\[(\d+)\.(\d+)\] (?:(no answer yet for )|\d+ bytes from .*)icmp_seq=(\d+)`)

func startPinger(t *testing.T, f *floatingIP) *pinger {
	t.Helper()
	p := &pinger{guest: f.String(), done: make(chan struct{}), lost: map[int]time.Time{}}
	p.cmd = exec.Command("ping", "-n", "-D", "-O", "-i", fmt.Sprint(pingEvery.Seconds()), f.public)
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	go func() {
		defer close(p.done)
		wraps, last := 0, 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			m := pingLine.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			seconds, _ := strconv.ParseInt(m[1], 10, 64)
			micros, _ := strconv.ParseInt(m[2], 10, 64)
			at := time.Unix(seconds, micros*1000)
			seq, _ := strconv.Atoi(m[4])
			if seq < last-1<<15 { // sequence numbers wrap at 16 bits
				wraps++
			}
			last = seq
			seq += wraps << 16
			p.mu.Lock()
			p.sent = max(p.sent, seq)
			if m[3] != "" {
				p.lost[seq] = at
			} else {
				delete(p.lost, seq) // a late reply
			}
			p.mu.Unlock()
		}
	}()
	return p
}

func (p *pinger) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	<-p.done
	_ = p.cmd.Wait()
}

// gap is a run of unanswered pings.
type gap struct {
	from, to time.Time
	lost     int
}

func (p *pinger) gaps() (gaps []gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seqs := slices.Sorted(maps.Keys(p.lost))
	last := -2
	for _, seq := range seqs {
		at := p.lost[seq]
		if seq == last+1 {
			g := &gaps[len(gaps)-1]
			g.to, g.lost = at.Add(pingEvery), g.lost+1
		} else {
			gaps = append(gaps, gap{at, at.Add(pingEvery), 1})
		}
		last = seq
	}
	return gaps
}

var pingAnswer = regexp.MustCompile(`^\[(\d+\.\d+)\] \d+ bytes from `)

// longestGap pings an address every 50 ms while fn runs, and returns the longest time between two answers.
func longestGap(t *testing.T, address string, fn func()) (longest time.Duration) {
	t.Helper()
	ping := exec.CommandContext(t.Context(), "ping", "-n", "-D", "-i", "0.05", net.ParseIP(address).String())
	out, err := ping.StdoutPipe()
	if err == nil {
		err = ping.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		last := 0.0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			m := pingAnswer.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			at, _ := strconv.ParseFloat(m[1], 64)
			if last > 0 {
				longest = max(longest, time.Duration((at-last)*float64(time.Second)))
			}
			last = at
		}
	}()
	fn()
	_ = ping.Process.Signal(os.Interrupt)
	<-done
	_ = ping.Wait()
	return longest
}
