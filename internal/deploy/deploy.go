// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"macaw.example/internal/cloud"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/preflight"
	"macaw.example/internal/prices"
	"macaw.example/lab"
)

// The phases, as shown by Progress.
const (
	phaseLab       = "lab"
	phaseInfra     = "infra"
	phaseHost      = "host"
	phaseNode      = "node"
	phaseGuest     = "guest"
	phaseOpenStack = "openstack"
	phaseNeutron   = "neutron"
	phaseVerify    = "verify"
	phaseBake      = "bake"
	phaseDrain     = "drain"
)

// Progress shows the steps of each phase. It must be safe for concurrent use.
type Progress interface {
	// Start shows the start of a step. The caller calls done at its end, with the step's error.
	Start(phase, step string) (done func(error))
	// Begin is Start for a step that is shown only if it takes long.
	Begin(phase, step string) (done func(error))
	// Note shows a message that is not a step.
	Note(phase, text string)
}

// Deployment is a cloud file and everything needed to make its cloud.
type Deployment struct {
	Cloud    *cloud.Cloud
	Home     Home
	Progress Progress
	// Command is the operator's command, such as "up cloud.yaml". It is shown to other runs that
	// want to change the cloud at the same time.
	Command string
	// Profile names a profile of AWS's configuration; if it is empty, the environment decides. A cloud
	// in the lab has none.
	Profile string
	// Ask asks the operator for one line, such as the code of an MFA device. It is nil if nobody can be
	// asked.
	Ask func(ctx context.Context, question string) (string, error)
	// Approve, if not nil, is called before Down removes anything, with what goes; its error ends Down.
	Approve func(context.Context, Removing) error
	// Lab has the options for bringing up the cloud's lab.
	Lab lab.Options
	// Prices makes plan and preflight ask AWS for prices. Otherwise those that were asked before count,
	// and those that the program carries.
	Prices bool
	// Limits bound the waits for nodes; the zero value has the defaults.
	Limits Limits

	// Replacements of external systems for tests; nil is the real one.
	AWS       func(context.Context) (aws.Config, error) // configuration for the clients of the cloud's AWS
	Dial      func(context.Context, host.Config) (Node, error)
	OpenStack OpenStack
	Program   func() (host.Content, error) // macaw-node
	CheckIP   string                       // URL of the service that tells this machine's address

	ec2     *ec2.Client
	iam     *iam.Client
	quotas  *servicequotas.Client
	pricing *pricing.Client
	keys    *kms.Client
	sts     *sts.Client
	host    labHost // nil is package lab
	running openLab // the cloud's lab, if it has one that is up
	// down means that there is no lab: there is nothing to see.
	down   bool
	caller *infra.Identity // the plan's, once there is one
	// operator is this machine's public address, once it is known.
	operator netip.Addr
	// restart permits stopping running instances for changes that need it.
	restart bool
	// newAuthority replaces the cloud's certificate authority.
	newAuthority bool
	lookup       lookup // nil is the machine's resolver
	// bakery: this makes an image, see infra.Wanted.
	bakery bool
}

// Limits bound the waits for nodes.
type Limits struct {
	Start time.Duration // for a node that has just been started: 10 minutes
	Reach time.Duration // for a node that is up: 25 seconds
	SSH   host.Times
}

func (l Limits) start() time.Duration { return orDefault(l.Start, 10*time.Minute) }
func (l Limits) reach() time.Duration { return orDefault(l.Reach, 25*time.Second) }

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// use makes the AWS clients from a configuration.
func (d *Deployment) use(cfg aws.Config) {
	d.ec2, d.iam, d.quotas = ec2.NewFromConfig(cfg), iam.NewFromConfig(cfg), servicequotas.NewFromConfig(cfg)
	d.keys, d.sts = kms.NewFromConfig(cfg), sts.NewFromConfig(cfg)
	d.pricing = pricing.NewFromConfig(cfg, func(o *pricing.Options) { o.Region = prices.Endpoint })
}

// asked are the clients that preflight asks.
func (d *Deployment) asked() preflight.Clients {
	return preflight.Clients{EC2: d.ec2, Quotas: d.quotas, Keys: d.keys, Simulator: d.iam, Identity: d.sts}
}

func (d *Deployment) api() infra.Clients { return infra.Clients{EC2: d.ec2, IAM: d.iam} }

// do runs a step and shows it.
func (d *Deployment) do(phase, step string, fn func() error) error {
	done := d.Progress.Start(phase, step)
	err := fn()
	done(err)
	return err
}

// await runs a step that is shown only if it takes long.
func (d *Deployment) await(phase, step string, fn func() error) error {
	done := d.Progress.Begin(phase, step)
	err := fn()
	done(err)
	return err
}

func (d *Deployment) note(phase, format string, args ...any) {
	d.Progress.Note(phase, fmt.Sprintf(format, args...))
}
