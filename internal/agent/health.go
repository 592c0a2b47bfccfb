// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"macaw.example/internal/nodeapi"
)

// readyLimit is how long an agent waits for AWS before it answers that a gateway is not ready.
const readyLimit = 10 * time.Second

// health is what the controller asks several times a second, to decide which gateway has which router.
type health struct {
	provider *providerWatch
	tunnels  atomic.Pointer[[]string] // the nodes whose tunnels are up
	word     *lastWord
	ovn      *controllerWatch
}

func (h *health) now() nodeapi.Health {
	now := nodeapi.Health{Provider: h.provider.dead(), OVN: h.ovn.hangs()}
	if up := h.tunnels.Load(); up != nil {
		now.Tunnels = *up
	}
	return now
}

// ServeHTTP answers with the node's [nodeapi.Health], or waits as [nodeapi.ReadyPath] says.
func (h *health) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	if req.URL.Path == nodeapi.ReadyPath {
		h.serveReady(res, req)
		return
	}
	res.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(res).Encode(h.now()) // a client that has gone needs no answer
}

func (h *health) serveReady(res http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), readyLimit)
	defer cancel()
	port := req.URL.Query().Get(nodeapi.ReadyGateway)
	if err := h.word.await(ctx, port); err != nil {
		http.Error(res, fmt.Sprintf("AWS does not have all addresses of gateway %q here after %s", port, readyLimit),
			http.StatusServiceUnavailable)
		return
	}
	res.WriteHeader(http.StatusNoContent)
}
