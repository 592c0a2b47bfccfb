// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Order is the input of one run of the agent: it sends and receives on the devices
// concurrently, and makes the requests one after the other.
type Order struct {
	Devices  []Device
	Requests []Request
}

// Device is a network interface, found by its MAC.
type Device struct {
	MAC  string
	Send []Shot
	// Listen is how long frames are received.
	Listen time.Duration
}

// Shot is a frame and the time to send it, from the start of the order.
type Shot struct {
	At    time.Duration
	Frame []byte
}

// Request is an HTTP request. If Until is set, the request is repeated every half
// second, for up to a minute, until the body contains Until.
type Request struct {
	Method, URL string
	Header      map[string]string
	// Token asks the agent to get a session token of the metadata service and send it
	// along.
	Token bool
	Until string
	// After is the delay before the request.
	After time.Duration
}

// Answer is the result of an Order.
type Answer struct {
	Begun     time.Time // by the instance's clock
	Devices   []Heard   // as in the order
	Responses []Response
}

// Heard holds what a device received; Problem is the error, if any.
type Heard struct {
	Frames  []Frame
	Problem string `json:",omitempty"`
}

// Frame is a received frame and its time, from the start of the order.
type Frame struct {
	At    time.Duration
	Frame []byte
}

// Response is an HTTP response. Took is the time until it arrived, or until the body
// contained Until.
type Response struct {
	Status  int
	Body    string
	Took    time.Duration
	Problem string `json:",omitempty"`
}

// maxFrames bounds the frames kept for a device.
const maxFrames = 20000

// Serve reads an order, executes it and writes the answer.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	var order Order
	if err := json.NewDecoder(in).Decode(&order); err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	answer := Answer{Begun: time.Now(), Devices: make([]Heard, len(order.Devices))}
	g, ctx := errgroup.WithContext(ctx)
	for i, d := range order.Devices {
		g.Go(func() error {
			frames, err := use(ctx, d, answer.Begun)
			answer.Devices[i].Frames = frames
			if err != nil {
				answer.Devices[i].Problem = err.Error()
			}
			return nil
		})
	}
	g.Go(func() error {
		for _, r := range order.Requests {
			time.Sleep(r.After)
			answer.Responses = append(answer.Responses, ask(ctx, r))
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(answer)
}

// use sends and receives on a device.
func use(ctx context.Context, d Device, begun time.Time) ([]Frame, error) {
	link, err := linkOf(d.MAC)
	if err != nil {
		return nil, err
	}
	s, err := openSocket(link)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", link.Name, err)
	}
	defer s.close()
	g, _ := errgroup.WithContext(ctx)
	g.Go(func() error {
		shots := slices.SortedStableFunc(slices.Values(d.Send), func(a, b Shot) int { return int(a.At - b.At) })
		for _, shot := range shots {
			time.Sleep(time.Until(begun.Add(shot.At)))
			if err := s.send(shot.Frame); err != nil {
				return fmt.Errorf("sending on %s: %w", link.Name, err)
			}
		}
		return nil
	})
	var frames []Frame
	g.Go(func() error {
		for end := begun.Add(d.Listen); time.Now().Before(end) && len(frames) < maxFrames; {
			frame, err := s.receive()
			if err != nil {
				return fmt.Errorf("receiving on %s: %w", link.Name, err)
			}
			if frame != nil {
				frames = append(frames, Frame{time.Since(begun), frame})
			}
		}
		return nil
	})
	err = g.Wait()
	return frames, err
}

func linkOf(mac string) (net.Interface, error) {
	links, err := net.Interfaces()
	if err != nil {
		return net.Interface{}, err
	}
	for _, l := range links {
		if strings.EqualFold(l.HardwareAddr.String(), mac) {
			return l, nil
		}
	}
	return net.Interface{}, fmt.Errorf("no device has the MAC %s", mac)
}

const (
	waitEvery = 500 * time.Millisecond
	waitAtAll = time.Minute
)

func ask(ctx context.Context, r Request) Response {
	begun := time.Now()
	for {
		res, err := once(ctx, r)
		res.Took = time.Since(begun)
		if err != nil {
			res.Problem = err.Error()
		}
		if r.Until == "" || strings.Contains(res.Body, r.Until) || res.Took > waitAtAll || ctx.Err() != nil {
			return res
		}
		time.Sleep(waitEvery)
	}
}

func once(ctx context.Context, r Request) (Response, error) {
	header := http.Header{}
	for name, value := range r.Header {
		header.Set(name, value)
	}
	if r.Token {
		token, err := do(ctx, http.MethodPut, tokenURL, http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}})
		if err != nil || token.Status != http.StatusOK {
			return token, err
		}
		header.Set("X-Aws-Ec2-Metadata-Token", token.Body)
	}
	return do(ctx, r.Method, r.URL, header)
}

const tokenURL = "http://169.254.169.254/latest/api/token"

func do(ctx context.Context, method, url string, header http.Header) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(nil))
	if err != nil {
		return Response{}, err
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	return Response{Status: res.StatusCode, Body: string(b)}, err
}
