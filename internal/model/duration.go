// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"time"
)

// Duration is a time.Duration that is a string in JSON, such as 500ms.
type Duration time.Duration

// MarshalJSON writes the format of time.Duration.String.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads the format of time.ParseDuration.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	v, err := time.ParseDuration(text)
	*d = Duration(v)
	return err
}
