package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Job is a command that runs on the machine as a transient systemd unit. It
// goes on when the connection is lost or when the process that started it is
// killed, and can be followed again from the start.
type Job struct {
	// Name is the unit's, without ".service".
	Name    string
	Command []string
	Env     map[string]string
}

func (j Job) unit() string { return j.Name + ".service" }
func (j Job) log() string  { return path.Join("/var/log/macaw", j.Name+".log") }

// ErrLost says that a job ended without saying how: it was killed.
var ErrLost = errors.New("job ended without a result")

// Active says whether the job runs at this moment.
func (h *Host) Active(ctx context.Context, j Job) (bool, error) {
	out, err := h.Output(ctx, "systemctl show -P ActiveState "+Quote(j.unit()))
	if err != nil {
		return false, fmt.Errorf("asking for job %s: %w", j.Name, err)
	}
	switch strings.TrimSpace(out) {
	case "active", "activating", "deactivating", "reloading":
		return true, nil
	}
	return false, nil
}

// Start starts the job; its output goes to a new log.
func (h *Host) Start(ctx context.Context, j Job) error {
	var b strings.Builder
	fmt.Fprintf(&b, "mkdir -p /var/log/macaw && systemctl reset-failed %s 2>/dev/null; : > %s && ", Quote(j.unit()), Quote(j.log()))
	fmt.Fprintf(&b, "systemd-run --quiet --unit=%s --property=StandardOutput=append:%s --property=StandardError=append:%s",
		Quote(j.unit()), Quote(j.log()), Quote(j.log()))
	for k, v := range j.Env {
		fmt.Fprintf(&b, " --setenv=%s", Quote(k+"="+v))
	}
	b.WriteString(" --")
	for _, word := range j.Command {
		b.WriteString(" " + Quote(word))
	}
	if err := h.Run(ctx, b.String(), nil, nil); err != nil {
		return fmt.Errorf("starting job %s: %w", j.Name, err)
	}
	return nil
}

// Follow gives each line of the job's log to line, from the first one on,
// until the job ends. A connection that is lost is made again. How the job
// ended must be in its log: systemd forgets a transient unit that succeeded.
func (h *Host) Follow(ctx context.Context, j Job, line func([]byte)) error {
	var offset int64
	for {
		n, err := h.follow(ctx, j, offset, line)
		offset += n
		if err == nil {
			return nil
		}
		var exit *ExitError
		if ctx.Err() != nil || errors.As(err, &exit) {
			return fmt.Errorf("following job %s: %w", j.Name, err)
		}
		again, err := Dial(ctx, h.cfg, nil)
		if err != nil {
			return fmt.Errorf("following job %s: %w", j.Name, err)
		}
		h.client.Close()
		h.client = again.client
	}
}

// follow reads the log from offset and returns how many bytes of whole lines
// it has passed on.
func (h *Host) follow(ctx context.Context, j Job, offset int64, line func([]byte)) (int64, error) {
	// tail ends when the job's main process does. A job that has no process
	// any more is read to its end.
	command := fmt.Sprintf(`pid=$(systemctl show -P MainPID %[1]s)
if [ "${pid:-0}" != 0 ]; then exec tail -s 0.1 -f --pid="$pid" -c +%[3]d %[2]s; else exec tail -c +%[3]d %[2]s; fi`,
		Quote(j.unit()), Quote(j.log()), offset+1)
	r, w := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := h.Run(ctx, command, nil, w)
		w.Close()
		result <- err
	}()
	stop := h.keepAlive(ctx)
	defer stop()
	var passed int64
	lines := bufio.NewReader(r)
	for {
		b, err := lines.ReadBytes('\n')
		if err != nil {
			// What is left over is a line that is still being written.
			break
		}
		passed += int64(len(b))
		line(b[:len(b)-1])
	}
	return passed, <-result
}

// keepAlive closes the connection when the machine stops answering, so that
// whoever reads from it learns of it. Without it a reader waits for ever: a
// quiet job sends nothing, and TCP asks only after two hours.
func (h *Host) keepAlive(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	client := h.client
	go func() {
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if !answers(ctx, client) {
				client.Close()
				return
			}
		}
	}()
	return cancel
}

func answers(ctx context.Context, client *ssh.Client) bool {
	ok := make(chan bool, 1)
	go func() {
		_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
		ok <- err == nil
	}()
	select {
	case v := <-ok:
		return v
	case <-ctx.Done():
		return true
	case <-time.After(20 * time.Second):
		return false
	}
}
