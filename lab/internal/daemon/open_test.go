// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"macaw.example/lab/internal/control"
)

// fakePlace is a host with a lab, or without.
type fakePlace struct {
	place
	answer   error
	locked   bool
	runs     bool
	missing  error // of the configuration
	machines []string
}

func newFakePlace() *fakePlace {
	f := &fakePlace{}
	f.place = place{
		ready: func(context.Context) error { return f.answer },
		shared: func() (func(), error) {
			if f.locked {
				return nil, nil
			}
			return func() {}, nil
		},
		running:  func() (bool, error) { return f.runs, nil },
		config:   func() (control.Config, error) { return control.Config{AccessKey: "key"}, f.missing },
		machines: func() ([]string, error) { return f.machines, nil },
	}
	return f
}

// A lab is down only if there is nothing of it.
func TestOpen(t *testing.T) {
	hung := errors.New("no answer")
	for name, tt := range map[string]struct {
		set  func(*fakePlace)
		want error
		text string
	}{
		"up": {func(*fakePlace) {}, nil, ""},
		"nothing": {func(f *fakePlace) { f.answer, f.missing = control.ErrDown, fs.ErrNotExist },
			control.ErrDown, ""},
		"its daemon was killed": {func(f *fakePlace) { f.answer = control.ErrDown }, control.ErrNoDaemon, ""},
		"with machines": {func(f *fakePlace) { f.answer, f.machines = control.ErrDown, []string{"i-1"} },
			control.ErrNoDaemon, ""},
		"another error": {func(f *fakePlace) { f.answer = hung }, hung, ""},
		"unreadable": {func(f *fakePlace) { f.answer, f.missing = control.ErrDown, fs.ErrPermission },
			fs.ErrPermission, ""},
		"machines without a lab": {func(f *fakePlace) {
			f.answer, f.missing, f.machines = control.ErrDown, fs.ErrNotExist, []string{"i-1"}
		}, fs.ErrNotExist, "the lab has 1 machines but no configuration"},
		"hung": {func(f *fakePlace) { f.answer, f.runs = hung, true }, nil,
			"waiting for the lab's daemon: it has not answered (no answer) for 2m0s"},
		"locked": {func(f *fakePlace) { f.answer, f.locked = control.ErrDown, true }, nil,
			"another command has been bringing the lab up or down for 2m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakePlace()
				tt.set(f)
				cfg, err := f.open(t.Context())
				if tt.want == nil && tt.text == "" {
					if err != nil || cfg.AccessKey != "key" {
						t.Errorf("%+v, %v", cfg, err)
					}
					return
				}
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("error %v, want %v %s", err, tt.want, tt.text)
				}
				if tt.want != control.ErrDown && errors.Is(err, control.ErrDown) {
					t.Errorf("%v says that the lab is down", err)
				}
			})
		})
	}
}

// While another command replaces the daemon, Open waits for the new one.
func TestOpenWaitsForAnotherDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakePlace()
		f.answer, f.locked = control.ErrDown, true
		time.AfterFunc(20*time.Second, func() { f.locked, f.runs = false, true }) // the command was killed
		time.AfterFunc(30*time.Second, func() { f.answer = nil })
		begin := time.Now()
		if _, err := f.open(t.Context()); err != nil || time.Since(begin) < 30*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f.answer = control.ErrDown
		if _, err := f.open(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted: %v", err)
		}
	})
}
