// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/hint"
	"macaw.example/internal/neutron"
	"macaw.example/internal/terminal"
)

const floatingUsage = "the floating IP, or its Elastic IP"

func (a *App) forwardAddCommand() *cobra.Command {
	var project, floating string
	cmd := &cobra.Command{
		Use:   "add FILE PORT GUEST:PORT[/PROTOCOL]",
		Short: "Forward a port, or a range of ports, to a guest",
		Long: `Forward a port, or a range of ports, of an Elastic IP to a guest: a server's name or
ID, or its address. It must be on a network with a router to the provider network,
and without a floating IP of its own. A floating IP that already carries forwards of
that router is used, or else one is made in the guest's project. The default protocol
is tcp.`,
		Example: `  macaw forward add cloud.yaml 522 web-1:22
  macaw forward add cloud.yaml 53 dns:53/udp --project demo
  macaw forward add cloud.yaml 8000-8010 web-1:8000-8010 --floating-ip 198.51.100.7`,
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			want, err := parseForward(args[1], args[2])
			if err == nil {
				want.FloatingIP, err = parseFloating(floating)
			}
			if err != nil {
				return hint.With(terminal.Usage(err), "%s --help", cmd.CommandPath())
			}
			want.Project = project
			return a.forwardAdd(cmd.Context(), args[0], want)
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "the guest's project, if several have a guest of that name")
	cmd.Flags().StringVar(&floating, "floating-ip", "", floatingUsage+", instead of the default one")
	return cmd
}

// addedForward is the result of forward add.
type addedForward struct {
	neutron.Forward
	Changed bool `json:"changed"` // false if it existed
	// Admission is missing if it could not be determined.
	Admission *neutron.Admission `json:"admission,omitempty"`
}

func (a *App) forwardAdd(ctx context.Context, file string, want neutron.WantForward) error {
	return a.onForwards(ctx, file, func(ctx context.Context, p forwards) error {
		if want.FloatingIP.IsValid() {
			want.FloatingIP = p.outside.private(want.FloatingIP)
		}
		var f neutron.Forward
		var changed bool
		err := a.Steps().Await("neutron", "add the forward", func() (err error) {
			f, changed, err = p.AddForward(ctx, want)
			return err
		})
		if errors.Is(err, neutron.ErrExhausted) {
			return hint.With(err, "delete floating IPs or routers, or raise provider.addresses in %[1]s, then macaw up %[1]s",
				file)
		}
		if err != nil {
			return err
		}
		if err := p.settle(ctx, &f, a.Steps()); err != nil {
			return err
		}
		added := addedForward{Forward: f, Changed: changed}
		if admission, err := p.Admission(ctx, f); err == nil { // on an error the forward exists nevertheless
			added.Admission = &admission
		}
		return a.Print(added, func(w io.Writer) error { return printAdded(w, added) })
	})
}

// settleLimit is how long the command waits for the Elastic IP of a new floating IP. It then ends
// without it.
const settleLimit = 30 * time.Second

// settle makes the agents handle a forward now, and waits until its floating IP has its Elastic IP.
// A timeout is no error: the forward exists.
func (p forwards) settle(ctx context.Context, f *neutron.Forward, steps *terminal.Steps) error {
	if err := p.Reload(ctx); err != nil {
		steps.Note("neutron", "could not notify the gateway's agent, which finds the forward by itself: "+err.Error())
	}
	if p.outside.put(f); f.Public.IsValid() || !p.Public {
		return nil
	}
	return steps.Do("neutron", "floating IP "+f.Addr.String()+" gets its Elastic IP", func() error {
		for end := time.Now().Add(settleLimit); time.Now().Before(end); {
			all, _ := p.Forwards(ctx) // empty on an error: the forward exists nevertheless
			for _, now := range all {
				if now.ID == f.ID && now.Public.IsValid() {
					f.Public = now.Public
					return nil
				}
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(300 * time.Millisecond):
			}
		}
		return nil
	})
}

func printAdded(w io.Writer, f addedForward) error {
	said := "is forwarded"
	if !f.Changed {
		said = "is already forwarded"
	}
	if _, err := fmt.Fprintf(w, "%s %s to %s\n", outer(f.Forward), said, inner(f.Forward)); err != nil ||
		f.Admission == nil || f.Admission.Open {
		return err
	}
	if len(f.Admission.Groups) == 0 {
		_, err := fmt.Fprintf(w, "But the guest will not answer: it has no security group, which lets nothing in.\nhint: "+
			"openstack port set --security-group GROUP %s\n", f.PortID)
		return err
	}
	_, err := fmt.Fprintf(w, "But the guest will not answer: no rule of its security groups lets %s %s in from "+
		"outside.\nhint: openstack security group rule create --ingress --protocol %s --dst-port %s %s\n",
		f.Protocol, f.Internal, f.Protocol, strings.Replace(f.Internal.String(), "-", ":", 1), f.Admission.Groups[0])
	return err
}
