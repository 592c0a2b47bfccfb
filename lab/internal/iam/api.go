// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"

	"macaw.example/lab/internal/awsquery"
	"macaw.example/lab/internal/iam/policy"
)

// Call is one API call whose signature has been checked.
type Call struct {
	Service   string // iam or sts
	RequestID string
	Form      url.Values
	Caller    Caller
	// Refused is the reason if the signature was refused, nil otherwise.
	Refused *APIError
	// Context holds the condition values of the request, such as aws:SourceIp.
	Context policy.Context
}

// service is one of the two APIs.
type service struct {
	name, version, namespace string
	actions                  map[string]action
}

// action is one call of an API.
type action struct {
	run func(*tx, *params) (any, error)
	// on returns the resource that the caller must have a right on; nil means all, *.
	on func(*tx, *params) string
	// changes marks actions that change the state.
	changes bool
	// free marks actions that need no right, or check it themselves.
	free bool
}

func services() map[string]service {
	return map[string]service{
		"iam": {"iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/", iamActions},
		"sts": {"sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/", stsActions},
	}
}

// ServeQuery answers one call.
func (s *Store) ServeQuery(w http.ResponseWriter, c Call) {
	api := services()[c.Service]
	result, err := s.answer(api, c)
	if err != nil {
		refused, known := errors.AsType[*APIError](err)
		if !known {
			s.cfg.Log.Error("answering a call", "service", c.Service, "action", c.Form.Get("Action"), "err", err)
			refused = fail(http.StatusInternalServerError, "ServiceFailure", "An internal error has occurred")
		}
		writeError(w, api.namespace, c.RequestID, refused)
		return
	}
	body, err := encode(api.namespace, c.Form.Get("Action"), c.RequestID, result)
	if err != nil {
		s.cfg.Log.Error("encoding an answer", "service", c.Service, "action", c.Form.Get("Action"), "err", err)
		writeError(w, api.namespace, c.RequestID,
			fail(http.StatusInternalServerError, "ServiceFailure", "An internal error has occurred"))
		return
	}
	awsquery.Write(w, contentType, http.StatusOK, body)
}

func (s *Store) answer(api service, c Call) (any, error) {
	if c.Refused != nil {
		return nil, c.Refused
	}
	name := c.Form.Get("Action")
	a, known := api.actions[name]
	if v := c.Form.Get("Version"); !known || v != "" && v != api.version {
		return nil, fail(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version %s", name, v)
	}
	if err := c.Caller.limited(api.name, a); err != nil {
		return nil, err
	}
	if a.changes {
		var result any
		err := s.update(c.Caller, func(t *tx) (err error) {
			result, err = a.do(t, api.name+":"+name, c)
			return err
		})
		return result, err
	}
	return a.do(s.view(c.Caller), api.name+":"+name, c)
}

// limited refuses what credentials of GetSessionToken are not for: calls of IAM without MFA, and those of
// STS but two (STS API Reference, GetSessionToken). The code for IAM is reported by users.
func (who Caller) limited(service string, a action) error {
	switch {
	case !who.sessionToken():
		return nil
	case service == "iam" && who.mfa.IsZero():
		return fail(http.StatusForbidden, "InvalidClientTokenId",
			"The security token included in the request is invalid")
	case service == "sts" && !a.free:
		return fail(http.StatusForbidden, "AccessDenied", "Cannot call this operation with session credentials")
	}
	return nil
}

// do checks the caller's right to an action and runs it.
func (a action) do(t *tx, name string, c Call) (any, error) {
	p := &params{form: c.Form, context: c.Context, taken: map[string]bool{}}
	if err := protected(a, p); err != nil {
		return nil, err
	}
	if !a.free {
		resource := "*"
		if a.on != nil {
			resource = a.on(t, p)
		}
		if err := t.authorize(name, resource, p); err != nil {
			return nil, err
		}
	}
	return a.run(t, p)
}

// authorize refuses calls that the caller's policies do not allow.
func (t *tx) authorize(name, resource string, p *params) error {
	r := policy.Request{Action: name, Resource: resource, Context: policy.Context{}}
	for key, values := range p.context {
		r.Context[key] = values
	}
	if arn := p.form.Get("PolicyArn"); arn != "" {
		r.Context.Set("iam:PolicyARN", arn)
	}
	keys := []string{}
	for key, value := range p.peekTags() {
		keys = append(keys, key)
		r.Context.Set("aws:RequestTag/"+key, value)
	}
	r.Context.Set("aws:TagKeys", keys...)
	for key, value := range t.tagsAt(resource) {
		r.Context.Set("aws:ResourceTag/"+key, value)
		r.Context.Set("iam:ResourceTag/"+key, value)
	}
	if d := t.decide(r); d != policy.Allow {
		return denied(t.who, name, resource, d.Reason(name))
	}
	return nil
}

type metadata struct {
	RequestID string `xml:"RequestId"`
}

// encode wraps a result in its envelope; a call without a result has no result element
// (IAM API Reference, and the model's resultWrapper).
func encode(namespace, action, requestID string, result any) ([]byte, error) {
	b := bytes.NewBufferString(xml.Header)
	e := xml.NewEncoder(b)
	envelope := awsquery.Response(action, namespace)
	if err := e.EncodeToken(envelope); err != nil {
		return nil, err
	}
	if result != nil {
		if err := e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
			return nil, err
		}
	}
	if err := e.EncodeElement(metadata{requestID},
		xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}); err != nil {
		return nil, err
	}
	err := errors.Join(e.EncodeToken(envelope.End()), e.Flush())
	return b.Bytes(), err
}

const contentType = "text/xml"

type errorResponse struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

func writeError(w http.ResponseWriter, namespace, requestID string, e *APIError) {
	fault := "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	awsquery.WriteError(w, contentType, e,
		errorResponse{Namespace: namespace, Type: fault, Code: e.Code, Message: e.Message, RequestID: requestID})
}
