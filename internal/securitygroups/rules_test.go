// SPDX-License-Identifier: Apache-2.0

package securitygroups

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// The page for operators has what the groups of several nodes open to each other.
func TestSecurityPageHasTheRules(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "### Security groups of several nodes")
	table, _, _ = strings.Cut(table, "\nNodes that only compute")
	groups := map[string][]inventory.Rule{awsapi.ManagementNetwork: nodeRules()}
	for _, r := range model.Roles() {
		groups[string(r)] = roleRules(cloud.Management{}, r, nil)
	}
	for group, rules := range groups {
		words := map[string]string{awsapi.GroupPart(awsapi.ManagementNetwork): "all nodes",
			awsapi.GroupPart("compute"):    "computes",
			awsapi.GroupPart("controller"): "the controller", inventory.SourceSelf: group + "s"}
		ports := map[string][]string{} // in rows, by whom they are for
		slices.SortFunc(rules, func(x, y inventory.Rule) int { return int(x.From - y.From) })
		for _, r := range rules {
			text := fmt.Sprint(r.From)
			switch {
			case r.Protocol != "tcp":
				continue
			case r.To == r.From+1:
				text = fmt.Sprintf("%d, %d", r.From, r.To)
			case r.To > r.From:
				text = fmt.Sprintf("%d to %d", r.From, r.To)
			}
			ports[words[r.Source]] = append(ports[words[r.Source]], text)
		}
		for _, who := range slices.Sorted(maps.Keys(ports)) {
			row := fmt.Sprintf("| %s | %s | %s |", group, strings.Join(ports[who], ", "), who)
			if !strings.Contains(table, "\n"+row+"\n") {
				t.Errorf("docs/security.md lacks %s", row)
			}
		}
	}
}
