// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"macaw.example/internal/cloud"
	"macaw.example/internal/drain"
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/privatefile"
	"macaw.example/internal/verify"
	"macaw.example/lab"
)

// externalNetwork is Neutron's name of the provider network.
const externalNetwork = "public"

// verifiedPath is the file on a node that has the last verified spec's mark.
const verifiedPath = "/var/lib/macaw/verified"

// VerifyResult is the result of a successful verification.
type VerifyResult struct {
	verify.Result
	// SSH is a command line for a shell that logs in to the guest; empty unless it was kept.
	SSH string `json:"ssh,omitempty"`
}

// ReachedAt is the address at which the guest was reached.
func (r VerifyResult) ReachedAt() netip.Addr { return reachedAt(r.Result) }

// Verify checks that the cloud works: a guest made for the purpose reaches the Internet and is
// reached from here. It removes the guest unless keep is set; a guest that it keeps is removed by the
// next verification.
func (d *Deployment) Verify(ctx context.Context, keep bool) (res VerifyResult, err error) {
	err = d.onController(ctx, func(ctx context.Context, w *ways, h Node) error {
		off, err := d.switchedOff(ctx, w)
		for _, n := range off {
			err = errors.Join(err, d.errOff(n))
		}
		if err != nil {
			return err
		}
		acc, err := d.takeAccess(ctx, h)
		if err != nil {
			return err
		}
		if err := d.provideGuest(ctx, acc); err != nil {
			return err
		}
		cfg := d.verifyConfig(w, h, acc)
		if keep {
			// The file has one guest's key: an Elastic IP, or a floating IP, comes back with another.
			cfg.Keep, cfg.KnownHosts = true, d.Home.guestKnownHosts(d.Cloud.Name)
			if err := os.Remove(cfg.KnownHosts); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if res.Result, err = d.openStack().Verify(ctx, cfg, d.showVerify); err != nil || !res.Kept {
			return err
		}
		key, err := d.keepKey(res.Key)
		if err != nil {
			return err
		}
		guest := []string{"ssh", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + sshWord(cfg.KnownHosts)}
		if cfg.Inside {
			guest = append(guest, "-o", "ProxyCommand="+d.login(w.controller()).Forward())
		}
		res.SSH = commandLine(append(guest, cfg.User+"@"+res.ReachedAt().String()))
		return nil
	})
	return res, err
}

// CleanVerify removes what a verification has left, a guest that was kept or the remains of an interrupted run, and
// reports whether there was anything. It makes nothing.
func (d *Deployment) CleanVerify(ctx context.Context) (removed bool, err error) {
	err = d.onController(ctx, func(ctx context.Context, w *ways, h Node) error {
		acc, err := d.takeAccess(ctx, h)
		if err != nil {
			return err
		}
		removed, err = d.openStack().Clean(ctx, d.verifyConfig(w, h, acc), d.showVerify)
		if err != nil {
			return err
		}
		for _, path := range []string{d.guestKey(), d.Home.guestKnownHosts(d.Cloud.Name)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	return removed, err
}

// OpenStack has the operations on a cloud's APIs.
type OpenStack interface {
	EnsureImage(ctx context.Context, auth neutron.Auth, name string, parts []verify.Part) error
	Verify(ctx context.Context, cfg verify.Config, step verify.Step) (verify.Result, error)
	Clean(ctx context.Context, cfg verify.Config, step verify.Step) (bool, error)
	Nova(ctx context.Context, auth neutron.Auth) (drain.Nova, error)
}

type realOpenStack struct{}

func (realOpenStack) EnsureImage(ctx context.Context, auth neutron.Auth, name string, parts []verify.Part) error {
	_, err := verify.EnsureImage(ctx, auth, name, parts)
	return err
}

func (realOpenStack) Verify(ctx context.Context, cfg verify.Config, step verify.Step) (verify.Result, error) {
	return verify.Run(ctx, cfg, step)
}

func (realOpenStack) Clean(ctx context.Context, cfg verify.Config, step verify.Step) (bool, error) {
	return verify.Clean(ctx, cfg, step)
}

// outOfReach is how long a service may be unreachable before a call of it fails.
const outOfReach = time.Minute

func (realOpenStack) Nova(ctx context.Context, auth neutron.Auth) (drain.Nova, error) {
	session, err := neutron.LogIn(ctx, auth, outOfReach)
	if err != nil {
		return nil, err
	}
	return drain.Open(session)
}

func (d *Deployment) openStack() OpenStack {
	if d.OpenStack != nil {
		return d.OpenStack
	}
	return realOpenStack{}
}

func (d *Deployment) showVerify(what string) func(error) { return d.Progress.Start(phaseVerify, what) }

// reachedAt is the address at which the guest was reached.
func reachedAt(res verify.Result) netip.Addr {
	if res.ElasticIP.IsValid() {
		return res.ElasticIP
	}
	return res.FloatingIP
}

// keepKey stores the private key of a guest that was kept.
func (d *Deployment) keepKey(key []byte) (string, error) {
	path := d.guestKey()
	return path, privatefile.Replace(path, key)
}

// guestKey is the path of the private key of a guest that was kept.
func (d *Deployment) guestKey() string {
	return filepath.Join(d.Home.of(d.Cloud.Name), "guest_ed25519")
}

// verifyConfig returns the verification settings for the cloud, which ends when the translation is switched off
// meanwhile: without it no guest is reached. h is the controller.
func (d *Deployment) verifyConfig(w *ways, h Node, acc access) verify.Config {
	cfg := verifyConfig(d.Cloud, h, acc)
	cfg.Note = func(text string) { d.Progress.Note(phaseVerify, text) }
	cfg.Watch = func(ctx context.Context) error {
		off, err := d.switchedOff(ctx, w)
		if len(off) == 0 || err != nil { // what cannot be asked is no reason to give up
			return nil
		}
		return d.errOff(off[0])
	}
	return cfg
}

// verifyConfig returns the verification settings for a cloud. h is one of its nodes.
func verifyConfig(c *cloud.Cloud, h Node, acc access) verify.Config {
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

// verifyAfterUp verifies the cloud if that is due, and describes the result for display. mark is to be kept
// at verifiedPath; it is empty if there is nothing new. A guest can be made once guestsReady returns.
func (d *Deployment) verifyAfterUp(ctx context.Context, w *ways, h Node, specs []nodeapi.Spec, acc access, when When,
	guestsReady func(context.Context) error) (text, mark string, err error) {
	if when == Never {
		return "no (--verify=never)", "", nil
	}
	mark, err = verifiedMark(specs)
	if err != nil {
		return "", "", err
	}
	before, err := h.Output(ctx, "cat "+verifiedPath+" 2>/dev/null || true")
	if err != nil {
		return "", "", fmt.Errorf("reading the last verification: %w", err)
	}
	if before = strings.TrimSpace(before); when != Always && strings.HasPrefix(before, mark+" ") {
		return strings.TrimPrefix(before, mark+" ") + ", and nothing has changed since", "", nil
	}
	start := time.Now()
	cfg := d.verifyConfig(w, h, acc)
	cfg.GuestsReady = guestsReady
	res, err := d.openStack().Verify(ctx, cfg, d.showVerify)
	if err != nil {
		return "", "", err
	}
	text = "on " + start.UTC().Format("2006-01-02 at 15:04 UTC")
	return fmt.Sprintf("%s: a guest answered at %s (floating IP %s)", text, reachedAt(res), res.FloatingIP),
		mark + " " + text + "\n", nil
}

// verifiedMark is a hash of the specs of a verified cloud.
func verifiedMark(specs []nodeapi.Spec) (string, error) {
	var whole any = specs
	if len(specs) == 1 {
		whole = specs[0]
	}
	b, err := json.Marshal(whole)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}
