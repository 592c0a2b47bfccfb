package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"

	"macaw.example/internal/agent"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/node"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

const (
	nodeBinary   = "/usr/local/bin/macaw"
	nodeSpecPath = "/etc/macaw/node.json"
)

// nodeSpec is everything that a node is made from; it holds no secret.
type nodeSpec struct {
	OpenStack node.Spec    `json:"openstack"`
	Gateway   agent.Config `json:"gateway"`
}

// applyNode makes this machine the node that spec describes. The provider NIC
// comes first: Open vSwitch finds its port in place.
func applyNode(ctx context.Context, spec nodeSpec, progress node.Progress) error {
	if err := node.Install(ctx, progress); err != nil {
		return err
	}
	if spec.OpenStack.Has(model.Gateway) {
		progress(node.Event{Step: "provider NIC and translation", State: node.Started})
		changed, err := agent.Install(ctx, spec.Gateway, nodeBinary)
		e := node.Event{Step: "provider NIC and translation", State: node.Done, Err: err}
		switch {
		case err != nil:
			e.State = node.Failed
		case !changed:
			e.State = node.Skipped
		}
		progress(e)
		if err != nil {
			return err
		}
	}
	return node.Apply(ctx, spec.OpenStack, progress)
}

// specOf is what a node of the cloud shall be.
func specOf(c *cloud.Cloud, n infra.NodeOutput) (nodeSpec, error) {
	ipv6, err := ipv6Of(c, n)
	if err != nil {
		return nodeSpec{}, err
	}
	management := netip.MustParseAddr(n.ManagementAddress)
	primary := netip.MustParseAddr(n.ProviderENI.Primary)
	spec := nodeSpec{
		OpenStack: node.Spec{
			Cloud: c.Name, Region: "RegionOne", Node: n.Name, Controller: management,
			Management: node.Management{Address: management, Public: netip.MustParseAddr(n.ManagementPublic)},
			Provider: node.Provider{
				NICMAC: n.ProviderENI.MAC, Subnet: c.Provider.Subnet, Gateway: c.Provider.Subnet.Masked().Addr().Next(),
				Primary: primary, Addresses: c.ProviderAddresses(), IPv6: ipv6,
			},
			PhysicalNetwork: "provider", Bridge: "br-ex", ProviderPort: "mcw1",
		},
	}
	mac, err := model.ParseMAC(n.ProviderENI.MAC)
	if err != nil {
		return nodeSpec{}, fmt.Errorf("reading what AWS says of node %s: %w", n.Name, err)
	}
	spec.Gateway = agent.Config{
		Cloud: c.Name, Node: n.Name, Gateways: gatewaysOf(c),
		Region: region(c), Instance: n.InstanceID, SubnetID: n.ProviderENI.Subnet,
		Policy: model.ElasticIPs(c.Provider.ElasticIPs), Pool: c.Provider.Pool,
		ReleaseAfter: model.Wait(c.Provider.ReleaseAfter), Range: infra.Range(c),
		NICMAC: mac, Primary: primary, Subnet: c.Provider.Subnet, VPC: []netip.Prefix{c.VPC.CIDR}, Network: externalNetwork,
		Metrics: netip.AddrPortFrom(management, metricsPort), AuthFile: node.GatewayAuthPath,
	}
	if ipv6.Subnet.IsValid() {
		spec.Gateway.Range = append(spec.Gateway.Range, cloud.IPv6Block(ipv6.Subnet))
		spec.Gateway.VPC = append(spec.Gateway.VPC, cloud.VPCIPv6Block(ipv6.Subnet))
	}
	for _, of := range c.Nodes {
		if of.Name == n.Name {
			spec.Gateway.InstanceType = of.Type
			for _, r := range of.Roles {
				spec.OpenStack.Roles = append(spec.OpenStack.Roles, model.Role(r))
			}
		}
	}
	return spec, nil
}

// ipv6Of is the provider network's part of IPv6, if the cloud has it.
func ipv6Of(c *cloud.Cloud, n infra.NodeOutput) (node.ProviderIPv6, error) {
	if !c.Provider.IPv6 {
		return node.ProviderIPv6{}, nil
	}
	subnet, err := netip.ParsePrefix(n.ProviderENI.IPv6Subnet)
	if err != nil {
		return node.ProviderIPv6{}, fmt.Errorf("reading the IPv6 block of node %s's provider subnet: %w", n.Name, err)
	}
	return node.ProviderIPv6{Subnet: subnet, Gateway: cloud.IPv6Gateway(subnet), Addresses: c.ProviderIPv6Addresses(subnet)}, nil
}

// metricsPort is where a gateway's agent answers Prometheus, at the node's
// management address.
const metricsPort = 9478

