// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// bench is the environment of one check. Like a testing.T it ends the check from
// within: a failed assertion does not return.
type bench struct {
	*suite
	ctx          context.Context
	check        string
	observations []string
	elastic      []string // allocation IDs on lease
}

// ended unwinds a check's stack up to carryOut.
type ended struct{ err error }

func (b *bench) end(err error) { panic(ended{err}) }

// inapplicable is the error of a check that the account gives no occasion for.
type inapplicable struct{ reason string }

func (i *inapplicable) Error() string { return i.reason }

// skip ends the check without a verdict.
func (b *bench) skip(format string, args ...any) { b.end(&inapplicable{fmt.Sprintf(format, args...)}) }

// carryOut runs a check and returns its error. A panic in the check must not keep the
// run from removing its resources.
func (b *bench) carryOut(run func(*bench)) (err error) {
	defer func() {
		switch stop := recover().(type) {
		case nil:
		case ended:
			err = stop.err
		default:
			err = fmt.Errorf("a fault in the check: %v\n%s", stop, debug.Stack())
		}
	}()
	run(b)
	return nil
}

// must returns the result of a call that a check depends on; if the call fails, the
// check is broken.
func must[T any](v T, err error) func(*bench) T {
	return func(b *bench) T {
		b.need(err)
		return v
	}
}

func (b *bench) need(err error) {
	if err != nil {
		b.end(err)
	}
}

// grants fails the check if a call that the rule allows was refused.
func grants[T any](v T, err error) func(*bench, string) T {
	return func(b *bench, what string) T {
		if code(err) != "" {
			b.end(&Failure{what, err.Error()})
		}
		b.need(err)
		return v
	}
}

// observe records an observation for the report.
func (b *bench) observe(format string, args ...any) {
	b.observations = append(b.observations, fmt.Sprintf(format, args...))
}

// want fails the check unless the observed value is the one that the rule requires.
func (b *bench) want(what string, seen, expected any) {
	if !reflect.DeepEqual(seen, expected) {
		b.end(&Failure{fmt.Sprintf("%s: %v", what, expected), fmt.Sprint(seen)})
	}
}

// holds fails the check unless ok.
func (b *bench) holds(ok bool, expected, format string, args ...any) {
	if !ok {
		b.end(&Failure{expected, fmt.Sprintf(format, args...)})
	}
}

// wantCode fails the check unless a call was refused with one of the codes.
func (b *bench) wantCode(err error, what string, codes ...string) {
	switch got := code(err); {
	case err == nil:
		b.end(&Failure{what + ": " + strings.Join(codes, " or "), "the call succeeded"})
	case got == "":
		b.end(err)
	case !slices.Contains(codes, got):
		b.end(&Failure{what + ": " + strings.Join(codes, " or "), err.Error()})
	}
}

// refused fails the check unless a call was refused, with any code, and records the
// code: it is not documented.
func (b *bench) refused(err error, what string) {
	if err == nil {
		b.end(&Failure{what + ": refused", "the call succeeded"})
	}
	if code(err) == "" {
		b.end(err)
	}
	b.observe("%s: %s", what, answer(err))
}

// answer describes the outcome of a call.
func answer(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return "success"
	case errors.As(err, &api):
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return err.Error()
}

// code is the error code of a refused call, or empty.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// eventually polls until the rule holds: the next call may not see a change yet (EC2
// Developer Guide, eventual-consistency). It returns the time that took.
func (b *bench) eventually(expected string, look func() (seen string, ok bool)) time.Duration {
	begun, pause := time.Now(), 100*time.Millisecond
	for {
		seen, ok := look()
		if ok {
			return time.Since(begun)
		}
		if time.Since(begun) > b.cfg.Patience {
			b.end(&Failure{expected, fmt.Sprintf("%s, for %s", seen, b.cfg.Patience)})
		}
		b.pause(pause)
		pause = min(pause*3/2, 2*time.Second)
	}
}

func (b *bench) pause(d time.Duration) {
	select {
	case <-b.ctx.Done():
		b.end(b.ctx.Err())
	case <-time.After(d):
	}
}

// unknownID is an ID without a resource.
func (b *bench) unknownID(prefix string) string { return prefix + "-0123456789abcdef0" }
