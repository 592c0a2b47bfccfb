// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Job is a command that runs on the machine as a transient systemd unit. It goes on when the
// connection is lost or the process that started it is killed, and can be followed again from the
// start.
type Job struct {
	// Name is the unit's, without ".service".
	Name    string
	Command []string
	Env     map[string]string
}

func (j Job) unit() string { return j.Name + ".service" }
func (j Job) log() string  { return path.Join(logDir, j.Name+".log") }

// logDir is on the machine.
var logDir = "/var/log/macaw"

// Active reports whether the job is running.
func (h *Host) Active(ctx context.Context, j Job) (bool, error) {
	var out strings.Builder
	if err := h.brief(ctx, "systemctl show -P ActiveState "+Quote(j.unit()), nil, &out); err != nil {
		return false, fmt.Errorf("asking %s for job %s: %w", h.cfg.Address, j.Name, err)
	}
	switch strings.TrimSpace(out.String()) {
	case "active", "activating", "deactivating", "reloading":
		return true, nil
	}
	return false, nil
}

// Start starts the job; its output goes to a new log. It returns false if the job is running
// already, started by another process; Follow then shows that run's log.
func (h *Host) Start(ctx context.Context, j Job) (started bool, err error) {
	// A run that ends between the attempt and Active frees the unit.
	for range 3 {
		if err = h.brief(ctx, j.start(), nil, nil); err == nil {
			return true, nil
		}
		var exit *ExitError
		if !errors.As(err, &exit) {
			break
		}
		active, asked := h.Active(ctx, j)
		if asked != nil {
			return false, asked
		}
		if active {
			return false, nil
		}
	}
	return false, fmt.Errorf("starting job %s on %s: %w", j.Name, h.cfg.Address, err)
}

// start is the command that starts the job. If it runs several times at once, systemd lets one
// through. The unit itself removes the old log, so that only the successful start does, and before
// the command begins: with Type=exec systemd-run waits until then. Processes still reading the old
// log can read it to its end.
func (j Job) start() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mkdir -p %s && systemctl reset-failed %s 2>/dev/null\n", Quote(path.Dir(j.log())), Quote(j.unit()))
	fmt.Fprintf(&b, "exec systemd-run --quiet --unit=%s --property=Type=exec", Quote(j.unit()))
	for _, p := range []string{"ExecStartPre=/bin/rm -f " + j.log(), "StandardOutput=append:" + j.log(),
		"StandardError=append:" + j.log()} {
		b.WriteString(" --property=" + Quote(p))
	}
	for _, k := range slices.Sorted(maps.Keys(j.Env)) {
		fmt.Fprintf(&b, " --setenv=%s", Quote(k+"="+j.Env[k]))
	}
	b.WriteString(" --")
	for _, word := range j.Command {
		b.WriteString(" " + Quote(word))
	}
	return b.String()
}

// Follow passes each line of the job's log to line, from the first one on, until the job ends. It
// restores a lost connection; it gives up after Times.Reconnect without new data. How the job ended
// must be in its log: systemd forgets a transient unit that succeeded.
func (h *Host) Follow(ctx context.Context, j Job, line func([]byte)) error {
	var offset int64
	var lost time.Time // start of the trouble
	for {
		begun := time.Now()
		n, err := h.follow(ctx, j, offset, line)
		if err == nil {
			return nil
		}
		offset += n
		var broken *LostError
		if !errors.As(err, &broken) || ctx.Err() != nil {
			return fmt.Errorf("following job %s on %s: %w", j.Name, h.cfg.Address, err)
		}
		// A quiet job sends no data on a good connection either, but a good connection outlives the
		// limit for silence.
		if n > 0 || lost.IsZero() || time.Since(begun) > 2*h.cfg.Times.Silence {
			lost = time.Now()
		}
		if h.waiting != nil {
			h.waiting(broken)
		}
		if err := h.reconnect(ctx, lost.Add(h.cfg.Times.Reconnect)); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = broken
			}
			return fmt.Errorf("following job %s, which goes on without us: %w", j.Name, err)
		}
	}
}

func (h *Host) reconnect(ctx context.Context, until time.Time) error {
	soon, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := soon.Err(); err != nil {
		return err
	}
	again, err := reach(soon, h.cfg, h.waiting)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn.Close()
	h.conn = again
	return nil
}

// follow reads the log from offset and returns how many bytes of complete lines it has passed on.
func (h *Host) follow(ctx context.Context, j Job, offset int64, line func([]byte)) (int64, error) {
	// A job that another process is starting may not have its own log yet. tail ends when the job's
	// main process does. The log of a job without a process is read to its end.
	command := fmt.Sprintf(`for i in 1 2 3 4 5 6 7 8 9; do
  [ "$(systemctl show -P ActiveState %[1]s)" = activating ] || break
  sleep 0.2
done
pid=$(systemctl show -P MainPID %[1]s)
if [ "${pid:-0}" != 0 ]; then exec tail -s 0.1 -f --pid="$pid" -c +%[3]d %[2]s; else exec tail -c +%[3]d %[2]s; fi`,
		Quote(j.unit()), Quote(j.log()), offset+1)
	r, w := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := h.run(ctx, command, nil, w)
		w.Close()
		result <- err
	}()
	var passed int64
	lines := bufio.NewReader(r)
	for {
		b, err := lines.ReadBytes('\n')
		if err != nil {
			// The remainder is a line that is still being written.
			break
		}
		passed += int64(len(b))
		line(b[:len(b)-1])
	}
	return passed, <-result
}
