// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"macaw.example/internal/cloud"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/lab"
)

// The phases, as progress names them.
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
)

// Progress is told of the steps of a phase. It may be used by steps that run side
// by side.
type Progress interface {
	// Start begins a step; what it returns ends it, with the error that it has come
	// to.
	Start(phase, step string) (done func(error))
	// Begin is Start for a step that is of interest only if it takes long.
	Begin(phase, step string) (done func(error))
	// Note tells of something that is no step.
	Note(phase, text string)
}

// Home is where an operator's files are.
type Home struct {
	// Dir has a folder for each cloud, with its SSH key and the host keys of its
	// nodes. Neither is state: without them a new key can be put on the machines.
	Dir string
	// CloudsYAML is where OpenStack's clients look for their clouds.
	CloudsYAML string
}

func (h Home) of(cloud string) string         { return filepath.Join(h.Dir, cloud) }
func (h Home) key(cloud string) string        { return filepath.Join(h.of(cloud), "id_ed25519") }
func (h Home) knownHosts(cloud string) string { return filepath.Join(h.of(cloud), "known_hosts") }

// Deployment is a cloud file, and what is needed to make a cloud of it.
type Deployment struct {
	Cloud    *cloud.Cloud
	Home     Home
	Progress Progress
	// Command is what the operator has run, such as "up cloud.yaml": others who want
	// to change the cloud meanwhile are told.
	Command string
	// Lab is what a lab for the cloud is brought up with.
	Lab lab.Options
	// Limits bound the waiting for nodes; the zero value has the defaults.
	Limits Limits

	// The worlds outside; nil is the real one.
	AWS       func(context.Context) (aws.Config, error) // of clients of the cloud's AWS
	Dial      func(context.Context, host.Config) (Node, error)
	OpenStack OpenStack
	Program   func() (host.Content, error) // the node's program

	ec2     *ec2.Client
	iam     *iam.Client
	running *lab.Lab // the cloud's lab, if it is in one that is up
	// down says that the cloud's lab is not up: there is nothing to see.
	down bool
}

// Limits bound the waiting for nodes.
type Limits struct {
	Start time.Duration // of a node that has just been started: 10 minutes
	Reach time.Duration // of a node that is up: 25 seconds
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

// use has the deployment use clients of a configuration.
func (d *Deployment) use(cfg aws.Config) {
	d.ec2, d.iam = ec2.NewFromConfig(cfg), iam.NewFromConfig(cfg)
}

// api are the APIs that the cloud is made with.
func (d *Deployment) api() infra.Clients { return infra.Clients{EC2: d.ec2, IAM: d.iam} }

// do runs a step.
func (d *Deployment) do(phase, step string, fn func() error) error {
	done := d.Progress.Start(phase, step)
	err := fn()
	done(err)
	return err
}

// await runs a step that is of interest only if it takes long.
func (d *Deployment) await(phase, step string, fn func() error) error {
	done := d.Progress.Begin(phase, step)
	err := fn()
	done(err)
	return err
}

func (d *Deployment) note(phase, format string, args ...any) {
	d.Progress.Note(phase, fmt.Sprintf(format, args...))
}
