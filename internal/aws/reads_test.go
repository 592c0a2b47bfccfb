// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Reads start in their order, as many at a time as is allowed, each once.
func TestReadsSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all = 3*ReadsAtOnce - 1
		var mu sync.Mutex
		var under, most int
		waves := make([]time.Duration, all)
		begin := time.Now()
		var reads []func(context.Context) error
		for n := range all {
			reads = append(reads, func(ctx context.Context) error {
				waves[n] = time.Since(begin)
				count := func(by int) {
					mu.Lock()
					defer mu.Unlock()
					under += by
					most = max(most, under)
				}
				count(+1)
				defer count(-1)
				return Sleep(ctx, time.Second)
			})
		}
		if err := Reads(t.Context(), reads...); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 3*time.Second || most != ReadsAtOnce {
			t.Errorf("%d calls took %s, at most %d at once", all, took, most)
		}
		if !slices.IsSorted(waves) {
			t.Errorf("started at %s", waves)
		}
	})
}

// The first error ends those that are under way, and no more start.
func TestReadsEndAtTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused, ended, late := errors.New("refused"), atomic.Int64{}, atomic.Int64{}
		reads := []func(context.Context) error{func(ctx context.Context) error {
			return errors.Join(Sleep(ctx, time.Second), refused)
		}}
		for range ReadsAtOnce - 1 {
			reads = append(reads, func(ctx context.Context) error {
				<-ctx.Done()
				ended.Add(1)
				return ctx.Err()
			})
		}
		reads = append(reads, func(context.Context) error {
			late.Add(1)
			return nil
		})
		begin := time.Now()
		if err := Reads(t.Context(), reads...); !errors.Is(err, refused) || time.Since(begin) != time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		if ended.Load() != ReadsAtOnce-1 || late.Load() != 0 {
			t.Errorf("%d ended, %d started later", ended.Load(), late.Load())
		}
	})
}

// Connections stay open for the next reads: making one to a distant region takes longer than a call over it.
func TestReadsKeepConnections(t *testing.T) {
	var made atomic.Int64
	arrived, answer := make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-answer
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	client := HTTPClient()
	read := func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for range 2 {
		done := make(chan error)
		go func() { done <- Reads(t.Context(), slices.Repeat([]func(context.Context) error{read}, ReadsAtOnce)...) }()
		for range ReadsAtOnce {
			<-arrived
		}
		for range ReadsAtOnce {
			answer <- struct{}{}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := made.Load(); n != ReadsAtOnce {
		t.Errorf("%d connections were made for %d calls at once, twice", n, ReadsAtOnce)
	}
}
