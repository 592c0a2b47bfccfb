// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"net/http"
	"sync/atomic"

	"macaw.example/internal/nodeapi"
)

// health is what the controller asks several times a second, to decide which gateway has which router.
type health struct {
	provider *providerWatch
	tunnels  atomic.Pointer[[]string] // the nodes whose tunnels are up
}

func (h *health) now() nodeapi.Health {
	now := nodeapi.Health{Provider: h.provider.dead()}
	if up := h.tunnels.Load(); up != nil {
		now.Tunnels = *up
	}
	return now
}

// ServeHTTP answers with the node's [nodeapi.Health].
func (h *health) ServeHTTP(res http.ResponseWriter, _ *http.Request) {
	res.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(res).Encode(h.now()) // a client that has gone needs no answer
}
