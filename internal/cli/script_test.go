// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"macaw.example/internal/deploy"
	"macaw.example/internal/host"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/command"
	"macaw.example/lab/labtest"
)

// hurried is an environment variable that makes macaw give up on nodes soon.
const hurried = "MACAW_TEST_HURRIED"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"macaw": func() {
		t := terminal.New(os.Stdout, os.Stderr)
		options := lab.Options{Command: []string{"macaw", "lab"}}
		app := &App{Terminal: t, Deployment: deploy.Deployment{Lab: options}}
		if os.Getenv(hurried) != "" {
			app.Deployment.Limits = deploy.Limits{Reach: 4 * time.Second, SSH: host.Times{
				Handshake: 3 * time.Second, Open: 9 * time.Second, Ask: time.Second, Silence: 3 * time.Second,
				Command: 9 * time.Second, Reconnect: 2 * time.Second,
			}}
		}
		labCommand := command.New(t, "macaw lab", options)
		labCommand.GroupID = "lab"
		os.Exit(t.Main(app.Root(labCommand), os.Args[1:]))
	}})
}

func TestScripts(t *testing.T) {
	aws := httptest.NewServer(labtest.NewAPI(t, labtest.APIOptions{}))
	t.Cleanup(aws.Close)
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(e *testscript.Env) error {
		// An empty AWS account, for scripts that need one: env AWS_ENDPOINT_URL=$EMPTY_ACCOUNT
		e.Setenv("EMPTY_ACCOUNT", aws.URL)
		e.Setenv("AWS_ACCESS_KEY_ID", labtest.AccessKey)
		e.Setenv("AWS_SECRET_ACCESS_KEY", labtest.SecretKey)
		return nil
	}})
}
