// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"macaw.example/internal/terminal"
	"macaw.example/lab/labtest"
)

// process is macaw as users run it.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout strings.Builder
	stderr chan string // its lines
	all    strings.Builder
	begun  time.Time
	ended  time.Duration
}

const awsFile = "name: x\ntarget: eu-central-1\nmanagement: {allow: [0.0.0.0/0]}\n"

// startMacaw runs macaw in a home of its own, against an AWS at a URL. It ends with the test at the
// latest.
func startMacaw(t *testing.T, home, aws string, env []string, args ...string) *process {
	t.Helper()
	macaw, err := exec.LookPath("macaw")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), macaw, args...)
	cmd.Env = append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL=" + aws,
		"AWS_ACCESS_KEY_ID=" + labtest.AccessKey, "AWS_SECRET_ACCESS_KEY=" +
			labtest.SecretKey, "AWS_EC2_METADATA_DISABLED=true"}, env...)
	p := &process{t: t, cmd: cmd, stderr: make(chan string, 1000), begun: time.Now()}
	cmd.Stdout = &p.stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.stderr <- lines.Text()
		}
		p.ended = time.Since(p.begun)
		close(p.stderr)
	}()
	return p
}

// of attributes later failures to a subtest.
func (p *process) of(t *testing.T) *process { p.t = t; return p }

const longEnough = time.Minute

// took is how long it ran; it must have ended.
func (p *process) took() time.Duration { return p.ended }

// says waits for a line with a text.
func (p *process) says(text string) {
	p.t.Helper()
	for late := time.After(longEnough); ; {
		select {
		case line, more := <-p.stderr:
			if !more {
				p.t.Fatalf("it ended without a line %q:\n%s", text, &p.all)
			}
			p.all.WriteString(line + "\n")
			if strings.Contains(line, text) {
				return
			}
		case <-late:
			p.t.Fatalf("no line %q:\n%s", text, &p.all)
		}
	}
}

// ends waits for the end, and returns the exit status and all of stderr.
func (p *process) ends() (status int, stderr string) {
	p.t.Helper()
	for late := time.After(longEnough); ; {
		select {
		case line, more := <-p.stderr:
			if more {
				p.all.WriteString(line + "\n")
				continue
			}
			var exit *exec.ExitError
			if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
				p.t.Fatal(err)
			}
			return p.cmd.ProcessState.ExitCode(), p.all.String()
		case <-late:
			p.t.Fatalf("it does not end:\n%s", &p.all)
		}
	}
}

// interrupt sends a signal, which must end the process within two seconds, with the exit status
// that shells use for it and these last lines.
func (p *process) interrupt(by syscall.Signal, want ...string) {
	p.t.Helper()
	begin := time.Now()
	if err := p.cmd.Process.Signal(by); err != nil {
		p.t.Fatal(err)
	}
	status, stderr := p.ends()
	if took := time.Since(begin); took > 2*time.Second {
		p.t.Errorf("it took %s to end", took)
	}
	if want := 128 + int(by); status != want {
		p.t.Errorf("exit status %d, want %d", status, want)
	}
	if !strings.HasSuffix(stderr, "\n"+strings.Join(want, "\n")+"\n") {
		p.t.Errorf("it ended with\n%s\nwant\n%s", stderr, strings.Join(want, "\n"))
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// silentServer accepts connections and sends nothing.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go io.Copy(io.Discard, c)
		}
	}()
	return l.Addr().String()
}

const (
	again   = "hint: nothing is lost; run the same command again, and it goes on where this one stopped"
	nothing = "hint: nothing was changed"
	unbaked = "hint: the instance that the image is made from may still be there, and costs; " +
		"run the same command again: it goes on, and removes it"
	unverified = "hint: the next macaw verify removes what this one has left in the cloud"
)

// wordFor is the word for the end by a signal.
var wordFor = map[syscall.Signal]string{syscall.SIGINT: "interrupted", syscall.SIGTERM: "terminated"}

