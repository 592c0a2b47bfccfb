// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"sync"

	"github.com/gophercloud/gophercloud/v2"
)

// Client is a client of one cloud's Neutron. It renews its token by itself and is safe for
// concurrent use.
type Client struct {
	ids     sync.Map // of networks, by name, as last seen
	api     *gophercloud.ServiceClient
	session *Session
}

// Connect logs in and finds Neutron in the catalog. Ending the context later does not end the
// Client.
func Connect(ctx context.Context, auth Auth) (*Client, error) {
	session, err := LogIn(ctx, auth, 0)
	if err != nil {
		return nil, err
	}
	return session.Neutron()
}

// Neutron finds Neutron in the catalog.
func (s *Session) Neutron() (*Client, error) {
	api, err := s.Open(Network)
	if err != nil {
		return nil, err
	}
	return &Client{api: api, session: s}, nil
}
