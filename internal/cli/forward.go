// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"macaw.example/internal/deploy"
	"macaw.example/internal/infra"
	"macaw.example/internal/neutron"
	"macaw.example/internal/terminal"
)

func (a *App) forwardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "forward",
		GroupID: "cloud",
		Short:   "Forward ports of an Elastic IP to guests",
		Long: `Forward ports of an Elastic IP to guests: for example, port 522 of the Elastic IP
to port 22 of a guest. These are Neutron's port forwardings on a floating IP, so
tenants see them too: openstack floating ip port forwarding list. The guest's
security group must allow its port.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(a.forwardAddCommand(), terminal.ReadOnly(a.forwardListCommand()), a.forwardRemoveCommand())
	return cmd
}

// forwards is the input of the forward commands.
type forwards struct {
	deploy.Neutron
	outside publicAddresses
}

// onForwards calls fn with the Neutron of a running cloud.
func (a *App) onForwards(ctx context.Context, file string, fn func(context.Context, forwards) error) error {
	d, err := a.deployment("forward", file)
	if err != nil {
		return err
	}
	return d.WithNeutron(ctx, func(ctx context.Context, n deploy.Neutron) error {
		return fn(ctx, forwards{n, publicOf(n.Nodes)})
	})
}

// publicAddresses are the Elastic IPs of Neutron's addresses, as AWS has them.
type publicAddresses map[netip.Addr]netip.Addr

func publicOf(nodes []infra.NodeOutput) publicAddresses {
	out := publicAddresses{}
	for _, n := range nodes {
		for _, pair := range n.Addresses {
			private, errPrivate := netip.ParseAddr(pair.Private)
			public, errPublic := netip.ParseAddr(pair.Public)
			if errPrivate == nil && errPublic == nil {
				out[private] = public
			}
		}
	}
	return out
}

// put sets a forward's Elastic IP if its floating IP has no tag with it, as for Elastic IPs that
// were made with the cloud.
func (p publicAddresses) put(f *neutron.Forward) {
	if !f.Public.IsValid() {
		f.Public = p[f.Addr]
	}
}

// private returns the floating IP of an Elastic IP. It returns any other address unchanged, for
// Neutron to look up.
func (p publicAddresses) private(a netip.Addr) netip.Addr {
	for private, public := range p {
		if public == a {
			return private
		}
	}
	return a
}

// elastic formats a forward's public side for a table.
func elastic(f neutron.Forward) string {
	if !f.Public.IsValid() {
		return "no Elastic IP:" + f.External.String()
	}
	return f.Public.String() + ":" + f.External.String()
}

// outer formats a forward's public side for a sentence.
func outer(f neutron.Forward) string {
	if !f.Public.IsValid() {
		// On demand, the Elastic IP is allocated after the floating IP.
		return fmt.Sprintf("port %s/%s of floating IP %s, which has no Elastic IP yet,", f.External, f.Protocol, f.Addr)
	}
	return fmt.Sprintf("%s:%s/%s", f.Public, f.External, f.Protocol)
}

// inner formats a forward's guest side.
func inner(f neutron.Forward) string {
	guest := f.Guest
	if guest == "" {
		guest = f.GuestAddr.String()
	}
	return fmt.Sprintf("%s:%s", guest, f.Internal)
}
