// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"macaw.example/internal/agentcmd"
	"macaw.example/internal/deploy"
	"macaw.example/internal/nodeapi"
)

func (a *App) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "status FILE",
		GroupID:           "cloud",
		Short:             "Show a cloud's nodes, addresses and translation",
		Example:           "  macaw status cloud.yaml\n  macaw status cloud.yaml --output json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.deployment("status", args[0])
			if err != nil {
				return err
			}
			st, err := d.Status(cmd.Context())
			if err != nil {
				return err
			}
			return a.Print(st, func(w io.Writer) error { return printStatus(w, st) })
		},
	}
}

func printStatus(w io.Writer, st deploy.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, n := range st.Nodes {
		fmt.Fprintf(t, "Node %s\t%s\t%s\t%s\n", n.Name, cmp.Or(n.InstanceID, "not there"), n.ManagementAddress,
			cmp.Or(n.ManagementPublic, "no Elastic IP"))
		for _, line := range addressesOf(n) {
			fmt.Fprintf(t, "  %s\t%s\t%s\t\n", line.private, line.public, line.use)
		}
		switch {
		case n.Agent != nil:
			if n.Agent.Mode != "" {
				fmt.Fprintf(t, "  translation\t%s\t\t\n", n.Agent.Mode)
			}
			if m := n.Agent.Machine; m != nil && m.Datapath != "" {
				fmt.Fprintf(t, "  Open vSwitch\tforwards in %s\t\t\n", where(m.Datapath))
			}
		case n.Error != "":
			fmt.Fprint(t, "  state\tunknown, see below\t\t\n")
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return agentcmd.PrintFindings(w, st.Findings)
}

// where names the place of a datapath in a sentence.
func where(datapath string) string {
	if datapath == nodeapi.DatapathKernel {
		return "the kernel"
	}
	return "user space"
}

type addressLine struct{ private, public, use string }

// addressesOf returns the addresses that AWS has registered on the node and those that its agent
// reports, which include addresses still waiting for AWS and Elastic IPs that are not the cloud's.
// IPv6 addresses are public themselves.
func addressesOf(n deploy.NodeStatus) []addressLine {
	var lines []addressLine
	used := make(map[string]nodeapi.Address)
	if n.Agent != nil && n.Agent.Report != nil {
		for _, a := range n.Agent.Report.Addresses {
			if a.Here {
				used[a.Addr.String()] = a
			}
		}
	}
	free := "free"
	if n.Agent == nil || n.Agent.Report == nil {
		free = "unknown" // only the agent knows what Neutron uses
	}
	for _, p := range n.Addresses {
		line := addressLine{p.Private, p.Public, free}
		if a, ok := used[p.Private]; ok {
			line.use = a.Owner()
			if a.Public.IsValid() {
				line.public = a.Public.String()
			}
			delete(used, p.Private)
		}
		lines = append(lines, line)
	}
	for _, private := range n.IPv6Addresses {
		line := addressLine{private, private, free}
		if a, ok := used[private]; ok {
			line.use = a.Owner()
			delete(used, private)
		}
		lines = append(lines, line)
	}
	for private, a := range used {
		lines = append(lines, addressLine{private, "", a.Owner() + ", not registered"})
	}
	if n.Agent != nil && n.Agent.Report != nil {
		for _, h := range n.Agent.Report.Held {
			lines = slices.DeleteFunc(lines, func(l addressLine) bool { return l.private == h.Addr.String() })
			lines = append(lines, addressLine{h.Addr.String(), h.Public.String(),
				"not Neutron's any more, kept until " + agentcmd.KeptUntil(h)})
		}
	}
	for i := range lines {
		lines[i].public = cmp.Or(lines[i].public, "no Elastic IP")
	}
	slices.SortFunc(lines, func(a, b addressLine) int {
		return netip.MustParseAddr(a.private).Compare(netip.MustParseAddr(b.private))
	})
	return lines
}
