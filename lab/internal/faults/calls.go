// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"time"

	"macaw.example/lab/internal/ec2"
)

// messages are the error messages of the codes (EC2 API Reference, errors-overview).
var messages = map[string]string{
	"InternalError":        "An internal error has occurred",
	"ServiceUnavailable":   "The request has failed due to a temporary failure of the server.",
	"Unavailable":          "The server is overloaded and can't handle the request.",
	"RequestLimitExceeded": "Request limit exceeded.",
}

func apiError(code string) *ec2.APIError {
	return &ec2.APIError{Status: Codes[code], Code: code, Message: messages[code]}
}

// Inject decides which faults strike a call. Every fault draws for each call that it
// concerns, so turning one on does not change the draws of another.
func (i *Injector) Inject(c ec2.CallFacts) ec2.Injection {
	i.mu.Lock()
	defer i.mu.Unlock()
	var d ec2.Injection
	for _, f := range i.plan.Faults {
		switch f.Name {
		case Throttle:
			if i.throttled(c) && !decided(d) {
				d.Refuse = apiError("RequestLimitExceeded")
			}
		case Error, Timeout:
			i.chance(f, c.Action, &d)
		case Latency:
			if f.befalls(c.Action) {
				d.Latency += f.between(i.dice(f.Name, c.Action))
			}
		case Lag:
			if reads(c.Action) && f.befalls(c.Action) {
				d.Lag = max(d.Lag, f.between(i.dice(f.Name, c.Action)))
			}
		}
	}
	return d
}

func decided(d ec2.Injection) bool { return d.Refuse != nil || d.NoAnswer }

// chance draws whether an error or a timeout strikes.
func (i *Injector) chance(f Fault, action string, d *ec2.Injection) {
	if !f.befalls(action) {
		return
	}
	r := i.dice(f.Name+" "+f.Action, action)
	hit, after, hang := r.Float64() < f.Rate, f.When == After || f.When == Either && r.IntN(2) == 1, time.Duration(0)
	if f.Name == Timeout {
		hang = f.between(r)
	}
	if !hit || decided(*d) {
		return
	}
	d.AfterEffect = after
	if f.Name == Timeout {
		d.NoAnswer, d.Hang = true, hang
		return
	}
	d.Refuse = apiError(f.Code)
}
