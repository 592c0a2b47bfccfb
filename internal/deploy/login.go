// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/privatefile"
)

// Login has the parameters for ssh(1) to log in to a node.
type Login struct {
	Node       infra.NodeOutput
	User       string
	Key        string // file with the private key
	KnownHosts string // file that has the node's host key by its instance ID
	// Via has the parameters for the controller, through which a node without an Elastic IP is reached;
	// nil if it has one.
	Via *Login
}

// Login returns the parameters for the named node, or for the controller if the name is empty. It
// connects once, which stores the node's host key where ssh finds it.
func (d *Deployment) Login(ctx context.Context, name string) (Login, error) {
	w, node, _, err := d.reachNamed(ctx, name)
	if err != nil {
		return Login{}, err
	}
	defer w.Close()
	l := d.login(node)
	if node.ManagementPublic == "" {
		via := d.login(w.controller())
		l.Via = &via
	}
	return l, nil
}

// Interact runs a session on the named node, or on the controller if the name is empty, without
// ssh(1). Its error is a *host.ExitError if the command has failed.
func (d *Deployment) Interact(ctx context.Context, name string, begin func() (host.Session, func())) error {
	w, node, h, err := d.reachNamed(ctx, name)
	if err != nil {
		return err
	}
	defer w.Close()
	interactive, ok := h.(interface {
		Interact(context.Context, host.Session) error
	})
	if !ok {
		return fmt.Errorf("node %s has no shell", node.Name)
	}
	session, end := begin()
	defer end()
	return interactive.Interact(ctx, session)
}

// reachNamed connects to the named node, or to the controller if the name is empty.
func (d *Deployment) reachNamed(ctx context.Context, name string) (w *ways, n infra.NodeOutput, h Node, err error) {
	if w, err = d.connectNodes(ctx); err != nil {
		return nil, n, nil, err
	}
	n, err = d.pickNode(w.nodes, name)
	if err == nil {
		h, err = w.to(ctx, n)
	}
	if err != nil {
		w.Close()
	}
	return w, n, h, err
}

// Usable reports whether ssh(1) takes the key: it refuses one that other users may read, as all files
// are on file systems without permissions.
func (l Login) Usable() bool {
	info, err := os.Stat(l.Key)
	return err == nil && !privatefile.Shared(info)
}

func (d *Deployment) login(n infra.NodeOutput) Login {
	return Login{Node: n, User: NodeUser, Key: d.Home.key(d.Cloud.Name), KnownHosts: d.Home.knownHosts(d.Cloud.Name)}
}

// Options are the options of ssh(1). A silent node is given up after 25 s: four unanswered probes.
func (l Login) Options() []string {
	all := []string{"-i", l.Key, "-o", "IdentitiesOnly=yes",
		"-o", "UserKnownHostsFile=" + sshWord(l.KnownHosts), "-o", "HostKeyAlias=" + l.Node.InstanceID,
		"-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4"}
	if l.Via != nil {
		all = append(all, "-o", "ProxyCommand="+l.Via.Forward())
	}
	return all
}

// Forward is a command line for ssh's ProxyCommand that goes through the node.
func (l Login) Forward() string {
	return commandLine(slices.Concat([]string{"ssh"}, l.Options(), []string{"-W", "%h:%p", l.Destination()}))
}

// sshWord is a path as one word of an option of ssh(1), which splits at blanks and expands %.
func sshWord(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(path) + `"`
}

// Destination is the destination of ssh(1).
func (l Login) Destination() string { return l.User + "@" + addressOf(l.Node) }

// commandLine quotes a command for a shell where it needs quotes.
func commandLine(command []string) string {
	var words []string
	for _, word := range command {
		if strings.IndexFunc(word, special) >= 0 {
			word = host.Quote(word)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// special reports whether a character may mean something to a shell.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:=@%+,", r)
}
