// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
)

// Node is a connection to a machine; *host.Host implements it over SSH, and documents the methods.
type Node interface {
	Output(ctx context.Context, command string) (string, error)
	Run(ctx context.Context, command string, stdin io.Reader, stdout io.Writer) error
	Put(ctx context.Context, file string, content []byte, mode fs.FileMode) (changed bool, err error)
	PutContent(ctx context.Context, file string, c host.Content, mode fs.FileMode) (changed bool, err error)
	Active(context.Context, host.Job) (bool, error)
	Start(context.Context, host.Job) (started bool, err error)
	Follow(ctx context.Context, j host.Job, line func([]byte)) error
	Alive(context.Context) (context.Context, context.CancelFunc)
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	Close() error
}

// NodeUser is the login user of Debian's images for EC2.
const NodeUser = "admin"

// loadKey returns the cloud's public key, and generates a key pair if there is none.
func (d *Deployment) loadKey() (public string, err error) {
	if err := d.Home.claim(d.Cloud); err != nil {
		return "", d.Home.unwritable(err)
	}
	key, err := host.LoadKey(d.Home.key(d.Cloud.Name))
	if err != nil {
		return "", d.Home.unwritable(err)
	}
	return host.AuthorizedKey(key), nil
}

// reachNew connects to a node that may have just been started. A node without an Elastic IP is reached
// through via.
func (d *Deployment) reachNew(ctx context.Context, n infra.NodeOutput, via Node, step string) (h Node, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.Limits.start())
	defer cancel()
	defer d.remind(ctx, n)()
	err = d.do(phaseHost, step, func() error {
		h, err = d.dial(ctx, n, via)
		return err
	})
	return h, err
}

// reminder is how often a wait for SSH is shown.
const reminder = 30 * time.Second

// remind shows from time to time that SSH to a node is waited for, until the returned function is called.
func (d *Deployment) remind(ctx context.Context, n infra.NodeOutput) (stop func()) {
	text := fmt.Sprintf("still waiting for SSH to %s at %s", n.Name, addressOf(n))
	advice := ""
	if !d.Cloud.InLab() && n.ManagementPublic != "" {
		advice = "; management.allow must include the public address of this machine"
	}
	ctx, cancel := context.WithCancel(ctx)
	begun := time.Now()
	go func() {
		for tick := time.Tick(reminder); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick:
				d.note(phaseHost, "%s, for %s of at most %s%s", text, time.Since(begun).Round(time.Second), d.Limits.start(),
					advice)
			}
		}
	}()
	return cancel
}

// reach connects to a node that should be up. A node without an Elastic IP is reached through via.
func (d *Deployment) reach(ctx context.Context, n infra.NodeOutput, via Node) (h Node, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.Limits.reach())
	defer cancel()
	err = d.await(phaseHost, sshTo(n), func() error {
		h, err = d.dial(ctx, n, via)
		return err
	})
	return h, err
}

// sshTo is the name of the step that connects to a node.
func sshTo(n infra.NodeOutput) string { return "SSH to " + n.Name + " at " + addressOf(n) }

// addressOf is the address at which a node is reached: from here, or from the controller if it has no
// Elastic IP.
func addressOf(n infra.NodeOutput) string { return cmp.Or(n.ManagementPublic, n.ManagementAddress) }

