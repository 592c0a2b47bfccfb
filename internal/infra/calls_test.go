// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"sync"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// calls is between the package's clients and the lab. It counts calls; a test may inspect or refuse
// a call, or lose its response.
type calls struct {
	mu      sync.Mutex
	changes int // calls so far that change something
	// before is called before a call, and after when it has taken effect. Their error replaces the
	// response. Calls are shown one at a time.
	before, after func(call) error
}

// call is a call. One that changes something is counted, from 1.
type call struct {
	n  int
	op string
	in any
}

// watch is one of a client's APIOptions.
func (c *calls) watch(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("calls", c.pass), middleware.After)
}

func (c *calls) pass(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
	if err := ctx.Err(); err != nil {
		return out, metadata, err // a killed process makes no more calls
	}
	this := call{op: middleware.GetOperationName(ctx), in: in.Parameters}
	if err := c.show(&c.before, &this); err != nil {
		return out, metadata, err
	}
	if out, metadata, err = next.HandleInitialize(ctx, in); err != nil {
		return out, metadata, err
	}
	return out, metadata, c.show(&c.after, &this)
}

func (c *calls) show(to *func(call) error, this *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if this.n == 0 && changes(this.op) {
		c.changes++
		this.n = c.changes
	}
	if *to == nil {
		return nil
	}
	return (*to)(*this)
}

// hook sets before and after.
func (c *calls) hook(before, after func(call) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before, c.after = before, after
}

// changed counts the calls of f that change something.
func (c *calls) changed(f func()) int {
	begin := c.changes
	f()
	return c.changes - begin
}

// killed runs f as a process that is killed when its n-th change has taken effect: the response is lost, and
// concurrent goroutines make no more calls. A kill after a call that reads leaves what one after the change
// before it leaves.
func (c *calls) killed(t *testing.T, n int, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	last := c.changes + n
	c.hook(nil, func(this call) error {
		if this.n != last {
			return nil
		}
		cancel()
		return context.Canceled
	})
	defer c.hook(nil, nil)
	if err := f(ctx); err == nil && ctx.Err() != nil {
		t.Error("killed, but no error")
	}
}

// refusing refuses calls the first times with the error that of returns, if any.
func refusing(times int, of func(op string) error) func(call) error {
	refused := map[string]int{}
	return func(this call) error {
		err := of(this.op)
		if err == nil || refused[this.op] == times {
			return nil
		}
		refused[this.op]++
		return err
	}
}

func apiError(code string) error { return &smithy.GenericAPIError{Code: code, Message: code} }
