// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/registrar"
)

func newEC2(region string) *ec2.Client { return ec2.NewFromConfig(awsapi.NodeConfig(region)) }

// newRegistrar makes the AWS half of the agent.
func newRegistrar(
	api registrar.EC2, cfg Config, observer registrar.Observer, h *heldFiles, stillHere func(netip.Addr) bool,
	registered func(registrations),
) *registrar.Registrar {
	return registrar.New(api, registrar.Config{
		Cloud: cfg.Cloud, Node: cfg.Node, Instance: cfg.Instance, InstanceType: cfg.InstanceType,
		Subnet: cfg.SubnetID, Range: cfg.Range, Policy: cfg.Policy, Pool: cfg.Pool,
		ReleaseAfter: cfg.ReleaseAfter, Held: h.load(), SaveHeld: h.save,
		Observer: observer, StillHere: stillHere, Registered: registered,
	})
}
