// SPDX-License-Identifier: Apache-2.0

package securitygroups

import (
	"cmp"
	"fmt"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// Describe formats the rules for display: ports grouped by source; way is "from" or "to".
func Describe(rules []inventory.Rule, way string) string {
	var order []string
	ports := map[string][]string{}
	for _, r := range rules {
		source := cmp.Or(sourceNames[r.Source], r.Source)
		if ports[source] == nil {
			order = append(order, source)
		}
		port := fmt.Sprintf("%s %d", r.Protocol, r.From)
		switch {
		case r.Protocol == "-1":
			port = "everything"
		case r.Protocol == "icmp" && r.From == -1:
			port = r.Protocol
		case r.From != r.To && r.Protocol == "tcp":
			port = fmt.Sprintf("%d-%d", r.From, r.To)
		case r.From != r.To:
			port = fmt.Sprintf("%s %d-%d", r.Protocol, r.From, r.To)
		case r.Protocol == "tcp":
			port = fmt.Sprint(r.From)
		}
		ports[source] = append(ports[source], port)
	}
	var out []string
	for _, source := range order {
		out = append(out, strings.Join(ports[source], ",")+" "+way+" "+source)
	}
	return strings.Join(out, "; ")
}

// sourceNames are the sources of rules for display.
var sourceNames = map[string]string{
	inventory.SourceSelf:                       "its own members",
	awsapi.GroupPart(awsapi.ManagementNetwork): "all nodes",
	awsapi.GroupPart(string(model.Controller)): "the controller",
	awsapi.GroupPart(string(model.Gateway)):    "gateways",
	awsapi.GroupPart(string(model.Compute)):    "computes",
}
