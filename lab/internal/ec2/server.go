// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/lab/internal/awsquery"
	"macaw.example/lab/internal/ec2query"
	"macaw.example/lab/internal/iam"
	"macaw.example/lab/internal/iam/policy"
	"macaw.example/lab/internal/identitycenter"
	"macaw.example/lab/internal/kms"
	"macaw.example/lab/internal/pricelist"
	"macaw.example/lab/internal/sigv4"
)

// maxRequest bounds a request's body, in bytes; user data is at most 16 KiB.
const maxRequest = 1 << 20

// Call is one authenticated API call on its way to its action.
type Call struct {
	Context   context.Context // of the HTTP request
	Action    string
	Form      url.Values
	AccessKey string
	Caller    iam.Caller
	// Request holds the condition values of the request itself, for policies.
	Request policy.Context

	// view is the model that a reading action sees; nil is the newest. Models are
	// immutable, so a lagging answer reads an older one.
	view *model
}

// Handler answers a call; its error should be an *APIError.
type Handler func(*State, *Call) (result, error)

// Middleware wraps the dispatch of calls, for throttling, lag and faults. It sees the
// caller and the call, and may refuse with an *APIError before the action runs.
type Middleware func(Handler) Handler

// Server is the HTTP side of a State.
type Server struct {
	state      *State
	identities Identities
	handle     Handler
}

// NewServer returns the handler of the EC2 and SSM endpoints, and of IAM's and STS's if
// the identities implement [QueryService]. The first middleware is the outermost;
// authorization comes after the last.
func NewServer(s *State, known Identities, middleware ...Middleware) *Server {
	handle := authorized(known)(dispatch)
	for i := len(middleware) - 1; i >= 0; i-- {
		handle = middleware[i](handle)
	}
	return &Server{state: s, identities: known, handle: handle}
}

// ServeHTTP answers one request. The scope of the signature names the service, as on
// AWS's front ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := newRequestID()
	w.Header().Set("x-amzn-RequestId", id)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		writeError(w, id, fail("InvalidRequest", "Reading the request failed"))
		return
	}
	if center, ok := s.identities.(interface{ Portal() *identitycenter.Center }); ok && identitycenter.Serves(r) {
		r.Body = io.NopCloser(bytes.NewReader(body))
		center.Portal().ServeHTTP(w, r)
		return
	}
	signed, who, err := sigv4.Verify(s.identities, r, body, s.state.cfg.Now())
	if err == nil {
		err = s.inRegion(signed, body)
	}
	query, ok := s.identities.(QueryService)
	call := &Call{Context: r.Context(), AccessKey: signed.AccessKey, Caller: who, Request: s.about(r)}
	switch {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), ssmTarget):
		s.serveSSM(w, call, r.Header.Get("X-Amz-Target"), body, err)
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), quotasTarget):
		s.serveQuotas(w, call, r.Header.Get("X-Amz-Target"), body, err)
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), pricelist.Target):
		s.servePrices(w, call, r.Header.Get("X-Amz-Target"), body, err)
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), kms.Target):
		s.serveKeys(w, call, r.Header.Get("X-Amz-Target"), body, err)
	case ok && (signed.Service == "iam" || signed.Service == "sts"):
		form, malformed := readForm(r, body)
		if err == nil && malformed != nil {
			err = malformed
		}
		query.ServeQuery(w, iam.Call{Service: signed.Service, RequestID: id, Form: form, Caller: who, Refused: toIAM(err),
			Context: call.Request})
	case signed.Service != "" && signed.Service != "ec2":
		refuseService(w, r, id, signed.Service)
	case err != nil:
		writeError(w, id, asAPIError(err))
	default:
		s.serveQuery(w, r, body, id, call)
	}
}

// inRegion refuses requests that are signed for another region, and all but the global services'
// while the account has not opted in to its region. IAM is global, and its requests are signed for
// the partition's home region. There the account may also ask for its regions. Price lists have
// regions of their own.
func (s *Server) inRegion(signed sigv4.Scope, body []byte) error {
	region := s.state.cfg.Region
	home := awsapi.HomeRegion(region)
	regions := signed.Service == "ec2" && strings.Contains("&"+string(body), "&Action=DescribeRegions&")
	switch {
	case signed.Region == home && (signed.Service == "iam" || regions):
		return nil
	case signed.Service == "pricing" && home == awsapi.HomeRegion("us-east-1") && slices.Contains(pricelist.Regions,
		signed.Region):
		return nil
	case signed.Region != region:
		return sigv4.WrongRegion(signed.Region)
	case s.state.cfg.Settings.Settings().RegionDisabled && region != home:
		// Account Management Reference, manage-acct-regions; the text is reported by users.
		return failStatus(http.StatusUnauthorized, "AuthFailure",
			"AWS was not able to validate the provided access credentials")
	}
	return nil
}

