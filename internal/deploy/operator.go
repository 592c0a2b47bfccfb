// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"macaw.example/internal/checkip"
	"macaw.example/internal/cloud"
	"macaw.example/lab"
)

// checkIPVariable names the environment variable with the URL of another service than AWS's.
const checkIPVariable = "MACAW_CHECKIP_URL"

// withOperator returns the cloud with this machine's address in management.allow, if the file has
// "auto" there. It shows what that is: it opens the cloud's doors.
func (d *Deployment) withOperator(ctx context.Context) (*cloud.Cloud, error) {
	if !d.Cloud.Management.AllowOperator {
		return d.Cloud, nil
	}
	if !d.operator.IsValid() {
		address, from, err := d.findOperator(ctx)
		if err != nil {
			return nil, err
		}
		d.operator = address
		d.note(phaseInfra, "management.allow: auto is %s, by %s", single(address), from)
	}
	c := *d.Cloud
	if own := single(d.operator); !slices.Contains(c.Management.Allow, own) {
		c.Management.Allow = append(slices.Clone(c.Management.Allow), own)
	}
	return &c, nil
}

// findOperator returns this machine's public address, and who says so.
func (d *Deployment) findOperator(ctx context.Context) (a netip.Addr, from string, err error) {
	if d.down {
		return netip.MustParseAddr(lab.Operator), "the lab that is not up yet", nil
	}
	switch from = cmp.Or(os.Getenv(checkIPVariable), checkip.AWS); {
	case d.CheckIP != "":
		from = d.CheckIP
	case d.Cloud.InLab():
		from = lab.CheckIP
	default:
		if err := checkip.Check(from); err != nil {
			return a, "", fmt.Errorf("%s: %w", checkIPVariable, err)
		}
	}
	if proxy := proxyFor("https://" + netip.IPv4Unspecified().String()); proxy != "" && !d.Cloud.InLab() {
		d.note(phaseInfra, "management.allow: auto is for SSH, which uses no proxy; HTTPS goes through %s: list its public "+
			"address too, or put the cloud's Elastic IP into NO_PROXY", proxy)
	}
	err = d.await(phaseInfra, "find this machine's public address", func() error {
		a, err = checkip.Find(ctx, from)
		return err
	})
	return a, from, err
}

// publicLimit is how long the search for an address may take that is only used for a warning.
const publicLimit = 3 * time.Second

// publicAddress is this machine's public address, the zero value if it cannot be found out. For a cloud that everyone
// may reach, or that is not on AWS, nobody is asked.
func (d *Deployment) publicAddress(ctx context.Context) netip.Addr {
	all := func(n netip.Prefix) bool { return n.Bits() == 0 }
	if d.operator.IsValid() || !d.identity().AtAWS() || slices.ContainsFunc(d.Cloud.Management.Allow, all) {
		return d.operator
	}
	service := cmp.Or(d.CheckIP, os.Getenv(checkIPVariable), checkip.AWS)
	if d.CheckIP == "" && checkip.Check(service) != nil {
		return netip.Addr{}
	}
	ctx, cancel := context.WithTimeout(ctx, publicLimit)
	defer cancel()
	var a netip.Addr
	_ = d.await(phaseInfra, "find this machine's public address", func() (err error) {
		a, err = checkip.Find(ctx, service)
		return err
	})
	return a
}

// proxyFor is the host of the proxy for a URL, by the environment; empty for none. Its URL may have a
// password.
func proxyFor(address string) string {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return ""
	}
	proxy, err := http.ProxyFromEnvironment(r)
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Host
}
