package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/crypto/ssh"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

// site is a cloud and the AWS that it is on.
type site struct {
	cloud *cloud.Cloud
	ec2   *ec2.Client
	iam   *iam.Client
	// lab is what a lab for the cloud is brought up with.
	lab lab.Options
	// running is the cloud's lab, if it is in one that is up.
	running *lab.Lab
	// down says that the cloud's lab is not up: there is nothing to see.
	down bool
	// destroy says that instances may be destroyed for what the file wants.
	destroy bool
	// unlock lets others change the cloud, as the end of exclusively does.
	unlock func()
}

// open reads a cloud file and connects to its AWS. up says that a lab shall be
// brought up if it is down.
func (a *App) open(ctx context.Context, file string, steps *terminal.Steps, up bool) (*site, error) {
	c, err := cloud.Load(file)
	if err != nil {
		return nil, err
	}
	return a.connect(ctx, c, steps, up)
}

func (a *App) connect(ctx context.Context, c *cloud.Cloud, steps *terminal.Steps, up bool) (*site, error) {
	s := &site{cloud: c, lab: a.Lab}
	s.lab.ElasticIPQuota = c.Lab.ElasticIPQuota
	if !c.InLab() {
		var cfg aws.Config
		err := steps.Await("infra", "find AWS credentials", func() (err error) {
			cfg, err = config.LoadDefaultConfig(ctx, config.WithRegion(c.Target), config.WithHTTPClient(awsapi.HTTPClient()),
				config.WithLogger(logging.Nop{})) // what matters comes back as an error
			// Set when the services that credentials come from have their clients: these answer otherwise.
			cfg.APIOptions = append(cfg.APIOptions, awsapi.Options...)
			cfg.Retryer = awsapi.TellingRetryer(func(text string) { steps.Note("infra", text) }) // given here, AWS_MAX_ATTEMPTS holds
			if err == nil {
				_, err = cfg.Credentials.Retrieve(ctx)
			}
			return err
		})
		if err != nil {
			return nil, hint.With(fmt.Errorf("finding AWS credentials: %w", err), "aws configure, or target: lab for a cloud without AWS")
		}
		s.ec2, s.iam = ec2.NewFromConfig(cfg), iam.NewFromConfig(cfg)
		return s, awsapi.CheckEndpoint(s.ec2.Options().BaseEndpoint)
	}
	if up {
		_, err := lab.Up(ctx, s.lab, func(step string) func(error) { return steps.Start("lab", step) })
		if err != nil {
			return nil, err
		}
	}
	err := steps.Await("lab", "ask the lab's daemon", func() (err error) {
		if s.running, err = lab.Open(ctx); ctx.Err() != nil {
			return context.Cause(ctx) // nobody knows whether it is down
		}
		return err
	})
	if errors.Is(err, lab.ErrDown) {
		s.down = true
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	cfg := awsapi.Complete(s.running.Config(), "macaw lab up")
	s.ec2, s.iam = ec2.NewFromConfig(cfg), iam.NewFromConfig(cfg)
	return s, nil
}

// clients are the APIs that the cloud is made with.
func (s *site) clients() infra.Clients { return infra.Clients{EC2: s.ec2, IAM: s.iam} }

// see looks at what AWS has of the cloud.
func (s *site) see(ctx context.Context) (infra.Seen, error) {
	if s.down {
		return infra.Seen{Region: lab.Region, Zones: []string{lab.Region + "a"}}, nil
	}
	return infra.See(ctx, s.clients(), s.cloud.Name)
}

// look is see, and shows that it takes long.
func (s *site) look(ctx context.Context, steps *terminal.Steps) (seen infra.Seen, err error) {
	err = steps.Await("infra", seeStep, func() error {
		seen, err = s.see(ctx)
		return err
	})
	return seen, err
}

// dataDir is where the cloud's SSH key and known host keys lie. Neither is
// state: without them a new key can be put on the machines.
func dataDir(cloudName string) (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) { // as the XDG Base Directory Specification has it
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "macaw", cloudName), nil
}

func sshKey(cloudName string, load func(path string) (ssh.Signer, error)) (ssh.Signer, string, error) {
	dir, err := dataDir(cloudName)
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, "id_ed25519")
	key, err := load(path)
	return key, path, err
}

// nodeUser is who logs in to Debian's images for EC2.
const nodeUser = "admin"

// How long a node may take to let us in: one that has just been started, and one
// that is up. Tests have less time.
const startLimit = 10 * time.Minute

var (
	reachLimit = 25 * time.Second
	sshTimes   host.Times
)

