package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"macaw.example/internal/cloud"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/terminal"
	"macaw.example/internal/verify"
	"macaw.example/lab"
)

// externalNetwork is Neutron's name of the provider network.
const externalNetwork = "public"

// verifiedPath is where a node keeps which spec has been verified.
const verifiedPath = "/var/lib/macaw/verified"

func (a *App) verifyCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:     "verify FILE",
		GroupID: "cloud",
		Short:   "Show that a cloud works: a guest, reached from outside",
		Long: `Make a project with a router and a guest, reach the Internet from the guest and
the guest from here, and remove all of it again.`,
		Example:           "  macaw verify cloud.yaml\n  macaw verify cloud.yaml --keep",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCloudFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verify(cmd.Context(), args[0], keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the project and its guest in place")
	return terminal.AfterSignal(cmd, "the next macaw verify removes what this one has left in the cloud")
}

func (a *App) verify(ctx context.Context, file string, keep bool) error {
	steps := a.Steps()
	return a.onNode(ctx, file, steps, func(ctx context.Context, s *site, _ infra.NodeOutput, h *host.Host) error {
		acc, err := a.takeAccess(ctx, s, h, steps)
		if err != nil {
			return err
		}
		if err := a.provideGuest(ctx, s, acc, steps); err != nil {
			return err
		}
		cfg := verifyConfig(s.cloud, h, acc)
		cfg.Keep = keep
		res, err := verify.Run(ctx, cfg, func(what string) func(error) { return steps.Start("verify", what) })
		if err != nil {
			return err
		}
		return a.Print(res, func(w io.Writer) error { return printVerified(w, s.cloud.Name, cfg.User, res) })
	})
}

func printVerified(w io.Writer, cloudName, user string, res verify.Result) error {
	fmt.Fprintf(w, "The cloud works: guest %s was reached at %s, which is floating IP %s.\n", res.Guest, reachedAt(res), res.FloatingIP)
	if !res.Kept {
		return nil
	}
	path, err := keepKey(cloudName, res.Key)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "It was kept:  ssh -i %s %s@%s\n", path, user, reachedAt(res))
	return err
}

// reachedAt is where the guest was reached.
func reachedAt(res verify.Result) netip.Addr {
	if res.ElasticIP.IsValid() {
		return res.ElasticIP
	}
	return res.FloatingIP
}

// keepKey writes down the key of a guest that was kept.
func keepKey(cloudName string, key []byte) (string, error) {
	dir, err := dataDir(cloudName)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "guest_ed25519")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, key, 0o600)
}

// verifyConfig is what there is to verify of a cloud. h is one of its nodes.
func verifyConfig(c *cloud.Cloud, h *host.Host, acc access) verify.Config {
	download := "http://deb.debian.org/debian/dists/stable/Release"
	if c.InLab() {
		download = "http://" + lab.WebServer + "/bytes/1048576"
	}
	cfg := verify.Config{
		Auth: acc.Auth, ExternalNetwork: externalNetwork, Image: guestImage(c), Flavor: guestFlavor(c), User: guestUser(c),
		Ping: netip.MustParseAddr("8.8.8.8"), Download: download,
		Name: "macaw-verify", CIDR: netip.MustParsePrefix("192.168.222.0/24"), Patience: 5 * time.Minute,
	}
	if c.Provider.ElasticIPs == model.ElasticIPsNone {
		cfg.Inside, cfg.Dial = true, h.Dial
	}
	return cfg
}

// verifyAfterUp tries the cloud out if that is due, and says in words what
// became of it.
func (a *App) verifyAfterUp(ctx context.Context, s *site, h *host.Host, spec nodeSpec, acc access, when string, steps *terminal.Steps) (string, error) {
	if when == verifyNever {
		return "not now", nil
	}
	mark, err := verifiedMark(spec)
	if err != nil {
		return "", err
	}
	before, err := h.Output(ctx, "cat "+verifiedPath+" 2>/dev/null || true")
	if err != nil {
		return "", fmt.Errorf("finding out what was verified before: %w", err)
	}
	if before = strings.TrimSpace(before); when == verifyAuto && strings.HasPrefix(before, mark+" ") {
		return strings.TrimPrefix(before, mark+" ") + ", and nothing has changed since", nil
	}
	start := time.Now()
	res, err := verify.Run(ctx, verifyConfig(s.cloud, h, acc), func(what string) func(error) { return steps.Start("verify", what) })
	if err != nil {
		return "", err
	}
	text := "on " + start.UTC().Format("2006-01-02 at 15:04 UTC")
	if _, err := h.Put(ctx, verifiedPath, []byte(mark+" "+text+"\n"), 0o644); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: a guest answered at %s (floating IP %s)", text, reachedAt(res), res.FloatingIP), nil
}

// verifiedMark stands for a spec that was verified.
func verifiedMark(spec nodeSpec) (string, error) {
	b, err := json.Marshal(spec)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}
