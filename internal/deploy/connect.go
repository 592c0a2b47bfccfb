// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/credentials"
	"macaw.example/lab"
)

// connecting is what connect may do to a lab.
type connecting int

const (
	look    connecting = iota // nothing
	change                    // start the daemon of a lab that has lost it
	bringUp                   // bring up a lab that is down
)

// connect makes the clients of the cloud's AWS.
func (d *Deployment) connect(ctx context.Context, how connecting) (err error) {
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
		return d.connectLab(ctx, how)
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

func (d *Deployment) connectLab(ctx context.Context, how connecting) error {
	if how == bringUp {
		o := d.Lab
		o.MinElasticIPQuota, o.NewElasticIPQuota = d.raisedQuota(), d.Cloud.Lab.ElasticIPQuota
		if err := d.labHost().Up(ctx, o, d.labStep); err != nil {
			return err
		}
	}
	return d.openLab(ctx, how != look)
}

// region is the cloud's region; the lab has one.
func region(c *cloud.Cloud) string {
	if c.InLab() {
		return lab.Region
	}
	return c.Target
}
