// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"errors"
	"testing"
)

// A truncated response would look as if Neutron had released addresses.
func TestAnswersThatAreNotWhole(t *testing.T) {
	f := newFakeCloud(t)
	f.answers["GET /networks"] = `{"networks": [{"id": "n1", "name": "public", "router:external": true, "provider:network_type": "flat"}, {"id": "n2", "name": "public", "router:external": false, "provider:network_type": "geneve"}]}`
	f.answers["GET /ports"] = `{"ports": []}`
	f.answers["GET /floatingips"] = `{"floatingips": []}`
	p := Provider{Client: f.connect(t), Network: "public"}
	if _, err := p.ProviderAddresses(t.Context()); err != nil {
		t.Error(err)
	}
	f.answer("GET /networks", `{"networks": [{"id": "n2", "name": "public", "router:external": false, "provider:network_type": "geneve"}]}`)
	if _, err := p.ProviderAddresses(t.Context()); !errors.Is(err, ErrNoNetwork) {
		t.Errorf("a project's network taken for the external one: %v", err)
	}
	// A user who is no longer an administrator gets a response with the own project's ports only.
	f.answer("GET /networks", `{"networks": [{"id": "n1", "name": "public", "router:external": true}]}`)
	if got, err := p.ProviderAddresses(t.Context()); err == nil {
		t.Errorf("%v and no error for a user who sees only their own ports", got)
	}
	f.answer("GET /networks", `{"networks": [{"id": "n1", "name": "public", "router:external": true, "provider:network_type": "flat"}]}`)
	f.answer("GET /ports", `{}`)
	if got, err := p.ProviderAddresses(t.Context()); err == nil {
		t.Errorf("%v and no error for an answer without ports", got)
	}
}
