// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"macaw.example/internal/neutron"
)

// outOfReach is how long a service may be unreachable before a call of it fails.
const outOfReach = time.Minute

// session is a login to one project, with clients of the services used.
type session struct {
	*neutron.Session
	identity, network, compute, images *gophercloud.ServiceClient
}

func login(ctx context.Context, a neutron.Auth) (*session, error) {
	in, err := neutron.LogIn(ctx, a, outOfReach)
	if err != nil {
		return nil, err
	}
	if in.ProjectID == "" {
		return nil, fmt.Errorf("logging in at %s: the answer names no project", a.URL)
	}
	s := &session{Session: in}
	for _, c := range []struct {
		client  **gophercloud.ServiceClient
		service neutron.Service
	}{
		{&s.identity, neutron.Identity}, {&s.network, neutron.Network}, {&s.compute, neutron.Compute},
		{&s.images, neutron.Image},
	} {
		if *c.client, err = in.Open(c.service); err != nil {
			return nil, err
		}
	}
	return s, nil
}
