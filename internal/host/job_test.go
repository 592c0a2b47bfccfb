// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// fakeSystemd are the two systemd commands that jobs use, as far as they use them. A unit is a
// directory: creating it takes the name.
var fakeSystemd = map[string]string{
	"systemd-run": `#!/bin/sh
pre=; out=/dev/null
while [ "$1" != -- ]; do
  case "$1" in
  --unit=*) unit=$STATE/${1#--unit=} ;;
  --property=ExecStartPre=*) pre=${1#--property=ExecStartPre=} ;;
  --property=StandardOutput=append:*) out=${1#--property=StandardOutput=append:} ;;
  esac
  shift
done
shift
mkdir "$unit" 2>/dev/null || { echo "Unit was already loaded or has a fragment file." >&2; exit 1; }
$pre
sh -c '"$@" >>"$0" 2>&1; rm -r "$UNIT"' "$out" "$@" </dev/null >/dev/null 2>&1 &
echo $! >"$unit/pid"
`,
	"systemctl": `#!/bin/sh
case "$*" in
*ActiveState*) [ -d "$STATE/$4" ] && echo active || echo inactive ;;
*MainPID*) cat "$STATE/$4/pid" 2>/dev/null || echo 0 ;;
esac
`,
}

// jobServer is a machine with jobs.
func jobServer(t *testing.T) (address string, key ssh.Signer) {
	t.Helper()
	bin, state := t.TempDir(), t.TempDir()
	for name, text := range fakeSystemd {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "$STATE", state), "$UNIT", state+"/macaw-job.service")
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	before := logDir
	logDir = t.TempDir()
	t.Cleanup(func() { logDir = before })
	key = newSigner(t)
	return serve(t, key.PublicKey()).address, key
}

func dialJobs(t *testing.T, address string, key ssh.Signer, times Times, waiting func(error)) *Host {
	t.Helper()
	h, err := Dial(t.Context(), Config{
		Address: address, User: "admin", Key: key, Identity: "i-1", Times: times,
		HostKeys: HostKeys{filepath.Join(t.TempDir(), "known_hosts")},
	}, waiting)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// lines is a job that prints its run's name and a number, and waits for a file before the last, or
// until the test has removed the file's directory.
func lines(run, until string) Job {
	return Job{Name: "macaw-job", Command: []string{"sh", "-c", fmt.Sprintf(
		`echo %[1]s 1; echo %[1]s 2; while [ -d %[3]s ] && [ ! -e %[2]s ]; do sleep 0.05; done; echo %[1]s 3`,
		run, until, filepath.Dir(until))}}
}

// followed collects a job's lines, and signals each one.
type followed struct {
	mu    sync.Mutex
	lines []string
	come  chan string
}

func (f *followed) line(b []byte) {
	f.mu.Lock()
	f.lines = append(f.lines, string(b))
	f.mu.Unlock()
	f.come <- string(b)
}

// Of two concurrent starts one succeeds, and the other follows the same run.
func TestStartTwice(t *testing.T) {
	address, key := jobServer(t)
	one, two := dialJobs(t, address, key, Times{}, nil), dialJobs(t, address, key, Times{}, nil)
	until := filepath.Join(t.TempDir(), "go-on")
	if started, err := one.Start(t.Context(), lines("first", until)); err != nil || !started {
		t.Fatalf("the first start: %v, error %v", started, err)
	}
	mine := &followed{come: make(chan string, 9)}
	ended := make(chan error, 2)
	go func() { ended <- one.Follow(t.Context(), lines("first", until), mine.line) }()
	<-mine.come
	<-mine.come
	if started, err := two.Start(t.Context(), lines("second", until)); err != nil || started {
		t.Fatalf("the second start: %v, error %v", started, err)
	}
	theirs := &followed{come: make(chan string, 9)}
	go func() { ended <- two.Follow(t.Context(), lines("second", until), theirs.line) }()
	<-theirs.come
	if err := os.WriteFile(until, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ends(t, "Follow", func() error { return <-ended }); err != nil {
			t.Error(err)
		}
	}
	for who, got := range map[string][]string{"the winner": mine.lines, "the other": theirs.lines} {
		if want := []string{"first 1", "first 2", "first 3"}; !slices.Equal(got, want) {
			t.Errorf("%s saw %q", who, got)
		}
	}
	// The next run has a log of its own.
	if started, err := two.Start(t.Context(), lines("third", until)); err != nil || !started {
		t.Fatalf("the third start: %v, error %v", started, err)
	}
	last := &followed{come: make(chan string, 9)}
	if err := two.Follow(t.Context(), lines("third", until), last.line); err != nil || len(last.lines) != 3 {
		t.Errorf("%q, error %v", last.lines, err)
	}
}

// A connection that is lost during a job is restored, and no line is lost or repeated.
func TestFollowReconnects(t *testing.T) {
	address, key := jobServer(t)
	first := layWire(t, address)
	var at atomic.Value
	at.Store(first.address)
	var told []error
	times := quick
	times.Reconnect = time.Hour
	h, err := Dial(t.Context(), Config{
		Address: "unused", User: "admin", Key: key, Identity: "i-1", Times: times,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at.Load().(string))
		},
		HostKeys: HostKeys{filepath.Join(t.TempDir(), "known_hosts")},
	}, func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	until := filepath.Join(t.TempDir(), "go-on")
	if _, err := h.Start(t.Context(), lines("run", until)); err != nil {
		t.Fatal(err)
	}
	f := &followed{come: make(chan string, 9)}
	ended := make(chan error, 1)
	go func() { ended <- h.Follow(t.Context(), lines("run", until), f.line) }()
	<-f.come
	<-f.come
	at.Store(address) // before the connection is lost, so that the next attempt finds it
	first.cutNow()
	if err := os.WriteFile(until, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ends(t, "Follow", func() error { return <-ended }); err != nil {
		t.Error(err)
	}
	if want := []string{"run 1", "run 2", "run 3"}; !slices.Equal(f.lines, want) {
		t.Errorf("lines %q", f.lines)
	}
	var lost *LostError
	if len(told) != 1 || !errors.As(told[0], &lost) {
		t.Errorf("told %v, want that the connection was lost", told)
	}
}

// Follow gives up on a machine that does not come back, whether it cannot be reached or each new
// connection breaks too.
func TestFollowGivesUp(t *testing.T) {
	for _, how := range []string{"gone", "silent again and again"} {
		t.Run(how, func(t *testing.T) {
			address, key := jobServer(t)
			w := layWire(t, address)
			h := dialJobs(t, w.address, key, quick, nil)
			until := filepath.Join(t.TempDir(), "go-on")
			if _, err := h.Start(t.Context(), lines("run", until)); err != nil {
				t.Fatal(err)
			}
			if how != "gone" {
				h.cfg.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
					// Long enough for the log-in and the command.
					again := layWire(t, address)
					time.AfterFunc(quick.Silence/2, again.cutNow)
					return new(net.Dialer).DialContext(ctx, network, again.address)
				}
			}
			err := ends(t, "Follow", func() error {
				return h.Follow(t.Context(), lines("run", until), func(line []byte) {
					if string(line) == "run 2" {
						w.cutNow()
					}
				})
			})
			var lost *LostError
			var unreachable *UnreachableError
			if !errors.As(err, &lost) && !errors.As(err, &unreachable) {
				t.Errorf("error %v", err)
			}
		})
	}
}