// reach connects to a node that should be up.
func (s *site) reach(ctx context.Context, n infra.NodeOutput, steps *terminal.Steps) (h *host.Host, err error) {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	err = steps.Await("host", "SSH to "+n.Name+" at "+n.ManagementPublic, func() error {
		h, err = s.dial(ctx, n, steps)
		return err
	})
	return h, err
}

// dial connects to a node, and goes on trying until ctx ends.
func (s *site) dial(ctx context.Context, n infra.NodeOutput, steps *terminal.Steps) (*host.Host, error) {
	if n.InstanceID == "" || n.ManagementPublic == "" {
		return nil, hint.With(fmt.Errorf("node %s is not there, or has no Elastic IP", n.Name), "macaw up FILE")
	}
	key, path, err := sshKey(s.cloud.Name, host.LoadKey)
	if err != nil {
		return nil, err
	}
	return host.Dial(ctx, host.Config{
		Address: n.ManagementPublic + ":22", User: nodeUser, Key: key, Identity: n.InstanceID,
		HostKeys: host.HostKeys{Path: filepath.Join(filepath.Dir(path), "known_hosts")},
		Times:    sshTimes,
		Gone:     s.goneFor(n.InstanceID),
		Advice:   func(err error) string { return s.advise(err, n, path) },
	}, waitingFor(n.Name, steps))
}

// waitingFor shows why a node does not let us in, if that lasts, and that the
// connection to it is lost.
func waitingFor(name string, steps *terminal.Steps) func(error) {
	begun, shown := time.Now(), ""
	return func(err error) {
		var lost *host.LostError
		text := err.Error()
		if text == shown || !errors.As(err, &lost) && time.Since(begun) < 2*terminal.Patience {
			return
		}
		shown = text
		steps.Note("host", name+": "+text)
	}
}

// goneFor asks AWS whether an instance will ever let us in.
func (s *site) goneFor(id string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, reachLimit/2)
		defer cancel()
		out, err := s.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
		if err != nil {
			return nil // that is not to say that it is gone
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

// advise says what to look at when a node does not let us in.
func (s *site) advise(err error, n infra.NodeOutput, key string) string {
	switch {
	case errors.Is(err, host.ErrKeyRefused):
		return fmt.Sprintf("the node takes the key of where it was made; copy it from there to %s", key)
	case errors.Is(err, host.ErrHostKey):
		return fmt.Sprintf("if you know why, take the line of %s out of %s",
			n.InstanceID, filepath.Join(filepath.Dir(key), "known_hosts"))
	case s.cloud.InLab():
		return "macaw lab status shows the machine, and macaw lab ssh " + n.InstanceID + " gets in without the network"
	}
	return "management.allow must have the address that you come from; the console of the node: " +
		"aws ec2 get-console-output --latest --output text --instance-id " + n.InstanceID
}

// seeStep is what asking AWS for a cloud is called.
const seeStep = "see what AWS has"

// nodes returns what AWS has of the cloud's nodes; it is an error if there are
// none.
func (s *site) nodes(ctx context.Context, steps *terminal.Steps) ([]infra.NodeOutput, error) {
	seen, err := s.look(ctx, steps)
	if err != nil {
		return nil, err
	}
	nodes := infra.OutputsOf(s.cloud, seen).Nodes
	for _, n := range nodes {
		if n.InstanceID == "" {
			return nil, hint.With(fmt.Errorf("cloud %s is not up: there is no node %s", s.cloud.Name, n.Name), "macaw up FILE")
		}
	}
	return nodes, nil
}

// onNode calls fn with a connection to the node of a cloud that is up. The context
// of fn ends when the connection is lost.
func (a *App) onNode(
	ctx context.Context, file string, steps *terminal.Steps,
	fn func(context.Context, *site, infra.NodeOutput, *host.Host) error,
) error {
	s, err := a.open(ctx, file, steps, false)
	if err != nil {
		return err
	}
	nodes, err := s.nodes(ctx, steps)
	if err != nil {
		return err
	}
	// There is one node; the cloud file says so.
	h, err := s.reach(ctx, nodes[0], steps)
	if err != nil {
		return err
	}
	defer h.Close()
	return whileAlive(ctx, h, func(ctx context.Context) error { return fn(ctx, s, nodes[0], h) })
}

// whileAlive runs what needs a node, by whatever way, until the connection to it is
// lost.
func whileAlive(ctx context.Context, h *host.Host, fn func(context.Context) error) error {
	ctx, stop := h.Alive(ctx)
	defer stop()
	err := fn(ctx)
	var lost *host.LostError
	if err != nil && !errors.As(err, &lost) && errors.As(context.Cause(ctx), &lost) {
		return lost // what has failed, has failed because of it
	}
	return err
}
