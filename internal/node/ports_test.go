// SPDX-License-Identifier: Apache-2.0

package node

import (
	"regexp"
	"slices"
	"strconv"
	"testing"

	"macaw.example/internal/nodeapi"
)

// The ports in templates at which nodes serve each other are those that security groups open.
func TestPortsInTemplates(t *testing.T) {
	known := []int{nodeapi.MariaDBPort, nodeapi.KeystonePort, nodeapi.RabbitMQPort, nodeapi.NorthboundPort,
		nodeapi.SouthboundPort, nodeapi.NovaPort, nodeapi.PlacementPort, nodeapi.GlancePort, nodeapi.NeutronPort,
		nodeapi.MemcachedPort, nodeapi.LibvirtPort, nodeapi.DisksPort}
	outside := []int{80, 443, 6080} // HAProxy's, and the consoles behind it
	found := 0
	entries, err := templates.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := templates.ReadFile("files/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\{\{(?:address|controller)\}\}:(\d+)`).FindAllSubmatch(text, -1) {
			found++
			if port, _ := strconv.Atoi(string(m[1])); !slices.Contains(known, port) && !slices.Contains(outside, port) {
				t.Errorf("files/%s has port %d, which package nodeapi does not name", e.Name(), port)
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d ports found", found)
	}
}
