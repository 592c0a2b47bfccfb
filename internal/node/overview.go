// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// overviewWithin bounds the questions of Overview: a status without the answers is better than none.
const overviewWithin = 5 * time.Second

// Overview returns what the cloud's services tell its administrator: the names of what has addresses if owners is
// set, and the compute nodes that take no guests. It runs on the controller. After an error it has what is known.
func Overview(ctx context.Context, s nodeapi.OpenStack, owners bool) (nodeapi.Overview, error) {
	if !s.Has(model.Controller) {
		return nodeapi.Overview{}, fmt.Errorf("asking the cloud's services: this node, %s, is not the controller", s.Node)
	}
	sec, err := readSecrets("/")
	if err != nil {
		return nodeapi.Overview{}, err
	}
	return overview(ctx, keystoneURL(s), s.Region, sec.Admin, owners)
}

func overview(ctx context.Context, keystone, region, password string, owners bool) (o nodeapi.Overview, err error) {
	o.Drained = []nodeapi.Drained{}
	ctx, cancel := context.WithTimeoutCause(ctx, overviewWithin, fmt.Errorf("no answer in %s", overviewWithin))
	defer cancel()
	session, err := neutron.LogIn(ctx, adminAuth(keystone, region, password), 0)
	if err != nil {
		return o, err
	}
	var errs [2]error
	var all sync.WaitGroup
	if owners {
		all.Go(func() { o.Owners, errs[0] = ownersOf(ctx, session) })
	}
	all.Go(func() { o.Drained, errs[1] = closedComputes(ctx, session) })
	all.Wait()
	return o, errors.Join(errs[:]...)
}

func ownersOf(ctx context.Context, session *neutron.Session) (map[string]string, error) {
	client, err := session.Neutron()
	if err != nil {
		return nil, err
	}
	return neutron.Provider{Client: client, Network: externalName}.Owners(ctx)
}

// closedComputes returns the compute nodes that take no guests.
func closedComputes(ctx context.Context, session *neutron.Session) ([]nodeapi.Drained, error) {
	closed := []nodeapi.Drained{}
	api, err := session.Open(neutron.Compute)
	if err != nil {
		return closed, err
	}
	api.Microversion = servicesVersion
	pages, err := computeservices.List(api, computeservices.ListOpts{Binary: "nova-compute"}).AllPages(ctx)
	if err != nil {
		return closed, fmt.Errorf("asking Nova for its compute nodes: %w", err)
	}
	seen, err := computeservices.ExtractServices(pages)
	if err != nil {
		return closed, fmt.Errorf("asking Nova for its compute nodes: %w", err)
	}
	for _, svc := range seen {
		if svc.Status != string(computeservices.ServiceEnabled) {
			closed = append(closed, nodeapi.Drained{Node: svc.Host, Role: model.Compute, Reason: svc.DisabledReason})
		}
	}
	return closed, nil
}