// gatewaysOf returns the names of the cloud's gateway nodes.
func gatewaysOf(c *cloud.Cloud) (names []string) {
	for _, n := range c.Nodes {
		if slices.Contains(n.Roles, model.Gateway) {
			names = append(names, n.Name)
		}
	}
	return names
}

// region is the cloud's region; the lab has one.
func region(c *cloud.Cloud) string {
	if c.InLab() {
		return lab.Region
	}
	return c.Target
}

// makeNode makes a machine the node of a spec. It returns how many steps had
// something to do.
func (a *App) makeNode(ctx context.Context, h *host.Host, spec nodeSpec, steps *terminal.Steps) (changed int, err error) {
	if err := a.putProgram(ctx, h, steps); err != nil {
		return 0, err
	}
	job := host.Job{Name: "macaw-node-apply", Command: []string{nodeBinary, "node", "apply"}}
	// A job that an interrupted run has left behind may work from another
	// spec: it comes to its end first.
	if err := a.finish(ctx, h, job, steps); err != nil {
		return 0, err
	}
	b, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return 0, err
	}
	if _, err := h.Put(ctx, nodeSpecPath, b, 0o600); err != nil {
		return 0, err
	}
	return a.job(ctx, h, job, steps)
}

// putProgram copies this program to a machine.
func (a *App) putProgram(ctx context.Context, h *host.Host, steps *terminal.Steps) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return steps.Do("host", "copy macaw", func() error {
		machine, err := h.Output(ctx, "uname -sm")
		if err != nil {
			return fmt.Errorf("asking the node for its architecture: %w", err)
		}
		if err := runsOn(machine, runtime.GOOS, runtime.GOARCH); err != nil {
			return err
		}
		_, err = h.PutFile(ctx, self, nodeBinary, 0o755)
		return err
	})
}

// runsOn says whether a program for a system and an architecture, in Go's words,
// runs on a machine of which uname -sm says what it is.
func runsOn(machine, system, architecture string) error {
	kernel, hardware, _ := strings.Cut(strings.TrimSpace(machine), " ")
	names := map[string]string{"x86_64": "amd64", "aarch64": "arm64"} // uname(2) on Linux
	if strings.ToLower(kernel) == system && names[hardware] == architecture {
		return nil
	}
	return hint.With(
		fmt.Errorf("the node is %s %s, and this macaw, which would be copied to it, is built for %s/%s",
			kernel, hardware, system, architecture),
		"run macaw on a machine like the node; Macaw's nodes are Linux on x86_64",
	)
}

// finish follows a job that runs already to its end, however it ends.
func (a *App) finish(ctx context.Context, h *host.Host, job host.Job, steps *terminal.Steps) error {
	active, err := h.Active(ctx, job)
	if err != nil || !active {
		return err
	}
	steps.Note("host", "an earlier run of "+job.Name+" is under way; following it")
	_, err = follow(ctx, h, job, steps)
	var failed *jobError
	if errors.As(err, &failed) || errors.Is(err, host.ErrLost) {
		return nil
	}
	return err
}

// job starts a job and follows it to its end.
func (a *App) job(ctx context.Context, h *host.Host, job host.Job, steps *terminal.Steps) (changed int, err error) {
	started, err := h.Start(ctx, job)
	if err != nil {
		return 0, err
	}
	if !started {
		steps.Note("host", "somebody else has started "+job.Name+" just now; following that run")
	}
	return follow(ctx, h, job, steps)
}

// jobError is a job that ran and failed.
type jobError struct{ job, text string }

func (e *jobError) Error() string { return e.job + ": " + e.text }

// follow shows the steps of a job's log and returns how it came out.
func follow(ctx context.Context, h *host.Host, job host.Job, steps *terminal.Steps) (changed int, err error) {
	running := map[string]func(error){}
	result, stray := nodeEvent{}, ""
	err = h.Follow(ctx, job, func(line []byte) {
		var e nodeEvent
		if json.Unmarshal(line, &e) != nil {
			// What is not one of our lines is a program's last words.
			stray = string(line)
			return
		}
		done := running[e.Step]
		switch {
		case e.Result != "":
			result = e
		case e.State == node.Started:
			running[e.Step] = steps.Start("node", e.Step)
		case done == nil:
		case e.State == node.Failed:
			done(errors.New(e.Error))
		case e.State == node.Done:
			changed++
			done(nil)
		default:
			done(nil)
		}
	})
	switch {
	case err != nil:
		return changed, err
	case result.Result == resultOK:
		return changed, nil
	case result.Result == resultFailed:
		return changed, hint.With(&jobError{job.Name, result.Error}, "the node's log: journalctl, and /var/log/macaw/%s.log", job.Name)
	}
	return changed, fmt.Errorf("%s: %w: %s", job.Name, host.ErrLost, stray)
}