// about returns the condition values that every request has (IAM User Guide,
// reference_policies_condition-keys).
func (s *Server) about(r *http.Request) policy.Context {
	c := policy.Context{}
	c.Set("aws:RequestedRegion", s.state.cfg.Region)
	c.Set("aws:UserAgent", r.UserAgent())
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		c.Set("aws:SourceIp", host)
	}
	return c
}

// readForm reads the parameters of a Query API request, without those of a signature in
// the query string.
func readForm(r *http.Request, body []byte) (url.Values, error) {
	form := r.URL.Query()
	for name := range form {
		if strings.HasPrefix(name, "X-Amz-") {
			delete(form, name)
		}
	}
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		posted, err := url.ParseQuery(string(body))
		if err != nil {
			return form, fail("MalformedQueryString", "The query string contains a syntax error")
		}
		for name, values := range posted {
			form[name] = values
		}
	default:
		return form, fail("InvalidRequest", "The method %s is not allowed", r.Method)
	}
	return form, nil
}

func (s *Server) serveQuery(w http.ResponseWriter, r *http.Request, body []byte, id string, call *Call) {
	form, err := readForm(r, body)
	if err != nil {
		writeError(w, id, asAPIError(err))
		return
	}
	call.Form, call.Action = form, form.Get("Action")
	res, err := s.handle(s.state, call)
	if errors.Is(err, errNoAnswer) {
		panic(http.ErrAbortHandler) // closes the connection
	}
	if err != nil {
		if _, ok := errors.AsType[*APIError](err); !ok {
			s.state.cfg.Log.Error("answering an EC2 call", "action", call.Action, "err", err)
		}
		writeError(w, id, asAPIError(err))
		return
	}
	out, err := encodeResult(call.Action, id, res)
	if err != nil {
		s.state.cfg.Log.Error("encoding an EC2 result", "action", call.Action, "err", err)
		writeError(w, id, asAPIError(err))
		return
	}
	awsquery.Write(w, contentType, http.StatusOK, out)
}

// dispatch is the innermost handler: it finds the action and runs it.
func dispatch(s *State, c *Call) (result, error) {
	if c.Action == "" {
		return nil, fail("MissingAction", "The request is missing an action or a required parameter")
	}
	if v := c.Form.Get("Version"); v != "" && v != "2016-11-15" {
		return nil, fail("NoSuchVersion", "The requested version (%s) of service AmazonEC2 does not exist", v)
	}
	handle, ok := actions[c.Action]
	if !ok {
		return nil, fail("InvalidAction", "The action %s is not valid for this web service.", c.Action)
	}
	return handle(s, c)
}

// read returns the handler of an action that changes nothing.
func read[In any, Out result](action func(*tx, In) (Out, error)) Handler {
	return readAs(nil, action)
}

// readAs is read with other names for some parameters.
func readAs[In any, Out result](names map[string]string, action func(*tx, In) (Out, error)) Handler {
	return func(s *State, c *Call) (result, error) {
		var in In
		decoded, err := ec2query.Decode(c.Form, &in, names, recordOf)
		if err != nil {
			return nil, err
		}
		t := s.view()
		t.call = c
		if c.view != nil {
			t.model = c.view
		}
		if err := decoded.LookUp(t); err != nil {
			return nil, err
		}
		out, err := action(t, in)
		if err == nil && c.Form.Get("DryRun") == "true" {
			err = errDryRun
		}
		return out, err
	}
}

// write returns the handler of an action that changes the state.
func write[In any, Out result](action func(*tx, In) (Out, error)) Handler {
	return func(s *State, c *Call) (result, error) {
		var in In
		decoded, err := ec2query.Decode(c.Form, &in, nil, recordOf)
		if err != nil {
			return nil, err
		}
		var out Out
		err = s.update(c, func(t *tx) (err error) {
			if err := decoded.LookUp(t); err != nil {
				return err
			}
			out, err = action(t, in)
			if err == nil && c.Form.Get("DryRun") == "true" {
				err = errDryRun
			}
			return err
		})
		return out, err
	}
}

func newRequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, by its documentation
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
