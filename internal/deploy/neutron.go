// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"

	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
)

// Neutron is a client of a running cloud's Neutron, with the context that callers need.
type Neutron struct {
	neutron.Provider
	// Nodes are the cloud's, with the addresses registered on AWS.
	Nodes []infra.NodeOutput
	// Public means that floating IPs get Elastic IPs.
	Public bool
	// Reload makes the gateways' agents query Neutron now.
	Reload func(context.Context) error
}

// WithNeutron calls fn with the cloud's Neutron, as its administrator.
func (d *Deployment) WithNeutron(ctx context.Context, fn func(context.Context, Neutron) error) error {
	return d.onController(ctx, func(ctx context.Context, w *ways, h Node) error {
		acc, err := d.takeAccess(ctx, h)
		if err != nil {
			return err
		}
		var client *neutron.Client
		err = d.await(phaseNeutron, "log in at "+acc.Auth.URL, func() error {
			client, err = neutron.Connect(ctx, acc.Auth)
			return err
		})
		if err != nil {
			return err
		}
		return fn(ctx, Neutron{
			Provider: neutron.Provider{Client: client, Network: externalNetwork},
			Nodes:    w.nodes,
			Public:   d.Cloud.Provider.ElasticIPs != model.ElasticIPsNone,
			Reload: func(ctx context.Context) error {
				return w.onGateways(ctx, "", func(ctx context.Context, _ infra.NodeOutput, h Node) error {
					return reloadAgent(ctx, h)
				})
			},
		})
	})
}
