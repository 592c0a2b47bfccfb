// SPDX-License-Identifier: Apache-2.0

package silence

import (
	"net"
	"net/http"
	"time"
)

// Limit is how long the other machine may be silent.
const Limit = 25 * time.Second

// answerLimit is how long a service of OpenStack may take to respond, on a machine that is alive.
const answerLimit = 2 * time.Minute

const dialLimit = 5 * time.Second

// Watch makes the connections of a dialer end after Limit without a sign of life: idle ones, and on
// Linux also those with unacknowledged data.
func Watch(d *net.Dialer) {
	d.Timeout = dialLimit
	d.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 4}
	d.Control = watchSent
}

// Transport is the default transport, watched, and with a time limit for each response.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	d := &net.Dialer{}
	Watch(d)
	t.DialContext = d.DialContext
	t.ResponseHeaderTimeout = answerLimit
	return t
}