// dial connects to a node, and retries until ctx ends. A node without an Elastic IP is reached through
// via.
func (d *Deployment) dial(ctx context.Context, n infra.NodeOutput, via Node) (Node, error) {
	if n.InstanceID == "" || addressOf(n) == "" || n.ManagementPublic == "" && via == nil {
		return nil, hint.With(fmt.Errorf("node %s is not there, or has no Elastic IP", n.Name), "macaw up %s",
			d.Cloud.FileName())
	}
	key, err := host.ReadKey(d.Home.key(d.Cloud.Name))
	if errors.Is(err, fs.ErrNotExist) {
		dir := d.Home.of(d.Cloud.Name)
		return nil, hint.With(fmt.Errorf("this computer has no key of cloud %s: there is no %s", d.Cloud.Name,
			d.Home.key(d.Cloud.Name)), "copy %s from the computer that made the cloud", dir)
	}
	if err != nil {
		return nil, err
	}
	cfg := host.Config{
		Address: addressOf(n) + ":22", User: NodeUser, Key: key, Identity: n.InstanceID,
		HostKeys: host.HostKeys{Path: d.Home.knownHosts(d.Cloud.Name)},
		Times:    d.Limits.SSH,
		Gone:     d.goneFor(n.InstanceID),
		Advice:   func(err error) string { return d.unreachableHint(err, n) },
	}
	if n.ManagementPublic == "" {
		cfg.Dial = via.Dial
	}
	if d.Dial != nil {
		return d.Dial(ctx, cfg)
	}
	h, err := host.Dial(ctx, cfg, d.waitingFor(n.Name))
	if err != nil {
		return nil, err
	}
	return h, nil
}

// waitingFor shows why a node cannot be reached, if that lasts, and lost connections at once.
func (d *Deployment) waitingFor(name string) func(error) {
	const patience = 4 * time.Second
	begun, shown := time.Now(), ""
	return func(err error) {
		var lost *host.LostError
		text := err.Error()
		if text == shown || !errors.As(err, &lost) && time.Since(begun) < patience {
			return
		}
		shown = text
		d.Progress.Note(phaseHost, name+": "+text)
	}
}

// goneFor checks with AWS that an instance is still running or about to.
func (d *Deployment) goneFor(id string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, d.Limits.reach()/2)
		defer cancel()
		out, err := d.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
		if err != nil {
			return nil // its state is unknown
		}
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				switch i.State.Name {
				case types.InstanceStateNamePending, types.InstanceStateNameRunning:
				default:
					return hint.With(fmt.Errorf("instance %s is %s", id, i.State.Name), "macaw up starts it, or makes another")
				}
			}
		}
		return nil
	}
}

// unreachableHint suggests what to check when a node cannot be reached.
func (d *Deployment) unreachableHint(err error, n infra.NodeOutput) string {
	switch {
	case errors.Is(err, host.ErrKeyRefused):
		return "the node accepts the key of the machine that made it; copy that key to " + d.Home.key(d.Cloud.Name)
	case errors.Is(err, host.ErrHostKey):
		return fmt.Sprintf("if the change is expected, remove the line of %s from %s", n.InstanceID,
			d.Home.knownHosts(d.Cloud.Name))
	case errors.Is(err, host.ErrNoRoute) && !d.Cloud.InLab():
		return "the cloud's management network is IPv4 only: with IPv6 alone this machine needs a VPN or a CLAT; else " +
			"look at its network"
	case d.Cloud.InLab():
		return "macaw lab status shows the machine, and macaw lab ssh " + n.InstanceID + " gets in without the network"
	}
	admit := "management.allow must include your address"
	if d.Cloud.Management.AllowOperator {
		admit = "if this machine's address has changed, macaw up " + d.Cloud.FileName() + " admits the new one"
	}
	return admit + "; the node's console: " +
		"aws ec2 get-console-output --latest --output text --instance-id " + n.InstanceID
}

// whileAlive runs fn, which needs the node in any way, until the connection to it is lost.
func whileAlive(ctx context.Context, h Node, fn func(context.Context) error) error {
	ctx, stop := h.Alive(ctx)
	defer stop()
	err := fn(ctx)
	var lost *host.LostError
	if err != nil && !errors.As(err, &lost) && errors.As(context.Cause(ctx), &lost) {
		return lost // the cause of any other error
	}
	return err
}

// pickNode returns the named node, or the controller if the name is empty.
func (d *Deployment) pickNode(nodes []infra.NodeOutput, name string) (infra.NodeOutput, error) {
	if name == "" {
		return nodes[d.controller()], nil
	}
	var names []string
	for _, n := range nodes {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return infra.NodeOutput{}, hint.With(fmt.Errorf("the cloud has no node %s", name), "its nodes: %s",
		strings.Join(names, ", "))
}
