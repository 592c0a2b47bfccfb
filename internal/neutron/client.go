// Package neutron is Neutron as Macaw sees it: external networks, routers,
// floating IPs, and the addresses that they put on the wire.
package neutron

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"

	"macaw.example/internal/silence"
)

// Auth is how to log in to a cloud; in JSON its names are those of clouds.yaml.
type Auth struct {
	URL           string `json:"auth_url"` // Keystone, "http://controller:5000/v3"
	User          string `json:"username"`
	Password      string `json:"password"`
	Project       string `json:"project_name"`
	UserDomain    string `json:"user_domain_name"`    // empty: Default
	ProjectDomain string `json:"project_domain_name"` // empty: Default
	Region        string `json:"region_name"`         // empty: the catalog's only one
	Interface     string `json:"interface"`           // of the catalog, "public" or "internal"; empty: public
}

// Client talks to the Neutron of one cloud. It renews its token by itself and
// is safe for concurrent use.
type Client struct {
	ids       sync.Map // of networks, by name, as they were the last time
	api       *gophercloud.ServiceClient
	endpoints gophercloud.EndpointOpts // which of the catalog's, for all services
}

// Connect logs in and finds Neutron in the catalog. Ending the context later
// does not end the Client.
func Connect(ctx context.Context, auth Auth) (*Client, error) {
	provider, err := openstack.NewClient(auth.URL)
	if err != nil {
		return nil, fmt.Errorf("reading Keystone's address %s: %w", auth.URL, err)
	}
	provider.UserAgent.Prepend("macaw")
	provider.HTTPClient = http.Client{Transport: silence.Transport()}
	options := gophercloud.AuthOptions{
		IdentityEndpoint: auth.URL,
		Username:         auth.User,
		Password:         auth.Password,
		DomainName:       cmp.Or(auth.UserDomain, "Default"),
		Scope:            &gophercloud.AuthScope{ProjectName: auth.Project, DomainName: cmp.Or(auth.ProjectDomain, "Default")},
		AllowReauth:      true,
	}
	if err := openstack.Authenticate(ctx, provider, options); err != nil {
		return nil, fmt.Errorf("logging in at %s as %s: %w", auth.URL, auth.User, err)
	}
	endpoints := gophercloud.EndpointOpts{
		Region:       auth.Region,
		Availability: gophercloud.Availability(cmp.Or(auth.Interface, string(gophercloud.AvailabilityPublic))),
	}
	api, err := openstack.NewNetworkV2(provider, endpoints)
	if err != nil {
		return nil, fmt.Errorf("finding Neutron in the catalog of %s: %w", auth.URL, err)
	}
	return &Client{api: api, endpoints: endpoints}, nil
}
