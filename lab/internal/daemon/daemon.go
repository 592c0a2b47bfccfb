// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/faults"
	"macaw.example/lab/internal/iam"
	"macaw.example/lab/internal/imds"
	"macaw.example/lab/internal/internet"
	"macaw.example/lab/internal/machine"
	"macaw.example/lab/internal/vpc"
)

func machinesDir() string { return filepath.Join(control.Dir, "machines") }
func statePath() string   { return filepath.Join(control.Dir, "state.json") }
func accountPath() string { return filepath.Join(control.Dir, "account.json") }

// settingsPath is the file of the account's settings.
func settingsPath() string { return filepath.Join(control.Dir, "settings.json") }

// Serve is the lab's daemon: the fabric with its devices, EC2's API, instance metadata, the
// Internet. It returns when ctx ends or a client asks it to stop. Machines keep running,
// and the next daemon adopts them. supervisor is the command line that runs
// machine.Supervise on a folder.
func Serve(ctx context.Context, supervisor []string) error {
	held, err := daemonLock()
	if err != nil {
		return fmt.Errorf("starting the lab: another daemon is running: %w", err)
	}
	defer held.Close()
	if err := prepare(); err != nil {
		return err
	}
	unix.Umask(0o022) // files written into machines must be readable by their users
	cfg, err := control.ReadConfig()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))

	fabric := vpc.New(vpc.Config{AnnounceMoves: cfg.AnnounceMoves})
	wires := vpc.NewSwitch(fabric, log)
	defer wires.Close()
	world, err := internetUp()
	if err != nil {
		return err
	}
	if err := wires.Attach(vpc.Internet, world); err != nil {
		return err
	}
	services, err := servicesUp()
	if err != nil {
		return err
	}
	if err := wires.Attach(vpc.Services, services); err != nil {
		return err
	}

	ca, err := readAuthority(control.Dir)
	if err != nil {
		return err
	}
	endpoints, err := ca.sign(internet.ServiceNames(control.Region))
	if err != nil {
		return err
	}

	m := &machines{
		manager: &machine.Manager{Dir: machinesDir(), Supervisor: supervisor},
		images:  images(), wires: wires, authority: ca, log: log, ctx: ctx,
	}
	offered, err := stock(cfg)
	if err != nil {
		return err
	}
	injector, err := faults.New(faults.Config{File: faultsPath(), Log: log})
	if err != nil {
		return err
	}
	settings, err := account.Open(settingsPath(), control.Region)
	if err != nil {
		return err
	}
	identities, err := iam.Open(iam.Config{File: accountPath(), Region: control.Region, Settings: settings,
		Root: iam.Key{ID: cfg.AccessKey, Secret: cfg.SecretKey}, Log: log})
	if err != nil {
		return err
	}
	service, err := ec2.Wire(ec2.Config{
		Region: control.Region, File: statePath(), Fabric: injector.Fabric(fabric), Machines: injector.Machines(m),
		Images: offered, Profiles: identities, Settings: settings,
		Addresses: internet.ElasticIPs, AddressQuota: cfg.ElasticIPQuota, Log: log,
		Metadata: func(s *ec2.State) imds.Source { return injector.Metadata(s) },
	}, identities, asker(fabric), ec2.InjectFaults(injector))
	if err != nil {
		return err
	}
	defer service.State.Close()
	service.Metadata.HopLimit = imds.LimitHops
	m.poweredOff = func(id string) {
		if injector.Impaired(id) {
			return // a hardware fault: EC2 keeps reporting the instance as running
		}
		if err := service.State.PoweredOff(id); err != nil {
			log.Warn("noting that a machine is off", "instance", id, "error", err)
		}
	}
	if err := injector.Bind(ctx, service.State, m); err != nil {
		return err
	}
	moves := moving(service.State)
	service.State.Resume()
	if err := m.adopt(moves); err != nil {
		return err
	}

	api, err := net.Listen("tcp", control.Address)
	if err != nil {
		return fmt.Errorf("serving the EC2 API: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return internet.ServeHTTP(ctx, api, service.API)
	})
	g.Go(func() error { return serveServices(ctx, service.Metadata) })
	g.Go(func() error { return internet.Serve(ctx) })
	g.Go(func() error { return internet.ServeAWS(ctx, service.API, endpoints) })
	g.Go(func() error { return serveControl(ctx, fabric, injector, settings, &m.tasks, cancel) })
	return g.Wait()
}

// moving tells which machines EC2 is launching or terminating.
func moving(s *ec2.State) func(id string) bool {
	moves := map[string]bool{}
	for _, i := range s.Instances() {
		moves[i.ID] = i.State == "pending" || i.State == "shutting-down"
	}
	return func(id string) bool { return moves[id] }
}

// asker returns which ENI sent a request to the metadata service: the fabric gives each ENI
// its own source address there.
func asker(fabric *vpc.Fabric) func(*http.Request) (eni string, ok bool) {
	return func(r *http.Request) (string, bool) {
		client, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return "", false
		}
		return fabric.ClientOf(client.Addr())
	}
}

// stock returns the image that the lab offers as a public image of another account, like
// Debian's on AWS: the same owner, naming scheme and public parameter (Debian wiki,
// Cloud/AmazonEC2Image).
func stock(cfg control.Config) ([]ec2.Image, error) {
	img, err := images().Get(cfg.Image)
	if err != nil {
		return nil, err
	}
	return []ec2.Image{{
		ID: img.ID, Name: "debian-13-amd64-" + img.Created.UTC().Format("20060102-1504"),
		Description: "Debian 13 (amd64) for the lab",
		Owner:       "136693071363", Architecture: "x86_64", Created: img.Created,
		Parameters: []string{"/aws/service/debian/release/13/latest/amd64"},
	}}, nil
}
