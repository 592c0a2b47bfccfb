// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"macaw.example/internal/silence"
)

// Auth has the parameters for logging in to a cloud; its JSON names are those of clouds.yaml.
type Auth struct {
	URL           string `json:"auth_url"` // Keystone, "http://controller:5000/v3"
	User          string `json:"username"`
	Password      string `json:"password"`
	Project       string `json:"project_name"`
	UserDomain    string `json:"user_domain_name"`    // empty: Default
	ProjectDomain string `json:"project_domain_name"` // empty: Default
	Region        string `json:"region_name"`         // empty: the catalog's only one
	Interface     string `json:"interface"`           // of the catalog, "public" or "internal"; empty: public
	// CA has the certificates, as PEM, of the authorities to trust; empty for those of the system.
	CA []byte `json:"-"`
	// Direct ignores the proxy of the environment.
	Direct bool `json:"-"`
}

// dialPause is the pause before an unreachable service is tried again.
const dialPause = time.Second

// Session is a login to one project of a cloud. It renews its token by itself and is safe for
// concurrent use.
type Session struct {
	Auth      Auth
	ProjectID string

	provider  *gophercloud.ProviderClient
	endpoints gophercloud.EndpointOpts // selects the catalog's endpoints, for all services
}

// LogIn logs in to a cloud. It retries calls of an unreachable service for as long as patience: the
// service may be restarting, or its address may have just moved. Ending the context later does not
// end the session.
func LogIn(ctx context.Context, auth Auth, patience time.Duration) (*Session, error) {
	provider, err := newProvider(auth, patience)
	if err != nil {
		return nil, fmt.Errorf("reading Keystone's address %s: %w", auth.URL, err)
	}
	err = openstack.Authenticate(ctx, provider, gophercloud.AuthOptions{
		IdentityEndpoint: auth.URL,
		Username:         auth.User,
		Password:         auth.Password,
		DomainName:       cmp.Or(auth.UserDomain, "Default"),
		Scope: &gophercloud.AuthScope{ProjectName: auth.Project,
			DomainName: cmp.Or(auth.ProjectDomain, "Default")},
		AllowReauth: true,
	})
	if err != nil {
		return nil, fmt.Errorf("logging in at %s as %s: %w", auth.URL, auth.User, err)
	}
	s := &Session{Auth: auth, provider: provider, endpoints: gophercloud.EndpointOpts{
		Region:       auth.Region,
		Availability: gophercloud.Availability(cmp.Or(auth.Interface, string(gophercloud.AvailabilityPublic))),
	}}
	// The response names the project, unless the token is another's.
	if token, ok := provider.GetAuthResult().(tokens.CreateResult); ok {
		if project, err := token.ExtractProject(); err == nil && project != nil {
			s.ProjectID = project.ID
		}
	}
	return s, nil
}

// newProvider returns a client that retries unreachable services.
func newProvider(auth Auth, patience time.Duration) (*gophercloud.ProviderClient, error) {
	provider, err := openstack.NewClient(auth.URL)
	if err != nil {
		return nil, err
	}
	transport := silence.Transport()
	if auth.Direct {
		transport.Proxy = nil
	}
	if len(auth.CA) > 0 {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(auth.CA) {
			return nil, errors.New("no certificate among the authorities to trust")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	provider.UserAgent.Prepend("macaw")
	provider.HTTPClient = http.Client{Transport: transport}
	provider.RetryFunc = func(ctx context.Context, _, _ string, _ *gophercloud.RequestOpts, failed error,
		times uint) error {
		// Nothing was sent, so any call can be repeated.
		var dial *net.OpError
		if !errors.As(failed, &dial) || dial.Op != "dial" || time.Duration(times)*dialPause > patience {
			return failed
		}
		select {
		case <-ctx.Done():
			return failed
		case <-time.After(dialPause):
			return nil
		}
	}
	return provider, nil
}

// Service opens a client of one of OpenStack's services.
type Service func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)

// The services that Macaw calls.
var (
	Compute   Service = openstack.NewComputeV2
	Identity  Service = openstack.NewIdentityV3
	Image     Service = openstack.NewImageV2
	Network   Service = openstack.NewNetworkV2
	Placement Service = openstack.NewPlacementV1
)

// Open finds a service in the catalog.
func (s *Session) Open(service Service) (*gophercloud.ServiceClient, error) {
	client, err := service(s.provider, s.endpoints)
	if err != nil {
		return nil, fmt.Errorf("finding a service in the catalog of %s: %w", s.Auth.URL, err)
	}
	return client, nil
}
