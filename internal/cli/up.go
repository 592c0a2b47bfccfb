// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"macaw.example/internal/agentcmd"
	"macaw.example/internal/deploy"
	"macaw.example/internal/model"
	"macaw.example/internal/terminal"
)

func (a *App) upCommand() *cobra.Command {
	var when string
	var yes, restart, newAuthority bool
	cmd := &cobra.Command{
		Use:     "up FILE",
		GroupID: "cloud",
		Short:   "Make a cloud, or repair it",
		Long: `Make the cloud that FILE describes: its AWS resources, OpenStack on its nodes,
the external network, and a guest to verify that it works. Existing parts are left
alone, so the command can be run again at any time; it can be interrupted at any
point, and the next run continues there.

A node that was removed from the file, or renamed, is destroyed with its data, but
only with --yes; macaw plan shows it in advance. Its guests move to other nodes first, by
live migration if they run; if one cannot move, no node is destroyed.

The same holds for Neutron's addresses: those that fewer provider.addresses would cut
off, and Elastic IPs that another policy would release, go only with --yes as long as
they are registered or associated.

Some changes, such as another instance type, need a stopped instance. macaw plan
shows them; --restart stops the instance, makes them and starts it again.

--new-authority replaces the cloud's certificate authority and all certificates below
it, for instance when its key has leaked. An interrupted replacement is completed by
the next run, with or without the flag.`,
		Example: `  macaw up examples/lab.yaml
  macaw up cloud.yaml --verify=never
  macaw up cloud.yaml --output json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(whenToVerify, when) {
				return terminal.Usage(fmt.Errorf("--verify %q: want %s, %s or %s", when, deploy.Auto, deploy.Always, deploy.Never))
			}
			d, err := a.deployment("up", args[0])
			if err != nil {
				return err
			}
			res, err := d.Up(cmd.Context(), deploy.UpOptions{
				Verify: deploy.When(when), Destroy: yes, Restart: restart, NewAuthority: newAuthority,
			})
			if err != nil {
				return err
			}
			steps := a.Steps()
			sum := summary{res, steps.Elapsed().Seconds(), steps.Timings(), args[0]}
			return a.Print(sum, sum.text)
		},
	}
	cmd.Flags().StringVar(&when, "verify", string(deploy.Auto),
		"try the cloud out: always, never, or auto: when something has changed since it was")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false,
		"continue even if an instance and its data would be destroyed, or used addresses given up")
	cmd.Flags().BoolVar(&restart, "restart", false, "stop and start an instance if a change needs it")
	cmd.Flags().BoolVar(&newAuthority, "new-authority", false, "replace the cloud's certificate authority")
	_ = cmd.RegisterFlagCompletionFunc("verify", cobra.FixedCompletions(whenToVerify, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var whenToVerify = []string{string(deploy.Auto), string(deploy.Always), string(deploy.Never)}

// completeCloudFile completes the names of YAML files.
func completeCloudFile(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// summary is up's final output.
type summary struct {
	deploy.UpResult
	Seconds float64           `json:"seconds"`
	Steps   []terminal.Timing `json:"steps"`

	file string
}

func (s summary) text(w io.Writer) error {
	if s.Changes == 0 {
		fmt.Fprintf(w, "Cloud %s is up; nothing had to change (%.1fs).\n\n", s.Cloud, s.Seconds)
	} else {
		fmt.Fprintf(w, "Cloud %s is up (%.1fs, %s).\n\n", s.Cloud, s.Seconds, count(s.Changes, "change"))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  Dashboard\t%s\tuser admin, domain Default, password in %s\n", s.Dashboard, s.Clouds)
	fmt.Fprintf(t, "  API\t%s\topenstack --os-cloud %s server list\n", s.Auth, s.Cloud)
	for _, n := range s.Nodes {
		fmt.Fprintf(t, "  Node\t%s\tmacaw ssh %s %s\n", cmp.Or(n.ManagementPublic, n.ManagementAddress), s.file, n.Name)
	}
	fmt.Fprintf(t, "  Verified\t%s\n", s.Verified)
	if err := t.Flush(); err != nil {
		return err
	}
	if err := s.addresses(w); err != nil {
		return err
	}
	if err := agentcmd.PrintFindings(w, s.Findings); err != nil {
		return err
	}
	if where := phases(s.Steps); where != "" {
		fmt.Fprintf(w, "\n  Where the time went: %s\n", where)
	}
	if s.Changes == 0 {
		return nil
	}
	return s.next(w)
}

// next prints commands that make a guest and log in to it.
func (s summary) next(w io.Writer) error {
	login := "openstack floating ip show $ip -c tags    # elastic-ip=ADDRESS\n" +
		"    ssh -i guest_key " + s.GuestUser + "@ADDRESS"
	if s.ElasticIPs == model.ElasticIPsNone {
		login = "ssh -i guest_key " + s.GuestUser + "@$ip    # from inside the VPC"
	}
	_, err := fmt.Fprintf(w, `
  To try next, a guest of your own:
    export OS_CLOUD=%[1]s
    openstack network create net
    openstack subnet create net --network net --subnet-range 192.168.1.0/24 --dns-nameserver 8.8.8.8
    openstack router create r --external-gateway public && openstack router add subnet r net
    openstack security group create ssh
    openstack security group rule create ssh --protocol tcp --dst-port 22
    ssh-keygen -q -t ed25519 -N '' -f guest_key && openstack keypair create key --public-key guest_key.pub
    openstack server create guest --image %[2]s --flavor %[3]s --network net --security-group ssh --key-name key --wait
    ip=$(openstack floating ip create public -f value -c floating_ip_address)
    openstack server add floating ip guest $ip
    %[4]s

  To remove the cloud with everything in it: macaw down %[5]s
`, s.Cloud, s.GuestImage, s.GuestFlavor, login, s.file)
	return err
}

// count formats a number of things: "1 change", "68 changes".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// addresses prints the public addresses of Neutron's addresses.
func (s summary) addresses(w io.Writer) error {
	if text, later := map[model.ElasticIPPolicy]string{
		model.ElasticIPsOnDemand: "each gets an Elastic IP while it is in use",
		model.ElasticIPsPool:     "each gets an Elastic IP of provider.pool while it is in use",
		model.ElasticIPsNone:     "they are reached inside the VPC only",
	}[s.ElasticIPs]; later {
		_, err := fmt.Fprintf(w, "\n  Neutron uses %s to %s for routers and floating IPs; %s.\n", s.Given[0],
			s.Given[len(s.Given)-1], text)
		return err
	}
	fmt.Fprintln(w, "\n  Neutron's addresses for routers and floating IPs, with their Elastic IPs:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range s.Addresses {
		fmt.Fprintf(t, "    %s\t%s\n", p.Private, cmp.Or(p.Public, "no Elastic IP"))
	}
	return t.Flush()
}

// phases sums up the time of each phase in which it had a step under way; parallel steps count
// once.
func phases(steps []terminal.Timing) string {
	var order []string
	spans := map[string][]terminal.Timing{}
	for _, s := range steps {
		if _, seen := spans[s.Phase]; !seen {
			order = append(order, s.Phase)
		}
		spans[s.Phase] = append(spans[s.Phase], s)
	}
	out := ""
	for _, phase := range order {
		list := spans[phase]
		slices.SortFunc(list, func(a, b terminal.Timing) int { return cmp.Compare(a.Start, b.Start) })
		var total, until float64
		for _, s := range list {
			end := s.Start + s.Seconds
			if end > until {
				total += end - max(until, s.Start)
				until = end
			}
		}
		if total < 0.05 {
			continue
		}
		if out != "" {
			out += ", "
		}
		out += fmt.Sprintf("%s %.1fs", phase, total)
	}
	return out
}
