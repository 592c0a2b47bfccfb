// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
)

// neutronMessage returns what Neutron says in a refusal, which the library wraps into the
// whole request and answer.
func neutronMessage(err error) error {
	var refused gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &refused) {
		return err
	}
	var body struct {
		NeutronError struct{ Message string }
	}
	if json.Unmarshal(refused.Body, &body) != nil || body.NeutronError.Message == "" {
		return err
	}
	return fmt.Errorf("%s (HTTP %d)", body.NeutronError.Message, refused.Actual)
}
