package neutron

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
)

// advice is an error with a way out.
type advice struct {
	error
	hint string
}

// Hint returns what the error's reader can do about it.
func (a advice) Hint() string { return a.hint }

func (a advice) Unwrap() error { return a.error }

func advise(hint, format string, args ...any) error {
	return advice{fmt.Errorf(format, args...), hint}
}

// said returns what Neutron says in a refusal, which the library wraps into the
// whole request and answer.
func said(err error) error {
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
