// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
)

// ErrExhausted means that the external network has no free address.
var ErrExhausted = errors.New("every address of the network is in use")

// exhausted are the types of Neutron's errors that mean that: the first if IPAM finds no address
// (neutron_lib/exceptions/__init__.py, IpAddressGenerationFailure, HTTP 409), the second if it gave a
// floating IP none (ExternalIpAddressExhausted, HTTP 400).
var exhausted = []string{"IpAddressGenerationFailure", "ExternalIpAddressExhausted"}

// neutronMessage returns the text of Neutron's refusal. The library's error has the complete
// request and response around it.
func neutronMessage(err error) error {
	var refused gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &refused) {
		return err
	}
	var body struct {
		NeutronError struct{ Type, Message string }
	}
	if json.Unmarshal(refused.Body, &body) != nil || body.NeutronError.Message == "" {
		return err
	}
	if slices.Contains(exhausted, body.NeutronError.Type) {
		return fmt.Errorf("%w: %s (HTTP %d)", ErrExhausted, body.NeutronError.Message, refused.Actual)
	}
	return fmt.Errorf("%s (HTTP %d)", body.NeutronError.Message, refused.Actual)
}
