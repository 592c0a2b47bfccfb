// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/preflight"
	"macaw.example/lab"
)

// labHost is the lab of this host, up or not.
type labHost interface {
	Up(context.Context, lab.Options, lab.Progress) error
	Open(context.Context) (openLab, error)
	Revive(context.Context, lab.Options, lab.Progress) error
	Down(context.Context) error
}

// openLab is a lab that answers.
type openLab interface {
	Config() aws.Config
	Tasks(context.Context) ([]lab.Task, error)
}

// realLab is labHost for package lab.
type realLab struct{}

func (realLab) Up(ctx context.Context, o lab.Options, p lab.Progress) error {
	_, err := lab.Up(ctx, o, p)
	return err
}

func (realLab) Open(ctx context.Context) (openLab, error) {
	l, err := lab.Open(ctx)
	if err != nil {
		return nil, err
	}
	return realOpenLab{l}, nil
}

func (realLab) Revive(ctx context.Context, o lab.Options, p lab.Progress) error {
	return lab.Revive(ctx, o, p)
}

func (realLab) Down(ctx context.Context) error { return lab.Down(ctx, false) }

type realOpenLab struct{ *lab.Lab }

func (l realOpenLab) Config() aws.Config { return awsapi.Complete(l.Lab.Config(), "macaw lab up") }

func (d *Deployment) labHost() labHost {
	if d.host == nil {
		return realLab{}
	}
	return d.host
}

// openLab asks the lab's daemon. The lab is down only if there is nothing of one: with the daemon gone, its clouds may
// run on. If change is set, that daemon is started again.
func (d *Deployment) openLab(ctx context.Context, change bool) error {
	ask := func() error {
		return d.await(phaseLab, "wait for the lab's daemon, which may be starting", func() (err error) {
			if d.running, err = d.labHost().Open(ctx); ctx.Err() != nil {
				return context.Cause(ctx) // whether the lab is down is unknown
			}
			return err
		})
	}
	err := ask()
	if errors.Is(err, lab.ErrNoDaemon) && change {
		d.note(phaseLab, "%v; starting it again", lab.ErrNoDaemon)
		if err := d.labHost().Revive(ctx, d.Lab, d.labStep); err != nil {
			return err
		}
		err = ask()
	}
	switch {
	case errors.Is(err, lab.ErrDown):
		d.down = true
		return nil
	case errors.Is(err, lab.ErrNoDaemon):
		return hint.With(err, "macaw lab up starts it again; the lab's machines run on, or start then")
	case err != nil:
		return hint.With(err, "macaw lab status; macaw lab down removes the lab with everything in it")
	}
	d.use(d.running.Config())
	return nil
}

// raisedQuota is the quota of Elastic IPs to which up raises the lab's, 0 if it leaves it alone: the account is that of
// all clouds in the lab.
func (d *Deployment) raisedQuota() int {
	if !d.Cloud.InLab() || !d.Cloud.Lab.QuotaGiven {
		return 0
	}
	return d.Cloud.Lab.ElasticIPQuota
}

// labAccount is what is known of the account of a lab that is not up yet: the instance types of a cloud.
func labAccount(c *cloud.Cloud) preflight.Account {
	a := preflight.Account{Types: map[string]preflight.Type{}}
	for _, n := range c.Nodes {
		t, ok := lab.FindInstanceType(n.Type)
		if ok {
			a.Types[n.Type] = preflight.Type{Zones: lab.Zones(), VCPUs: int32(t.VCPUs), Architectures: t.Architectures,
				Addresses: int32(t.Addresses), Spot: t.Spot} //nolint:gosec // small numbers
		}
	}
	return a
}

// labStep shows a step of the lab.
func (d *Deployment) labStep(step string) func(error) { return d.Progress.Start(phaseLab, step) }
