package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"macaw.example/internal/nodeapi"
)

// client speaks to the APIs of this cloud, at the controller's management address.
type client struct {
	controller netip.Addr
	user       string
	password   func() string
	project    string
	http       *http.Client

	mu    sync.Mutex
	token string
}

func newClient(s nodeapi.OpenStack, user string, password func() string, project string) *client {
	return &client{
		controller: s.Controller, user: user, password: password, project: project,
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8}},
	}
}

// statusError is an answer that is not a success.
type statusError struct {
	method, url string
	code        int
	body        string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s: %.300s", e.method, e.url, e.code, http.StatusText(e.code), e.body)
}

// hasStatus tells whether err is an answer with this status.
func hasStatus(err error, code int) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == code
}

// do sends in and reads the answer into out, either of which may be nil.
func (c *client) do(ctx context.Context, method string, port int, path string, in, out any) error {
	token, err := c.login(ctx)
	if err != nil {
		return err
	}
	_, err = c.send(ctx, method, port, path, token, in, out)
	return err
}

// login returns the client's token, and gets it first if there is none.
func (c *client) login(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" {
		return c.token, nil
	}
	type m = map[string]any
	domain := m{"id": "default"}
	header, err := c.send(ctx, "POST", 5000, "/v3/auth/tokens", "", m{"auth": m{
		"identity": m{"methods": []string{"password"}, "password": m{"user": m{"name": c.user, "domain": domain, "password": c.password()}}},
		"scope":    m{"project": m{"name": c.project, "domain": domain}},
	}}, nil)
	if err != nil {
		return "", fmt.Errorf("logging in to Keystone as %s: %w", c.user, err)
	}
	c.token = header.Get("X-Subject-Token")
	return c.token, nil
}

func (c *client) send(ctx context.Context, method string, port int, path, token string, in, out any) (http.Header, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	url := fmt.Sprintf("http://%s%s", netip.AddrPortFrom(c.controller, uint16(port)), path)
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer to %s %s: %w", method, url, err)
	}
	if resp.StatusCode >= 300 {
		return nil, &statusError{method, url, resp.StatusCode, string(b)}
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			return nil, fmt.Errorf("reading the answer to %s %s: %w", method, url, err)
		}
	}
	return resp.Header, nil
}

// pollEvery is how often something that starts is asked whether it has.
const pollEvery = 100 * time.Millisecond

// await calls ask until it succeeds, and gives up with the last reason when patience or ctx ends.
func await(ctx context.Context, what string, patience time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, err)
		case <-tick.C:
		}
	}
}

// answers asks an API whether it is there. Any answer short of a server's failure is a yes: who may ask is
// not the question yet.
func answers(ctx context.Context, at netip.AddrPort) error {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+at.String()+"/", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode >= 500 {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}
