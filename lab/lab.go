// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"macaw.example/lab/internal/control"
)

// Where a host's lab is.
const (
	// Region is the lab's only region.
	Region = control.Region
	// Endpoint is the URL of its AWS.
	Endpoint = control.Endpoint
	// Dir holds all of the lab's files; only root has access.
	Dir = control.Dir
	// WebServer is the name of a web server on the lab's Internet:
	// http://WebServer/bytes/N is N bytes.
	WebServer = control.WebServer
	// Operator is this host's address on the lab's Internet.
	Operator = control.Operator
	// CheckIP is the URL of a service there that returns the address from which it is asked, as
	// https://checkip.amazonaws.com does.
	CheckIP = control.CheckIP
)

// Options describe the lab to bring up.
type Options struct {
	// Packages are Debian packages that the stock image carries in its local archive, with
	// all their dependencies. Machines reach no other archive.
	Packages []string
	// ExtraPackages are Debian packages that are downloaded with the image and kept beside
	// it, for use on this host.
	ExtraPackages []string
	// ElasticIPQuota is how many Elastic IPs the account may hold: initially 5, as on AWS;
	// 0 leaves it unchanged.
	ElasticIPQuota int
	// MinElasticIPQuota raises that quota if it is lower, and NewElasticIPQuota is the one of a lab that is made. Both
	// have no effect if they are 0, or with ElasticIPQuota.
	MinElasticIPQuota, NewElasticIPQuota int
	// AnnounceMoves says whether the fabric announces a moved address to the subnet's
	// machines; nil leaves it unchanged (initially off). Reports on AWS conflict.
	AnnounceMoves *bool
	// Command is the program that the lab's processes run, and the arguments before
	// "daemon" and "machine": for example a build of lab/cmd/macaw-lab. It must stay in
	// place while the lab is up.
	Command []string
}

// Progress is called for each step that takes time; the returned function is called at the
// step's end.
type Progress func(step string) (done func(error))

// Lab is the lab of this host.
type Lab struct{ cfg control.Config }

// AccessKey is the ID of the account's access key.
func (l *Lab) AccessKey() string { return l.cfg.AccessKey }

// Config returns the configuration for AWS SDK clients.
func (l *Lab) Config() aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: aws.String(Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(l.cfg.AccessKey, l.cfg.SecretKey, ""),
	}
}

// Env returns the environment variables with which AWS tools use the lab. AWS's SDK for Go does not use
// AWS_ENDPOINT_URL for the services that a profile's credentials come from.
func (l *Lab) Env() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": Endpoint, "AWS_ENDPOINT_URL_STS": Endpoint, "AWS_ENDPOINT_URL_SSO": Endpoint,
		"AWS_ENDPOINT_URL_SSO_OIDC": Endpoint, "AWS_REGION": Region, "AWS_DEFAULT_REGION": Region,
		"AWS_ACCESS_KEY_ID": l.cfg.AccessKey, "AWS_SECRET_ACCESS_KEY": l.cfg.SecretKey,
	}
}

// Task is work on a machine that takes long, or that has failed and will be retried.
type Task = control.Task

// Tasks returns the work on machines that takes long or keeps failing. It explains why an
// instance stays in a transitional state, which the EC2 API does not show.
func (l *Lab) Tasks(ctx context.Context) ([]Task, error) { return control.SlowTasks(ctx) }

// ErrDown means that no lab is up on this host.
var ErrDown = control.ErrDown

// ErrNoDaemon means that this host has a lab, maybe with machines that run, and that its daemon is not running. Up and
// Revive start it.
var ErrNoDaemon = control.ErrNoDaemon

// InstanceType is what the lab's AWS says of an instance type.
type InstanceType struct {
	VCPUs         int
	Architectures []string
	Addresses     int  // private IPv4 addresses of a network interface
	Spot          bool // there are Spot Instances of it
}

// ErrNotLinux means that this operating system cannot run a lab.
var ErrNotLinux = errors.New("the lab needs Linux, for systemd-nspawn and network namespaces")

// MissingError means that the host lacks Debian packages that the lab needs.
type MissingError = control.MissingError
