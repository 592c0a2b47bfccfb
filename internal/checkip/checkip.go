// SPDX-License-Identifier: Apache-2.0

// Package checkip finds the public IPv4 address of this machine, by asking a service that returns the
// address from which it was asked, such as https://checkip.amazonaws.com.
//
// It asks directly, never through a proxy: the answer is meant for connections that do not go
// through one, such as SSH.
package checkip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"macaw.example/internal/hint"
	"macaw.example/internal/silence"
)

// AWS is AWS's own service (VPC User Guide, "Security group rules").
const AWS = "https://checkip.amazonaws.com"

// limit is how long the service may take, TCP and TLS included.
const limit = 10 * time.Second

// Check refuses a service whose answer others could change on its way: it opens the cloud's doors.
func Check(service string) error {
	u, err := url.Parse(service)
	if err != nil {
		return err
	}
	host, err := netip.ParseAddr(u.Hostname())
	local := err == nil && host.IsLoopback()
	if u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%q is no https URL", service)
	}
	return nil
}

// Find asks the service at a URL.
func Find(ctx context.Context, service string) (netip.Addr, error) {
	u, err := url.Parse(service)
	if err != nil {
		return netip.Addr{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %s", limit))
	defer cancel()
	a, err := ask(ctx, u)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err == nil {
		return a, nil
	}
	advice := "write the networks of operators into management.allow instead of auto"
	if silence.NoRoute(err) || errors.Is(err, errNoIPv4) {
		advice = "this machine seems to have IPv6 only, and the cloud's management network IPv4 only: it needs a way to " +
			"IPv4, such as a VPN or a CLAT; with one by NAT64, write the address that others see into management.allow"
	}
	err = fmt.Errorf("finding this machine's public IPv4 address from %s: %w", service, err)
	return netip.Addr{}, hint.With(err, "%s", advice)
}

// errNoIPv4 is for names without an IPv4 address.
var errNoIPv4 = errors.New("there is no way to it over IPv4")

func ask(ctx context.Context, u *url.URL) (netip.Addr, error) {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp4", address)
			var none *net.AddrError // "no suitable address found"
			if errors.As(err, &none) {
				err = errNoIPv4
			}
			return c, err
		},
		DisableKeepAlives: true,
	}
	client := &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return netip.Addr{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		var of *url.Error // its text has the URL once more
		if errors.As(err, &of) {
			err = of.Err
		}
		return netip.Addr{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return netip.Addr{}, fmt.Errorf("it answers %s", response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 64))
	if err != nil {
		return netip.Addr{}, err
	}
	a, err := netip.ParseAddr(strings.TrimSpace(string(text)))
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("it answers %.20q, which is no address: a portal may be in between", text)
	case !a.Is4() || !a.IsGlobalUnicast() || a.IsPrivate() || shared.Contains(a):
		return netip.Addr{}, fmt.Errorf("it answers %s, which is no public IPv4 address", a)
	}
	return a, nil
}

// shared are the addresses of carriers' NAT (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")
