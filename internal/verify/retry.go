package verify

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"

	"macaw.example/internal/silence"
)

// How long a service may be out of reach before a call of it fails, and how often it is tried.
const (
	outOfReach = time.Minute
	dialPause  = time.Second
)

// newProvider returns a client that bears with a service that can't be reached for a moment: one that is being
// restarted, or a node whose address has just been moved to it.
func newProvider(url string, patience time.Duration) (*gophercloud.ProviderClient, error) {
	provider, err := openstack.NewClient(url)
	if err != nil {
		return nil, err
	}
	provider.HTTPClient = http.Client{Transport: silence.Transport()}
	provider.RetryFunc = func(ctx context.Context, _, _ string, _ *gophercloud.RequestOpts, failed error, times uint) error {
		// Nothing was sent: whatever the call does, it can be made again.
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
