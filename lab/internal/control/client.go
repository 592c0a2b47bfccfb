// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

var (
	// ErrDown means that nobody listens at the lab's control socket.
	ErrDown = errors.New("the lab is down")
	// ErrNoDaemon means that there is a lab, maybe with machines that run, whose daemon does not.
	ErrNoDaemon = errors.New("the lab's daemon is not running")
)

// Ask sends a request to the daemon and decodes its answer, unless answer is nil.
func Ask(ctx context.Context, method, path string, answer any) error {
	body, err := Open(ctx, method, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if answer == nil {
		return nil
	}
	return json.NewDecoder(body).Decode(answer)
}

// Open sends a request to the daemon and returns its answer as a stream.
func Open(ctx context.Context, method, path string) (io.ReadCloser, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", Socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("%w: %w", ErrDown, err)
		}
		return nil, fmt.Errorf("asking the lab's daemon: %w", err) // it may be there
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return nil, fmt.Errorf("asking the lab's daemon: %s", strings.TrimSpace(string(text)))
	}
	return resp.Body, nil
}

// Ready tells whether the daemon answers.
func Ready(ctx context.Context) bool { return Ask(ctx, http.MethodGet, "/ready", nil) == nil }
