// SPDX-License-Identifier: Apache-2.0

package execute

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// statusEvery is how often the status of a command is read.
const statusEvery = 10 * time.Second

// followStatus gives a command a file as its descriptor StatusFD, and calls report with its last
// line whenever that has changed, until stop. It is a file and not a pipe, so that an apt that
// outlives this process is not ended by a signal when it writes. held is descriptor 3 already.
func followStatus(cmd *exec.Cmd, report func(line string), every time.Duration) (stop func(), err error) {
	f, err := os.CreateTemp("", "macaw-status-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	done := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		var last string
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if line := lastLineOf(f); line != last {
				last = line
				report(line)
			}
		}
	})
	return func() {
		close(done)
		following.Wait()
		f.Close()
	}, nil
}

// lastLineOf returns the last complete line of a file, or the empty string.
func lastLineOf(f *os.File) string {
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	tail := make([]byte, min(info.Size(), 4096))
	n, err := f.ReadAt(tail, info.Size()-int64(len(tail)))
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	tail = tail[:n]
	end := bytes.LastIndexByte(tail, '\n')
	if end < 0 {
		return ""
	}
	return string(tail[bytes.LastIndexByte(tail[:end], '\n')+1 : end])
}
