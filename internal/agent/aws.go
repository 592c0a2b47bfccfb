// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/registrar"
)

// newRegistrar makes the AWS half of the agent.
func newRegistrar(
	cfg Config, observer registrar.Observer, h *heldFiles, stillHere func(netip.Addr) bool,
) *registrar.Registrar {
	return registrar.New(ec2.NewFromConfig(awsapi.NodeConfig(cfg.Region)), registrar.Config{
		Cloud: cfg.Cloud, Node: cfg.Node, Instance: cfg.Instance, InstanceType: cfg.InstanceType,
		Subnet: cfg.SubnetID, Range: cfg.Range, Policy: cfg.Policy, Pool: cfg.Pool,
		ReleaseAfter: cfg.ReleaseAfter, Held: h.load(), SaveHeld: h.save,
		Observer: observer, StillHere: stillHere,
	})
}
