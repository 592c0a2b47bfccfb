package verify

import (
	"context"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"macaw.example/internal/neutron"
)

// session is a login to one project.
type session struct {
	identity, network, compute *gophercloud.ServiceClient
	project                    string // ID
	auth                       neutron.Auth
}

func login(ctx context.Context, a neutron.Auth) (*session, error) {
	provider, err := newProvider(a.URL, outOfReach)
	if err != nil {
		return nil, fmt.Errorf("reading Keystone's address %s: %w", a.URL, err)
	}
	err = openstack.Authenticate(ctx, provider, gophercloud.AuthOptions{
		IdentityEndpoint: a.URL, Username: a.User, Password: a.Password,
		DomainName: a.UserDomain, TenantName: a.Project, AllowReauth: true,
	})
	if err != nil {
		return nil, fmt.Errorf("logging in to %s as %s: %w", a.URL, a.User, err)
	}
	s := &session{auth: a}
	for _, c := range []struct {
		client **gophercloud.ServiceClient
		open   func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{
		{&s.identity, openstack.NewIdentityV3},
		{&s.network, openstack.NewNetworkV2},
		{&s.compute, openstack.NewComputeV2},
	} {
		if *c.client, err = c.open(provider, gophercloud.EndpointOpts{Region: a.Region}); err != nil {
			return nil, fmt.Errorf("finding a service in the catalog: %w", err)
		}
	}
	token, ok := provider.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return nil, fmt.Errorf("logging in to %s: the answer names no project", a.URL)
	}
	project, err := token.ExtractProject()
	if err != nil {
		return nil, fmt.Errorf("logging in to %s: %w", a.URL, err)
	}
	s.project = project.ID
	return s, nil
}
