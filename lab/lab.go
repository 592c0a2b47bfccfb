// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"macaw.example/lab/internal/control"
)

// Where the lab of a host is.
const (
	// Region is the lab's only region.
	Region = control.Region
	// Endpoint is the URL of its AWS.
	Endpoint = control.Endpoint
	// Dir is where it keeps all that it has; only root gets in.
	Dir = control.Dir
	// WebServer is the name of a web server on the lab's Internet:
	// http://WebServer/bytes/N is N bytes.
	WebServer = control.WebServer
)

// Options are what the lab of a host is brought up with.
type Options struct {
	// Packages are Debian packages that the stock image has in its archive, with
	// all that they depend on: machines reach no other one.
	Packages []string
	// ExtraPackages are Debian packages that are downloaded with the image and kept
	// beside it, for whoever makes something of them on this host.
	ExtraPackages []string
	// ElasticIPQuota is how many Elastic IPs the account may hold: 5 at first, as on
	// AWS; 0 leaves it as it is.
	ElasticIPQuota int
	// AnnounceMoves says whether the fabric tells a subnet's machines of an address
	// that has moved; nil leaves it as it is, which at first is not. Reports on AWS
	// conflict.
	AnnounceMoves *bool
	// Command is the program that the lab's processes run from, and the arguments
	// before "daemon" and "machine": a build of lab/cmd/macaw-lab, say. It is used
	// for as long as the lab is up.
	Command []string
}

// Progress is told of each step that takes time; what it returns is called when
// the step has ended.
type Progress func(step string) (done func(error))

// Lab is the lab of this host.
type Lab struct{ cfg control.Config }

// AccessKey is the ID of the account's access key.
func (l *Lab) AccessKey() string { return l.cfg.AccessKey }

// Config is what clients of AWS's SDK are made of.
func (l *Lab) Config() aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: aws.String(Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(l.cfg.AccessKey, l.cfg.SecretKey, ""),
	}
}

// Env is the environment in which AWS's tools talk to the lab.
func (l *Lab) Env() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": Endpoint, "AWS_REGION": Region, "AWS_DEFAULT_REGION": Region,
		"AWS_ACCESS_KEY_ID": l.cfg.AccessKey, "AWS_SECRET_ACCESS_KEY": l.cfg.SecretKey,
	}
}

// Task is work on a machine that takes long, or has failed and will be tried again.
type Task = control.Task

// Tasks is the work on machines that takes long or fails again and again: why an
// instance stays in a state that it should leave. EC2 tells nobody.
func (l *Lab) Tasks(ctx context.Context) ([]Task, error) { return control.SlowTasks(ctx) }

// ErrDown says that no lab is up on this host.
var ErrDown = control.ErrDown

// ErrNotLinux says that there is no lab on this operating system.
var ErrNotLinux = errors.New("the lab needs Linux: its machines are systemd-nspawn's, its network the kernel's")

// MissingError says that the host lacks Debian packages that the lab is made with.
type MissingError struct{ Packages []string }

func (e *MissingError) Error() string {
	return "the lab needs packages that this host does not have: " + strings.Join(e.Packages, ", ")
}

// Hint says how to get them.
func (e *MissingError) Hint() string {
	return "apt-get install --no-install-recommends " + strings.Join(e.Packages, " ")
}
