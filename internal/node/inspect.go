// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"macaw.example/internal/execute"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// Inspect tells the state of this node, which was made with spec. It changes nothing, and says in the
// answer if systemd does not reply.
func Inspect(ctx context.Context, spec nodeapi.OpenStack) nodeapi.Machine {
	return (&node{spec: spec, root: "/", run: execute.On(nil)}).inspect(ctx)
}

func (n *node) inspect(ctx context.Context) nodeapi.Machine {
	m := nodeapi.Machine{Datapath: n.datapath(ctx), Stopped: []string{}, Certificates: n.certificatesInUse()}
	seen, err := n.system().Show(ctx, unitsOf(onNode(n.spec))...)
	if err != nil {
		m.Unknown = fmt.Sprintf("asking systemd about the cloud's services: %v", err)
	}
	for _, u := range seen {
		// While the machine boots, or up starts services, a unit that waits for others has a job. One that
		// does not exist or is masked has none.
		if !u.Active && !u.Starting && !u.Queued {
			m.Stopped = append(m.Stopped, u.Name)
		}
	}
	return m
}

// datapath asks Open vSwitch for the type of the bridge of guests.
func (n *node) datapath(ctx context.Context) string {
	out, err := n.run(ctx, command{Args: []string{"ovs-vsctl", "--timeout=2", "get", "Bridge", "br-int", "datapath_type"}})
	switch kind := strings.Trim(strings.TrimSpace(out), `"`); {
	case err != nil:
		return "" // that it is stopped is told by its unit
	case kind == "netdev":
		return nodeapi.DatapathUser
	default: // "system", or the default, which is the same (ovs-vswitchd.conf.db(5), Bridge)
		return nodeapi.DatapathKernel
	}
}

// certificatesInUse returns the node's certificates; that one is missing is told by the unit that does not
// run without it.
func (n *node) certificatesInUse() []nodeapi.Certificate {
	used := []nodeapi.Certificate{}
	wanted := certificatesOf(n.spec)
	if n.spec.Has(model.Controller) && n.spec.Management.Domain != "" {
		wanted = append(wanted, certificate{path: nodeapi.DomainCertificate})
	}
	for _, c := range wanted {
		seen, err := n.seenCertificate(c)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			used = append(used, nodeapi.Certificate{Path: c.path, Names: []string{}, Error: err.Error()})
			continue
		}
		leaf := seen.Chain[0]
		names := append([]string{}, leaf.DNSNames...)
		for _, a := range leaf.IPAddresses {
			names = append(names, a.String())
		}
		used = append(used, nodeapi.Certificate{Path: c.path, Names: names, Expires: leaf.NotAfter})
	}
	return used
}
