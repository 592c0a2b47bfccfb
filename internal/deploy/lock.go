// SPDX-License-Identifier: Apache-2.0

package deploy

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

	"macaw.example/internal/cloud"
	"macaw.example/internal/credentials"
	"macaw.example/internal/filelock"
	"macaw.example/internal/hint"
	"macaw.example/internal/privatefile"
	"macaw.example/internal/runlock"
)

// exclusively connects to a cloud's AWS and runs fn while no other run changes the cloud. A file
// lock, which the kernel frees with the process, excludes runs on this machine, and a lock on AWS
// those on other machines. The context of fn ends when the latter is lost.
func (d *Deployment) exclusively(ctx context.Context, how connecting,
	fn func(ctx context.Context, unlock func()) error) error {
	here, machine, err := d.Home.lock(d.Cloud, d.Command)
	if err != nil {
		return d.Home.unwritable(err)
	}
	defer here.Close()
	if err := d.connect(ctx, how); err != nil {
		return err
	}
	if d.down {
		return fn(ctx, func() {}) // nothing exists that others could change
	}
	who := runlock.Owner{Who: whoAmI(), Command: d.Command, Machine: machine}
	var lock *runlock.Lock
	err = d.await(phaseInfra, "take the lock of cloud "+d.Cloud.Name, func() error {
		lock, err = runlock.Acquire(ctx, d.ec2, d.Cloud.Name, who, func(text string) { d.Progress.Note(phaseInfra, text) })
		return err
	})
	if err != nil {
		return err
	}
	defer lock.Release(ctx)
	err = fn(lock.Context(), func() { lock.Release(ctx) })
	cause := context.Cause(lock.Context())
	if err == nil || !errors.Is(cause, runlock.ErrLost) {
		return err
	}
	if refused, ok := errors.AsType[*credentials.Error](cause); ok {
		return refused // for so long that the lock could not be kept
	}
	return hint.With(cause, "run the same command again")
}

// whoAmI is this user and machine, for display.
func whoAmI() string {
	name, host := "unknown user", "unknown machine"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

// holder is the content of a local lock: its owner.
type holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// localLock is the lock of a cloud on this machine. The kernel frees it when the process ends.
type localLock struct{ *os.File }

// Close removes the file and releases the lock. Windows removes no open file: there an empty one stays.
func (l localLock) Close() error {
	_ = l.Truncate(0)
	_ = os.Remove(l.Name())
	return l.File.Close()
}

// lock takes the lock of a cloud on this machine, which the kernel frees when the process ends
// (flock(2)), and returns this machine's ID. Clouds of one name in two regions are two clouds.
func (h Home) lock(c *cloud.Cloud, command string) (localLock, string, error) {
	// Not in the cloud's own directory, which down removes.
	dir := filepath.Join(h.Dir, ".locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return localLock{}, "", fmt.Errorf("locking cloud %s on this machine: %w", c.Name, err)
	}
	f, err := lockFile(filepath.Join(dir, c.Name+"@"+c.Target))
	if errors.Is(err, filelock.ErrLocked) {
		defer f.Close()
		return localLock{}, "", lockedHere(c.Name, f)
	}
	if err != nil {
		return localLock{}, "", fmt.Errorf("locking cloud %s on this machine: %w", c.Name, err)
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
	lock := localLock{f}
	if err != nil {
		lock.Close()
		return localLock{}, "", fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return lock, machine, nil
}

// lockFile opens and locks a file, and makes it if there is none. Another run may remove the file
// between the two: then the lock would be of a file that others no longer find, and it tries again. With
// ErrLocked it returns the file, which names the owner.
func lockFile(path string) (*os.File, error) {
	for range 100 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = filelock.TryLock(f)
		if errors.Is(err, filelock.ErrLocked) {
			return f, err
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(mine, there) {
			return f, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("locking %s: other runs keep removing it", path)
}

// lockedHere returns the error for a lock file that another run has locked.
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

// machineID identifies the runs that share these locks: by a random word that is made once and
// stored next to them, and by host name and boot ID, because directories are copied to other
// machines and containers.
func machineID(dir string) (string, error) {
	path := filepath.Join(dir, "machine-id")
	if err := privatefile.Create(path, []byte(rand.Text())); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	id, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // on Linux only
	return fmt.Sprintf("%s/%s/%s", id, host, bytes.TrimSpace(boot)), nil
}
