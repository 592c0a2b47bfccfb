// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
)

// neutronMessage returns the text of Neutron's refusal. The library's error has the complete
// request and response around it.
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
