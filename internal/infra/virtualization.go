// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// Virtualization tells how guests can run on the instances of a type (EC2 User Guide,
// amazon-ec2-nested-virtualization).
type Virtualization string

// The kinds of virtualization. Guests run under KVM on bare metal, and on types with nested
// virtualization once that is switched on for the instance; elsewhere they are emulated.
const (
	Metal    Virtualization = "metal"
	Nested   Virtualization = "nested"
	Emulated Virtualization = "emulated"
)

// Types is what AWS says of instance types, by name. Those that the region does not have are missing.
type Types map[string]types.InstanceTypeInfo

// AskTypes asks AWS about the instance types of a cloud's nodes.
func AskTypes(ctx context.Context, api EC2, c *cloud.Cloud) (Types, error) {
	var names []string
	for _, n := range c.Nodes {
		names = append(names, n.Type)
	}
	return inventory.InstanceTypes(ctx, api, names)
}

// WithExisting returns the types with those of a cloud's existing instances, which the cloud file may have changed.
func (t Types) WithExisting(ctx context.Context, api EC2, s inventory.Seen) (Types, error) {
	var names []string
	for _, in := range s.Instances {
		if _, known := t[in.Type]; !known && in.Live() {
			names = append(names, in.Type)
		}
	}
	all, err := inventory.InstanceTypes(ctx, api, names)
	if err == nil {
		maps.Copy(all, t)
	}
	return all, err
}

// Virtualization tells how guests can run on the types.
func (t Types) Virtualization() map[string]Virtualization {
	all := map[string]Virtualization{}
	for name, info := range t {
		all[name] = virtualizationOf(info)
	}
	return all
}

func virtualizationOf(t types.InstanceTypeInfo) Virtualization {
	const feature = types.SupportedAdditionalProcessorFeature("nested-virtualization")
	switch {
	case aws.ToBool(t.BareMetal):
		return Metal
	case t.ProcessorInfo != nil && slices.Contains(t.ProcessorInfo.SupportedFeatures, feature):
		return Nested
	}
	return Emulated
}

// nests reports whether a type is known to have nested virtualization.
func (w Wanted) nests(name string) bool { return w.Virtualization[name] == Nested }

// Guests tells how the guests of a node run once a plan is carried out.
type Guests struct {
	Node string `json:"node"`
	KVM  bool   `json:"kvm"`
	// Text explains it for display.
	Text string `json:"text"`
}

// guests adds how the guests of a compute node run. in is its instance, nil if it is still to be
// made; restarts means that the plan applies changes that need a stop.
func (b *up) guests(node cloud.Node, in *inventory.Instance, restarts bool) {
	if !slices.Contains(node.Roles, model.Compute) {
		return
	}
	name, nested := node.Type, b.w.nests(node.Type)
	if in != nil && !restarts {
		name, nested = in.Type, in.Nested
	}
	kind, ok := b.w.Virtualization[name]
	if !ok {
		return
	}
	g := Guests{Node: node.Name, KVM: kind == Metal || nested}
	under := "guests run under KVM"
	if b.c.InLab() {
		under += " if the lab's host can"
	}
	switch {
	case kind == Metal:
		g.Text = fmt.Sprintf("%s: %s is bare metal", under, name)
	case nested:
		g.Text = fmt.Sprintf("%s: %s has nested virtualization", under, name)
	case kind == Nested:
		g.Text = fmt.Sprintf("guests are emulated, which is slow, while nested virtualization is off on %s", name)
	default:
		g.Text = fmt.Sprintf("guests are emulated, which is slow: %s has no nested virtualization; m8i.xlarge has it, "+
			"as do the other types of m8i, c8i and r8i", name)
	}
	b.Guests = append(b.Guests, g)
}