// Every command that calls AWS reports that AWS does not answer, and ends by a signal.
func TestInterruptWhileAWSIsSilent(t *testing.T) {
	aws := "http://" + silentServer(t)
	file := writeFile(t, "cloud.yaml", awsFile)
	const see, lock = "see what AWS has", "take the lock of cloud x"
	tests := []struct {
		args, during, hint string
		by                 syscall.Signal
	}{
		{"plan FILE", see, nothing, syscall.SIGINT},
		{"plan FILE", see, nothing, syscall.SIGTERM},
		{"status FILE", see, nothing, syscall.SIGINT},
		{"up FILE", lock, again, syscall.SIGINT},
		{"up FILE", lock, again, syscall.SIGTERM},
		{"down FILE", lock, again, syscall.SIGINT},
		{"bake FILE", lock + "-bake", unbaked, syscall.SIGINT},
		{"verify FILE", see, unverified, syscall.SIGINT},
		{"ssh FILE", see, again, syscall.SIGINT},
		{"ssh FILE -- true", see, again, syscall.SIGTERM},
		{"agent status FILE", see, nothing, syscall.SIGINT},
		{"agent on FILE", see, again, syscall.SIGINT},
		{"forward list FILE", see, nothing, syscall.SIGINT},
		{"forward add FILE 522 web:22", see, again, syscall.SIGTERM},
		{"forward rm FILE 522", see, again, syscall.SIGINT},
	}
	// All run at the same time; each waits for its turn.
	processes := make([]*process, len(tests))
	for i, tt := range tests {
		args := strings.Fields(strings.ReplaceAll(tt.args, "FILE", file))
		processes[i] = startMacaw(t, t.TempDir(), aws, nil, args...)
	}
	for i, tt := range tests {
		t.Run(tt.args+" "+tt.by.String(), func(t *testing.T) {
			p := processes[i].of(t)
			p.says("… infra     " + tt.during)
			p.interrupt(tt.by, "error: "+wordFor[tt.by]+" during: "+tt.during, tt.hint)
		})
	}
}

func TestInterruptOfConform(t *testing.T) {
	aws := "http://" + silentServer(t)
	p := startMacaw(t, t.TempDir(), aws, nil, "lab", "conform", "--yes", "--region", "eu-central-1",
		"--only", "move-elastic", "--endpoint", aws)
	p.says("conform   run ")
	p.says("… conform   ")
	during := strings.TrimSpace(strings.SplitAfter(p.all.String(), "… conform   ")[1])
	p.interrupt(syscall.SIGINT, "error: interrupted during: "+during+"; remove what the run made",
		"hint: macaw lab conform --clean removes what a run has left behind, with the same --endpoint and --region")
}

// A wait that cannot be interrupted is abandoned.
func TestInterruptOfWhatCannotBeInterrupted(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe") // nobody ever writes to it
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, "cloud.yaml", awsFile)
	for _, by := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(by.String(), func(t *testing.T) {
			p := startMacaw(t, t.TempDir(), "http://127.0.0.1:1", []string{"AWS_CONFIG_FILE=" + pipe}, "plan", file)
			p.says("… infra     find AWS credentials")
			p.interrupt(by, "error: "+wordFor[by]+" during: find AWS credentials", nothing)
		})
	}
}

// With anything else as a cloud file, the command ends by itself and names the problem.
func TestCloudFileThatIsNone(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe:        "is a pipe, not a regular file\nhint: write what comes out of it to a file first",
		dir:         "is a directory, not a regular file",
		"/dev/zero": "is a device, not a regular file",
	} {
		for _, command := range []string{"plan", "up", "down", "bake", "status", "verify", "ssh"} {
			t.Run(command+" "+path, func(t *testing.T) {
				p := startMacaw(t, t.TempDir(), "http://127.0.0.1:1", nil, command, path)
				status, stderr := p.ends()
				if want := "error: reading the cloud file: " + path + " " + want + "\n"; status != terminal.ExitFailure ||
					stderr != want {
					t.Errorf("exit status %d:\n%s\nwant\n%s", status, stderr, want)
				}
			})
		}
	}
}
