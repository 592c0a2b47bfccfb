package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/terminal"
)

// exclusively connects to a cloud's AWS and runs fn, while nobody else changes
// the cloud: on this machine by a lock that ends with the process however it
// ends, and from other machines by one on AWS. The context of fn ends when the
// latter is lost.
func (a *App) exclusively(
	ctx context.Context,
	c *cloud.Cloud,
	command string,
	steps *terminal.Steps,
	up bool,
	fn func(context.Context, *site) error,
) error {
	here, machine, err := lockHere(c, command)
	if err != nil {
		return err
	}
	defer here.Close()
	s, err := a.connect(ctx, c, steps, up)
	if err != nil {
		return err
	}
	s.unlock = func() {}
	if s.down {
		return fn(ctx, s) // there is nothing that others could change
	}
	who := infra.Owner{Who: whoAmI(), Command: command, Machine: machine}
	var lock *infra.Lock
	err = steps.Await("infra", "take the lock of cloud "+c.Name, func() error {
		lock, err = infra.Acquire(ctx, s.ec2, c.Name, who, func(text string) { steps.Note("infra", text) })
		return err
	})
	if err != nil {
		return err
	}
	s.unlock = func() { lock.Release(ctx) }
	defer s.unlock()
	err = fn(lock.Context(), s)
	if cause := context.Cause(lock.Context()); err != nil && errors.Is(cause, infra.ErrLockLost) {
		return hint.With(cause, "run the same command again")
	}
	return err
}

// whoAmI is this user and machine, for people.
func whoAmI() string {
	name, host := "somebody", "a machine"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

// holder is what a local lock says of who has it.
type holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// lockHere takes the lock of a cloud on this machine, which the kernel frees when
// the process ends (flock(2)), and returns what tells this machine from others.
// Clouds of one name in two regions are two clouds.
func lockHere(c *cloud.Cloud, command string) (*os.File, string, error) {
	data, err := dataDir(c.Name)
	if err != nil {
		return nil, "", err
	}
	// Not in the cloud's own directory, which down removes.
	dir := filepath.Join(filepath.Dir(data), ".locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", err
	}
	f, err := os.OpenFile(filepath.Join(dir, c.Name+"@"+c.Target), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, "", err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, "", lockedHere(c.Name, f)
		}
		return nil, "", fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	text, err := json.Marshal(holder{PID: os.Getpid(), Command: command, Since: time.Now().UTC().Truncate(time.Second)})
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	var machine string
	if err == nil {
		machine, err = machineID(dir)
	}
	if err != nil {
		f.Close()
		return nil, "", fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return f, machine, nil
}

// lockedHere says who has the lock of a file.
func lockedHere(name string, f *os.File) error {
	var h holder
	err := fmt.Errorf("cloud %s is being changed by another run on this machine", name)
	if json.NewDecoder(f).Decode(&h) == nil && h.PID != 0 {
		err = fmt.Errorf(
			"%w: macaw %s, process %d, since %s",
			err,
			h.Command,
			h.PID,
			h.Since.Local().Format(time.DateTime),
		)
		return hint.With(err, "wait until it ends, or end it with kill %d; nothing is lost by that", h.PID)
	}
	return hint.With(err, "wait until it ends")
}

// machineID tells who sees the same locks: by a random word that is made once and
// kept beside them, and by the machine and its boot, because directories get copied
// into other machines and containers.
func machineID(dir string) (string, error) {
	path := filepath.Join(dir, "machine-id")
	temporary, err := os.CreateTemp(dir, "machine-id-")
	if err != nil {
		return "", err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.WriteString(rand.Text())
	if err = errors.Join(err, temporary.Close()); err != nil {
		return "", err
	}
	// A link appears with its content, and only if there is none yet.
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	id, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // Linux alone has it
	return fmt.Sprintf("%s/%s/%s", id, host, bytes.TrimSpace(boot)), nil
}
