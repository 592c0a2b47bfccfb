// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"strings"
	"unicode"

	"macaw.example/internal/host"
	"macaw.example/internal/infra"
)

// Login has the parameters for ssh(1) to log in to a node.
type Login struct {
	Node       infra.NodeOutput
	User       string
	Key        string // file with the private key
	KnownHosts string // file that has the node's host key by its instance ID
}

// Login returns the parameters for the named node, or for the first one if the name is empty. It
// connects once, which stores the node's host key where ssh finds it.
func (d *Deployment) Login(ctx context.Context, name string) (Login, error) {
	if err := d.connect(ctx, false); err != nil {
		return Login{}, err
	}
	nodes, err := d.nodes(ctx)
	if err != nil {
		return Login{}, err
	}
	node, err := pickNode(nodes, name)
	if err != nil {
		return Login{}, err
	}
	h, err := d.reach(ctx, node)
	if err != nil {
		return Login{}, err
	}
	h.Close()
	return d.login(node), nil
}

func (d *Deployment) login(n infra.NodeOutput) Login {
	return Login{Node: n, User: NodeUser, Key: d.Home.key(d.Cloud.Name), KnownHosts: d.Home.knownHosts(d.Cloud.Name)}
}

// Options are the options of ssh(1). A silent node is given up after 25 s: four unanswered probes.
func (l Login) Options() []string {
	return []string{"-i", l.Key, "-o", "IdentitiesOnly=yes",
		"-o", "UserKnownHostsFile=" + l.KnownHosts, "-o", "HostKeyAlias=" + l.Node.InstanceID,
		"-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4"}
}

// Destination is the destination of ssh(1).
func (l Login) Destination() string { return l.User + "@" + l.Node.ManagementPublic }

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
