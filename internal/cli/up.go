package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/node"
	"macaw.example/internal/terminal"
)

// When up tries the cloud out.
const (
	verifyAuto   = "auto"
	verifyAlways = "always"
	verifyNever  = "never"
)

func (a *App) upCommand() *cobra.Command {
	var when string
	var yes bool
	cmd := &cobra.Command{
		Use:     "up FILE",
		GroupID: "cloud",
		Short:   "Make a cloud, or mend it",
		Long: `Make the cloud that FILE describes: its AWS resources, OpenStack on its nodes,
the external network, and a guest that shows that it works. What is there
already is left alone, so the command can be run again at any time; it can be
interrupted anywhere, and the next run goes on where it stopped.

A node that the file does not have any more, or has under another name, goes with its
data, and up does that only with --yes; macaw plan says so before.`,
		Example: `  macaw up examples/lab.yaml
  macaw up cloud.yaml --verify=never
  macaw up cloud.yaml --output json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{verifyAuto, verifyAlways, verifyNever}, when) {
				return terminal.Usage(fmt.Errorf("--verify %q: want %s, %s or %s", when, verifyAuto, verifyAlways, verifyNever))
			}
			return a.up(cmd.Context(), args[0], when, yes)
		},
	}
	cmd.Flags().StringVar(&when, "verify", verifyAuto, "try the cloud out: always, never, or auto: when something has changed since it was")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "go ahead where an instance and its data would be destroyed")
	_ = cmd.RegisterFlagCompletionFunc("verify", cobra.FixedCompletions([]string{verifyAuto, verifyAlways, verifyNever}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// completeCloudFile offers YAML files.
func completeCloudFile(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

func (a *App) up(ctx context.Context, file, when string, yes bool) error {
	c, err := cloud.Load(file)
	if err != nil {
		return err
	}
	steps := a.Steps()
	return a.exclusively(ctx, c, "up "+file, steps, true, func(ctx context.Context, s *site) error {
		s.destroy = yes
		return a.upSite(ctx, s, file, when, steps)
	})
}

func (a *App) upSite(ctx context.Context, s *site, file, when string, steps *terminal.Steps) error {
	nodes, changes, err := a.makeInfra(ctx, s, steps)
	if err != nil {
		return err
	}
	// There is one node; the cloud file says so.
	node := nodes[0]
	var h *host.Host
	err = steps.Do("host", "SSH to "+node.Name+" at "+node.ManagementPublic, func() error {
		reach, cancel := context.WithTimeout(ctx, startLimit)
		defer cancel()
		h, err = s.dial(reach, node, steps)
		return err
	})
	if err != nil {
		return hint.With(err, "macaw status %s, and the instance's console output", file)
	}
	defer h.Close()
	spec, err := specOf(s.cloud, node)
	if err != nil {
		return err
	}
	changed, err := a.makeNode(ctx, h, spec, steps)
	if err != nil {
		return err
	}
	changes += changed
	access, err := a.takeAccess(ctx, s, h, steps)
	if err != nil {
		return err
	}
	var verified string
	err = whileAlive(ctx, h, func(ctx context.Context) error {
		if err := a.provideGuest(ctx, s, access, steps); err != nil {
			return err
		}
		verified, err = a.verifyAfterUp(ctx, s, h, spec, access, when, steps)
		return err
	})
	if err != nil {
		err = hint.With(err, "macaw gateway status %s shows what the translation saw", file)
		if s.cloud.InLab() {
			err = hint.With(err, "macaw lab drops shows what the lab's network refused")
		}
		return err
	}
	sum := summary{
		Cloud: s.cloud.Name, Dashboard: "http://" + node.ManagementPublic + "/", Auth: access.Auth.URL,
		Clouds: access.path, Addresses: node.Addresses, Verified: verified, Changes: changes,
		Seconds: steps.Elapsed().Seconds(), Steps: steps.Timings(), file: file, image: guestImage(s.cloud), nodes: nodes,
		provider: s.cloud.Provider, given: s.cloud.ProviderAddresses(),
	}
	return a.Print(sum, sum.text)
}

// makeInfra makes the cloud's AWS resources and returns its nodes and how many
// actions it took.
func (a *App) makeInfra(ctx context.Context, s *site, steps *terminal.Steps) ([]infra.NodeOutput, int, error) {
	key, _, err := sshKey(s.cloud.Name, host.LoadKey)
	if err != nil {
		return nil, 0, err
	}
	var plan *infra.Plan
	err = steps.Do("infra", seeStep, func() error {
		plan, err = s.plan(ctx, host.AuthorizedKey(key))
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if d := plan.Destroys(); len(d) > 0 && !s.destroy {
		return nil, 0, hint.With(fmt.Errorf("instance %s would be destroyed with its data: the file has no such node; nothing was changed", d[0].Detail),
			"macaw plan shows all of it, macaw up --yes does it; or give the node its old name")
	}
	for _, d := range plan.Drift {
		steps.Note("infra", d.String())
	}
	defer s.watchLab(ctx, steps)()
	out, err := infra.Apply(ctx, s.clients(), plan, infraProgress(steps))
	if err != nil {
		return nil, 0, err
	}
	return out.Nodes, len(plan.Actions), nil
}

// plan is the difference between the cloud file and what AWS has.
func (s *site) plan(ctx context.Context, publicKey string) (*infra.Plan, error) {
	w := infra.Wanted{Cloud: s.cloud, PublicKey: publicKey, UserData: userData(s.cloud)}
	seen, err := s.see(ctx)
	if err != nil {
		return nil, err
	}
	if s.down {
		// What the lab will offer once it is up.
		w.Image = infra.Image{ID: s.lab.StockImage(), Kind: infra.ImageStock}
		return infra.PlanUp(w, seen)
	}
	chosen := s.cloud.Nodes[0].Image
	w.Image, err = infra.FindImage(ctx, s.ec2, node.PackagesHash(), chosen)
	switch {
	case errors.Is(err, infra.ErrNoImage) && chosen != "":
		return nil, s.cloud.Reject("nodes[0].image", "an image is of one region, and its owner says who may use it",
			"AWS shows no image %s", chosen)
	case err != nil && !errors.Is(err, infra.ErrNoImage):
		return nil, err
	}
	account, err := infra.Ask(ctx, s.ec2, s.cloud)
	if err != nil {
		return nil, err
	}
	return infra.PlanIn(account, w, seen)
}

// userData has cloud-init give the machine its node's name: Nova and OVN know a
// node by its host name.
func userData(c *cloud.Cloud) []byte {
	return fmt.Appendf(nil, "#cloud-config\nhostname: %[1]s\nfqdn: %[1]s\nmanage_etc_hosts: localhost\n", c.Nodes[0].Name)
}

// infraProgress shows the actions of a plan as steps.
func infraProgress(steps *terminal.Steps) infra.Progress {
	running := map[string]func(error){}
	return func(e infra.Event) {
		switch e.State {
		case infra.Started:
			running[e.Action.ID] = steps.Start("infra", fmt.Sprintf("%s %s %s", e.Action.Verb, e.Action.Object, e.Action.Detail))
		default:
			running[e.Action.ID](e.Err)
		}
	}
}

// summary is what up has to say at its end.
type summary struct {
	Cloud     string              `json:"cloud"`
	Dashboard string              `json:"dashboard"`
	Auth      string              `json:"authURL"`
	Clouds    string              `json:"cloudsYAML"`
	Addresses []infra.AddressPair `json:"addresses"`
	Verified  string              `json:"verified"`
	Changes   int                 `json:"changes"`
	Seconds   float64             `json:"seconds"`
	Steps     []terminal.Timing   `json:"steps"`

	file, image string
	nodes       []infra.NodeOutput
	provider    cloud.Provider
	given       []netip.Addr // Neutron's
}

func (s summary) text(w io.Writer) error {
	if s.Changes == 0 {
		fmt.Fprintf(w, "Cloud %s is up; nothing had to change (%.1fs).\n\n", s.Cloud, s.Seconds)
	} else {
		fmt.Fprintf(w, "Cloud %s is up (%.1fs, %d changes).\n\n", s.Cloud, s.Seconds, s.Changes)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  Dashboard\t%s\tuser admin, domain Default, password in %s\n", s.Dashboard, s.Clouds)
	fmt.Fprintf(t, "  API\t%s\topenstack --os-cloud %s server list\n", s.Auth, s.Cloud)
	for _, n := range s.nodes {
		fmt.Fprintf(t, "  Node\t%s\tmacaw ssh %s %s\n", n.ManagementPublic, s.file, n.Name)
	}
	fmt.Fprintf(t, "  Verified\t%s\n", s.Verified)
	if err := t.Flush(); err != nil {
		return err
	}
	if err := s.addresses(w); err != nil {
		return err
	}
	if where := phases(s.Steps); where != "" {
		fmt.Fprintf(w, "\n  Where the time went: %s\n", where)
	}
	_, err := fmt.Fprintf(w, `
  To try next:
    export OS_CLOUD=%[1]s
    openstack network create net && openstack subnet create net --network net --subnet-range 192.168.1.0/24 --dns-nameserver 8.8.8.8
    openstack router create r --external-gateway public && openstack router add subnet r net
    openstack server create guest --image %[3]s --flavor m1.nano --network net
    openstack floating ip create public
    macaw down %[2]s
`, s.Cloud, s.file, s.image)
	return err
}

// addresses says where the Internet finds Neutron's addresses.
func (s summary) addresses(w io.Writer) error {
	if text, later := map[model.ElasticIPs]string{
		model.ElasticIPsOnDemand: "each gets an Elastic IP while it is in use",
		model.ElasticIPsPool:     "each gets an Elastic IP of provider.pool while it is in use",
		model.ElasticIPsNone:     "they are reached inside the VPC only",
	}[s.provider.ElasticIPs]; later {
		_, err := fmt.Fprintf(w, "\n  Neutron gives %s to %s to routers and floating IPs; %s.\n", s.given[0], s.given[len(s.given)-1], text)
		return err
	}
	fmt.Fprintln(w, "\n  Addresses that Neutron gives to routers and floating IPs, and where the Internet finds them:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range s.Addresses {
		fmt.Fprintf(t, "    %s\t%s\n", p.Private, cmp.Or(p.Public, "no Elastic IP"))
	}
	return t.Flush()
}

// phases sums up how long each phase had a step under way; steps side by side
// count once.
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
