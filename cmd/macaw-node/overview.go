// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"macaw.example/internal/gateways"
	"macaw.example/internal/model"
	"macaw.example/internal/node"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
)

// overviewCommand is what "macaw status" runs on the controller, once.
func overviewCommand(t *terminal.Terminal) *cobra.Command {
	var owners bool
	cmd := &cobra.Command{
		Use: "overview", Hidden: true, Args: cobra.NoArgs,
		Short: "Print, as JSON, what the cloud's services tell its administrator",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSpec(nodeapi.SpecPath)
			if err != nil {
				return err
			}
			o, err := node.Overview(cmd.Context(), s.OpenStack, owners)
			if len(s.OpenStack.Peers(model.Gateway)) > 1 {
				drained, routers := gateways.Drained(cmd.Context())
				if routers != nil {
					routers = fmt.Errorf("asking OVN which gateways are drained: %w", routers)
				}
				for _, name := range drained {
					o.Drained = append(o.Drained, nodeapi.Drained{Node: name, Role: model.Gateway})
				}
				err = errors.Join(err, routers)
			}
			o.Unknown = oneLine(err)
			return json.NewEncoder(t.Stdout).Encode(o)
		},
	}
	cmd.Flags().BoolVar(&owners, "owners", true, "with the names of what has addresses")
	return terminal.Service(cmd)
}

// oneLine is the text of joined errors in one line; empty if there is none.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}
