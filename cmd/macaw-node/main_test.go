// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"macaw-node": main}) }

func TestScripts(t *testing.T) {
	if _, err := os.Stat("/etc/macaw/agent.json"); err == nil {
		t.Skip("this machine is a gateway node")
	}
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}
