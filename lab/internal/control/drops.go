// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Drop is a frame that the fabric did not pass on.
type Drop struct {
	Time      time.Time `json:"time"`
	Port      string    `json:"port"` // an ENI's ID, "internet" or "services"
	Direction string    `json:"direction"`
	Reason    string    `json:"reason"`
	Length    int       `json:"length"` // in bytes
	Summary   string    `json:"summary"`
}

// DropCount counts the frames of a port that the fabric dropped for a reason.
type DropCount struct {
	Port      string `json:"port"`
	Direction string `json:"direction"`
	Reason    string `json:"reason"`
	Explain   string `json:"explain"`
	Source    string `json:"source,omitempty"` // the document that the rule follows
	Frames    uint64 `json:"frames"`
}

// Drops are the frames that the fabric did not pass on: counters of all of them, and the
// most recent ones in detail.
type Drops struct {
	Counts []DropCount `json:"counts"`
	Recent []Drop      `json:"recent"`
}

// Followed is a line of the stream that FollowDrops reads.
type Followed struct {
	Drop
	// Lost is how many drops were left out because there were too many at once.
	Lost uint64 `json:"lost,omitempty"`
}

// ReadDrops asks the daemon for its fabric's drops.
func ReadDrops(ctx context.Context) (Drops, error) {
	var d Drops
	err := Ask(ctx, http.MethodGet, "/drops", &d)
	return d, err
}

// FollowDrops calls show for each drop from now on, until ctx ends or show fails. lost is
// how many were left out before this one.
func FollowDrops(ctx context.Context, show func(d Drop, lost uint64) error) error {
	lines, err := Open(ctx, http.MethodGet, "/drops/follow")
	if err != nil {
		return err
	}
	defer lines.Close()
	in := json.NewDecoder(bufio.NewReader(lines))
	for {
		var f Followed
		if err := in.Decode(&f); err != nil {
			return ended(ctx, err)
		}
		if err := show(f.Drop, f.Lost); err != nil {
			return err
		}
	}
}

// Capture writes frames to out as they pass or are dropped, in pcapng, until ctx ends. port
// is an ENI's ID, "internet" or "services"; empty means all ports.
func Capture(ctx context.Context, port string, dropsOnly bool, out io.Writer) error {
	q := url.Values{"port": {port}}
	if dropsOnly {
		q.Set("drops", "true")
	}
	frames, err := Open(ctx, http.MethodGet, "/pcap?"+q.Encode())
	if err != nil {
		return err
	}
	defer frames.Close()
	_, err = io.Copy(out, frames)
	return ended(ctx, err)
}

// ended turns the end of a stream into an error, unless ctx has ended.
func ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrDown
	}
	return err
}
