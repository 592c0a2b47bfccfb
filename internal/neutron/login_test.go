// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// A service that starts a moment later answers; one that never does is given up, with the reason.
func TestAServiceOutOfReach(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	url := fmt.Sprintf("http://%s/v3/", address)
	get := func(patience time.Duration) error {
		provider, err := newProvider(Auth{URL: url}, patience)
		if err != nil {
			t.Fatal(err)
		}
		_, err = provider.Request(t.Context(), http.MethodGet, url, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}})
		return err
	}
	if err := get(0); err == nil {
		t.Fatal("a service that is not there answers")
	}
	time.AfterFunc(dialPause/2, func() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		t.Cleanup(func() { s.Close() })
		go s.Serve(l) //nolint:errcheck // ends with the test
	})
	if err := get(time.Minute); err != nil {
		t.Errorf("a service that comes a moment later: %v", err)
	}
}
