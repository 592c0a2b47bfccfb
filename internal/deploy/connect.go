// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/credentials"
	"macaw.example/lab"
)

// connect makes the clients of the cloud's AWS. If up is set, it brings up a lab that is down.
func (d *Deployment) connect(ctx context.Context, up bool) (err error) {
	if err := d.Home.check(d.Cloud); err != nil {
		return err
	}
	switch {
	case d.AWS != nil:
		cfg, err := d.AWS(ctx)
		if err == nil {
			d.use(cfg)
		}
		return err
	case d.Cloud.InLab():
		return d.connectLab(ctx, up)
	}
	done := d.Progress.Begin(phaseInfra, "find AWS credentials")
	cfg, err := credentials.Load(ctx, credentials.Options{Region: d.Cloud.Target, Profile: d.Profile, Ask: d.Ask})
	done(err)
	if err != nil {
		return err
	}
	// Set here, it leaves AWS_MAX_ATTEMPTS in force.
	cfg.Retryer = awsapi.TellingRetryer(func(text string) { d.Progress.Note(phaseInfra, text) })
	d.use(cfg)
	return awsapi.CheckEndpoint(d.ec2.Options().BaseEndpoint)
}

func (d *Deployment) connectLab(ctx context.Context, up bool) error {
	if up {
		o := d.Lab
		o.ElasticIPQuota = d.Cloud.Lab.ElasticIPQuota
		_, err := lab.Up(ctx, o, func(step string) func(error) { return d.Progress.Start(phaseLab, step) })
		if err != nil {
			return err
		}
	}
	err := d.await(phaseLab, "ask the lab's daemon", func() (err error) {
		if d.running, err = lab.Open(ctx); ctx.Err() != nil {
			return context.Cause(ctx) // whether the lab is down is unknown
		}
		return err
	})
	if errors.Is(err, lab.ErrDown) {
		d.down = true
		return nil
	}
	if err != nil {
		return err
	}
	d.use(awsapi.Complete(d.running.Config(), "macaw lab up"))
	return nil
}

// region is the cloud's region; the lab has one.
func region(c *cloud.Cloud) string {
	if c.InLab() {
		return lab.Region
	}
	return c.Target
}
