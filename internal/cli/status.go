package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/agent"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/terminal"
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
			return a.status(cmd.Context(), args[0])
		},
	}
}

// cloudStatus is a cloud as it is found.
type cloudStatus struct {
	Cloud string       `json:"cloud"`
	Nodes []nodeStatus `json:"nodes"`
}

type nodeStatus struct {
	infra.NodeOutput
	// Gateway is nil when the node did not answer; Error says why.
	Gateway *agent.Status `json:"gateway,omitempty"`
	Error   string        `json:"error,omitempty"`
}

func (a *App) status(ctx context.Context, file string) error {
	steps := a.Steps()
	s, err := a.open(ctx, file, steps, false)
	if err != nil {
		return err
	}
	seen, err := s.look(ctx, steps)
	if err != nil {
		return err
	}
	st := cloudStatus{Cloud: s.cloud.Name, Nodes: []nodeStatus{}}
	for _, n := range infra.OutputsOf(s.cloud, seen).Nodes {
		node := nodeStatus{NodeOutput: n}
		if n.InstanceID != "" {
			if g, err := s.gatewayStatus(ctx, n, steps); err != nil {
				node.Error = err.Error()
			} else {
				node.Gateway = &g
			}
		}
		st.Nodes = append(st.Nodes, node)
	}
	return a.Print(st, st.text)
}

// gatewayStatus asks a node for its translation. A node that does not answer
// soon is reported, not waited for.
func (s *site) gatewayStatus(ctx context.Context, n infra.NodeOutput, steps *terminal.Steps) (agent.Status, error) {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %s", limit))
	defer cancel()
	h, err := s.reach(ctx, n, steps)
	if err != nil {
		return agent.Status{}, err
	}
	defer h.Close()
	var st agent.Status
	err = steps.Await("host", "ask "+n.Name+" for its translation", func() error {
		st, err = readGateway(ctx, h)
		return err
	})
	return st, err
}

func (s cloudStatus) text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var findings []model.Finding
	for _, n := range s.Nodes {
		fmt.Fprintf(t, "Node %s\t%s\t%s\t%s\n", n.Name, cmp.Or(n.InstanceID, "not there"), n.ManagementAddress, n.ManagementPublic)
		for _, line := range n.addresses() {
			fmt.Fprintf(t, "  %s\t%s\t%s\t\n", line.private, line.public, line.use)
		}
		switch {
		case n.Gateway != nil:
			fmt.Fprintf(t, "  translation\t%s\t\t\n", n.Gateway.Mode)
		case n.Error != "":
			fmt.Fprintf(t, "  does not answer: %s\t\t\t\n", n.Error)
		}
		if n.Gateway != nil && n.Gateway.Agent != nil {
			findings = append(findings, n.Gateway.Agent.Findings...)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return printFindings(w, findings)
}

type addressLine struct{ private, public, use string }

// addresses are those that AWS has registered on the node, and those that its
// agent knows besides: some may wait for AWS. The agent knows Elastic IPs that
// are not the cloud's own, too. IPv6 addresses are public themselves.
func (n nodeStatus) addresses() []addressLine {
	var lines []addressLine
	used := make(map[string]agent.Address)
	if n.Gateway != nil && n.Gateway.Agent != nil {
		for _, a := range n.Gateway.Agent.Addresses {
			if a.Here {
				used[a.Addr.String()] = a
			}
		}
	}
	for _, p := range n.Addresses {
		line := addressLine{p.Private, p.Public, "free"}
		if a, is := used[p.Private]; is {
			line.use = a.Owner()
			if a.Public.IsValid() {
				line.public = a.Public.String()
			}
			delete(used, p.Private)
		}
		lines = append(lines, line)
	}
	for _, private := range n.IPv6Addresses {
		line := addressLine{private, private, "free"}
		if a, is := used[private]; is {
			line.use = a.Owner()
			delete(used, private)
		}
		lines = append(lines, line)
	}
	for private, a := range used {
		lines = append(lines, addressLine{private, "", a.Owner() + ", not registered"})
	}
	if n.Gateway != nil && n.Gateway.Agent != nil {
		for _, h := range n.Gateway.Agent.Held {
			lines = slices.DeleteFunc(lines, func(l addressLine) bool { return l.private == h.Addr.String() })
			lines = append(lines, addressLine{h.Addr.String(), h.Public.String(),
				"not Neutron's any more, kept until " + keptUntil(h)})
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
