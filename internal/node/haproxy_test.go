// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"macaw.example/internal/authority"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

const cloudDomain = "cloud.example.org"

// proxy is a running HAProxy with a node's configuration. Its ports are others, of 127.0.0.1, and its
// certificates below the node's directory.
type proxy struct {
	*tlsNode
	program string
	config  string
	plain   int // port
	master  *exec.Cmd
}

// newProxy makes a controller for the domain, with an authority, and starts HAProxy.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if errors.Is(err, exec.ErrNotFound) {
		program, err = exec.LookPath("/usr/sbin/haproxy") // not in the PATH of users
	}
	if err != nil {
		t.Skip("needs Debian's package haproxy: ", err)
	}
	p := &proxy{tlsNode: newTLSNode(t, model.Controller), program: program, plain: freePort(t)}
	p.public = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(freePort(t)))
	p.spec.Management.Address, p.spec.Management.Domain = netip.MustParseAddr("127.0.0.1"), cloudDomain
	p.authority(time.Now(), netip.MustParsePrefix("127.0.0.1/32"))
	p.renew(time.Now())
	p.run = func(ctx context.Context, c command) (string, error) {
		if strings.Join(c.Args, " ") != "systemctl try-reload-or-restart haproxy.service" {
			t.Errorf("ran %q", c.Args)
		}
		return "", p.reload(ctx)
	}

	spec := allInOne()
	spec.Management = p.spec.Management
	text := string(renderAll(t, spec, facts{})["/etc/haproxy/haproxy.cfg"].Content)
	for _, change := range []struct{ from, to string }{
		{"bind 127.0.0.1:80\n", fmt.Sprintf("bind 127.0.0.1:%d\n", p.plain)},
		{"bind 127.0.0.1:443 ", fmt.Sprintf("bind 127.0.0.1:%d ", p.public.Port())},
		{"/etc/macaw/tls/public/", filepath.Join(p.root, "/etc/macaw/tls/public") + "/"},
		// Of the package, and of root.
		{"    log /dev/log local0 warning\n", ""}, {"    chroot /var/lib/haproxy\n", ""},
		{"    user haproxy\n", ""}, {"    group haproxy\n", ""},
	} {
		if strings.Count(text, change.from) != 1 {
			t.Fatalf("the configuration has not %q once:\n%s", change.from, text)
		}
		text = strings.Replace(text, change.from, change.to, 1)
	}
	p.config = filepath.Join(p.root, "haproxy.cfg")
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	// As in Debian's unit; -Ws needs systemd.
	p.master = exec.CommandContext(context.WithoutCancel(t.Context()), program, "-W", "-f", p.config)
	p.master.Stdout, p.master.Stderr = &log, &log
	if err := p.master.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.master.Process.Signal(syscall.SIGTERM) // ends its workers, too
		_ = p.master.Wait()
		if t.Failed() {
			t.Logf("HAProxy:\n%s", log.String())
		}
	})
	if err := await(t.Context(), "HAProxy", 20*time.Second, func(context.Context) error {
		_, err := p.served(p.t.Context(), cloudDomain)
		return err
	}); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return p
}

// reload does what Debian's unit does (ExecReload of haproxy.service).
func (p *proxy) reload(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, p.program, "-W", "-f", p.config, "-c", "-q").CombinedOutput(); err != nil {
		return fmt.Errorf("checking HAProxy's configuration: %w\n%s", err, out)
	}
	return p.master.Process.Signal(syscall.SIGUSR2)
}

// serves checks the certificate that is served for a name, once the node has seen to it.
func (p *proxy) serves(what, name string, want *x509.Certificate) {
	p.t.Helper()
	if err := p.ensureServed(p.t.Context()); err != nil && !errors.Is(err, errNothingToDo) {
		p.t.Errorf("%s: %v", what, err)
	}
	got, err := p.served(p.t.Context(), name)
	switch {
	case err != nil:
		p.t.Errorf("%s: %v", what, err)
	case !got.Equal(want):
		p.t.Errorf("%s: a client that asks for %q gets that of %s by %s", what, name, got.Subject, got.Issuer)
	}
}

// seen is the certificate in a file of the node.
func (p *proxy) seen(path string) *x509.Certificate {
	p.t.Helper()
	c, err := p.seenCertificate(certificate{path: path})
	if err != nil {
		p.t.Fatal(err)
	}
	return c.Chain[0]
}

