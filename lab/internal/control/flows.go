// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Flow is a flow log record: the traffic from one address and port to another at a port of
// the fabric in an interval, and whether it was passed on.
type Flow struct {
	Port      string     `json:"port"` // an ENI's ID, "internet" or "services"
	Direction string     `json:"direction"`
	Source    netip.Addr `json:"source"`      // "" if not IP
	Dest      netip.Addr `json:"destination"` // likewise
	SPort     uint16     `json:"sourcePort"`
	DPort     uint16     `json:"destinationPort"`
	Protocol  uint8      `json:"protocol"`  // IP protocol number
	EtherType uint16     `json:"ethertype"` // 0 at "internet" and "services"
	Packets   uint64     `json:"packets"`
	Bytes     uint64     `json:"bytes"`
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	Action    string     `json:"action"` // ACCEPT or REJECT
	Reason    string     `json:"reason,omitempty"`
}

// FlowBatch holds the records of one interval.
type FlowBatch struct {
	Flows []Flow `json:"flows"`
	Lost  uint64 `json:"lost,omitempty"` // frames not examined, so far
}

// FollowFlows calls show with the flow log records of each interval from now on, until ctx
// ends or show fails. An empty port means all ports. Lost counts the frames that could not
// be examined in time.
func FollowFlows(ctx context.Context, port string, every time.Duration,
	show func(flows []Flow, lost uint64) error) error {
	lines, err := Open(ctx, http.MethodGet, "/flows?"+url.Values{"port": {port}, "interval": {every.String()}}.Encode())
	if err != nil {
		return err
	}
	defer lines.Close()
	in := json.NewDecoder(bufio.NewReader(lines))
	for {
		var b FlowBatch
		if err := in.Decode(&b); err != nil {
			return ended(ctx, err)
		}
		if err := show(b.Flows, b.Lost); err != nil {
			return err
		}
	}
}
