// SPDX-License-Identifier: Apache-2.0

package silence

import (
	"net"
	"net/http"
	"time"
)

// Limit is how long the other side's machine may give no sign of life.
const Limit = 25 * time.Second

// answerLimit is how long a service of OpenStack may think about a request, on a
// machine that is alive.
const answerLimit = 2 * time.Minute

const dialLimit = 5 * time.Second

// Watch makes the connections of a dialer end after Limit without a sign of life:
// with nothing sent, and on Linux also with what was sent and not acknowledged.
func Watch(d *net.Dialer) {
	d.Timeout = dialLimit
	d.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 4}
	d.Control = watchSent
}

// Transport is the default transport, watched, and with an end of each request.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	d := &net.Dialer{}
	Watch(d)
	t.DialContext = d.DialContext
	t.ResponseHeaderTimeout = answerLimit
	return t
}