// put writes a certificate for the domain, as up does, and reloads.
func (p *proxy) put(c *authority.Certificate) {
	p.t.Helper()
	bundle, err := authority.EncodeBundle(c)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := (file{Path: nodeapi.DomainCertificate, Mode: 0o600, Content: bundle}).Write(p.root); err != nil {
		p.t.Fatal(err)
	}
	if err := p.reload(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// watch connects all the time, a connection each, until the returned function is called, which checks that
// none was refused, as they are while HAProxy restarts.
func (p *proxy) watch() (end func()) {
	stop, ended := make(chan struct{}), sync.WaitGroup{}
	var longest time.Duration
	var lost, all int
	var last error
	ended.Go(func() {
		for {
			began := time.Now()
			_, err := p.served(p.t.Context(), cloudDomain)
			longest = max(longest, time.Since(began))
			if all++; err != nil {
				lost, last = lost+1, err
			}
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return func() {
		p.t.Helper()
		close(stop)
		ended.Wait()
		if lost > 0 {
			p.t.Errorf("%d of %d connections failed, the last one: %v", lost, all, last)
		}
		p.t.Logf("%d connections, the longest took %s", all, longest)
	}
}

// domainOf is a certificate for the domain by an authority that the cloud does not know.
func domainOf(t *testing.T) *authority.Certificate {
	t.Helper()
	key, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	root, err := authority.NewRoot(key, "another authority", authority.Scope{
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Names: []string{cloudDomain}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := root.Issue(authority.Leaf{Name: cloudDomain, Names: []string{cloudDomain}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// HAProxy serves the certificate of one's own for the domain, and the cloud's for everything else, and each
// renewed one, and loses no connection when they change.
func TestHAProxyServesOnesOwnCertificate(t *testing.T) {
	if testing.Short() {
		t.Skip("starts HAProxy: not with -short")
	}
	p := newProxy(t)
	p.serves("of the cloud's authority, by name", cloudDomain, p.seen(publicCertificate))
	p.serves("of the cloud's authority, by address", "", p.seen(publicCertificate))
	end := p.watch()

	// What up does with a certificate in the cloud file, and then apply.
	first := domainOf(t)
	p.put(first)
	p.spec.Management.Foreign = true
	if renewed := p.renew(time.Now()); !slices.Equal(renewed, []string{publicCertificate}) {
		t.Errorf("renewed %q, want the one that named the domain", renewed)
	}
	p.serves("one's own, by name", cloudDomain, first.Chain[0])
	p.serves("one's own, by address", "", p.seen(publicCertificate))

	second := domainOf(t)
	p.put(second)
	p.serves("one's own, renewed", cloudDomain, second.Chain[0])

	// A renewal of the cloud's own changes nothing for the domain.
	if renewed := p.renew(time.Now().AddDate(0, 0, 61)); !slices.Contains(renewed, publicCertificate) {
		t.Errorf("renewed %q, want the cloud's, too", renewed)
	}
	p.serves("the cloud's, renewed", "", p.seen(publicCertificate))
	p.serves("one's own, after that", cloudDomain, second.Chain[0])

	// What up does without it in the cloud file, and then apply.
	if err := os.Remove(filepath.Join(p.root, nodeapi.DomainCertificate)); err != nil {
		t.Fatal(err)
	}
	if err := p.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.spec.Management.Foreign = false
	p.renew(time.Now())
	p.serves("of the cloud's authority again", cloudDomain, p.seen(publicCertificate))
	if p.seen(publicCertificate).VerifyHostname(cloudDomain) != nil {
		t.Error("it does not name the domain")
	}

	// A run that was killed between the certificate and the reload.
	killed := p.run
	p.run = func(context.Context, command) (string, error) { return "", nil }
	p.renew(time.Now().AddDate(0, 0, 61))
	p.run = killed
	p.serves("after a kill", cloudDomain, p.seen(publicCertificate))
	end()
}

// HAProxy passes an ACME server's question on, and serves what it has issued, then and after its renewal.
func TestHAProxyServesWhatACMEIssued(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an ACME server: not with -short")
	}
	p := newProxy(t)
	directory, trusted := startPebble(t, p.plain)
	if _, err := (file{Path: nodeapi.ACMEAuthority, Mode: 0o600, Content: trusted}).Write(p.root); err != nil {
		t.Fatal(err)
	}
	end := p.watch()
	p.spec.Management.Foreign, p.spec.Management.ACME = true, &nodeapi.ACME{Directory: directory}
	if renewed := p.renew(time.Now()); !slices.Contains(renewed, nodeapi.DomainCertificate) {
		t.Fatalf("renewed %q, want the domain's", renewed)
	}
	issued := p.seen(nodeapi.DomainCertificate)
	p.serves("issued, by name", cloudDomain, issued)
	p.serves("issued, by address", "", p.seen(publicCertificate))

	life := issued.NotAfter.Sub(issued.NotBefore)
	renewed := p.renew(issued.NotBefore.Add(life*2/3 + time.Hour))
	if !slices.Contains(renewed, nodeapi.DomainCertificate) {
		t.Fatalf("after two thirds of its life: renewed %q", renewed)
	}
	if p.seen(nodeapi.DomainCertificate).Equal(issued) {
		t.Error("the renewed certificate is the old one")
	}
	p.serves("renewed, by name", cloudDomain, p.seen(nodeapi.DomainCertificate))
	end()
}
