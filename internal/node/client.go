// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"sync"

	"github.com/gophercloud/gophercloud/v2"

	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// client is the administrator's login to this cloud. It logs in at its first use, since Keystone
// may not run before.
type client struct {
	url, region string
	password    func() string // may not be known before

	mu      sync.Mutex
	session *neutron.Session
}

func newClient(s nodeapi.OpenStack, password func() string) *client {
	return &client{url: keystoneURL(s), region: s.Region, password: password}
}

func keystoneURL(s nodeapi.OpenStack) string {
	return fmt.Sprintf("http://%s:%d/v3", s.Controller, nodeapi.KeystonePort)
}

// open returns a service's client, at the controller's management address.
func (c *client) open(ctx context.Context, service neutron.Service) (*gophercloud.ServiceClient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		session, err := neutron.LogIn(ctx, adminAuth(c.url, c.region, c.password()), 0)
		if err != nil {
			return nil, err
		}
		c.session = session
	}
	return c.session.Open(service)
}

// get requests a path below a service's endpoint.
func (c *client) get(ctx context.Context, service neutron.Service, path string) error {
	api, err := c.open(ctx, service)
	if err != nil {
		return err
	}
	var answer any
	_, err = api.Get(ctx, api.ServiceURL(path), &answer, nil)
	return err
}
