package cli

import (
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"macaw.example/internal/host"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/command"
)

// hurried is in the environment of a macaw that gives up on nodes soon.
const hurried = "MACAW_TEST_HURRIED"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"macaw": func() {
		if os.Getenv(hurried) != "" {
			reachLimit = 4 * time.Second
			sshTimes = host.Times{Handshake: 3 * time.Second, Open: 9 * time.Second, Ask: time.Second, Silence: 3 * time.Second,
				Command: 9 * time.Second, Reconnect: 2 * time.Second}
		}
		t, o := terminal.New(os.Stdout, os.Stderr), lab.Options{Command: []string{"macaw", "lab"}}
		labCommand := command.New(t, "macaw lab", o)
		labCommand.GroupID = "lab"
		os.Exit(t.Main(New(t, o, labCommand), os.Args[1:]))
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}
