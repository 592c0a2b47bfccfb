package ec2

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxRequest bounds a request's body, in bytes; user data is at most 16 KiB.
const maxRequest = 1 << 20

// Call is one authenticated API call on its way to its action.
type Call struct {
	Context   context.Context // of the request
	Action    string
	Form      url.Values
	AccessKey string

	// view is the model that a reading action sees; nil stands for the newest.
	// Models are never changed, so an older one is what a lagging answer shows.
	view *model
}

// Handler answers a call; its error should be an *APIError.
type Handler func(*State, *Call) (result, error)

// Middleware wraps the dispatch of calls. It is where throttling, lag and
// denial of permissions belong: it sees who calls what, and may refuse with an
// *APIError before the action is tried.
type Middleware func(Handler) Handler

// Server is the HTTP side of a State.
type Server struct {
	state       *State
	credentials Credentials
	handle      Handler
}

// NewServer makes the handler of the EC2 and SSM endpoints. The first
// middleware is the outermost.
func NewServer(s *State, c Credentials, middleware ...Middleware) *Server {
	handle := Handler(dispatch)
	for i := len(middleware) - 1; i >= 0; i-- {
		handle = middleware[i](handle)
	}
	return &Server{state: s, credentials: c, handle: handle}
}

// ServeHTTP answers one request. Which service is meant is in the scope of the
// signature, as it is for AWS's own front ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := newRequestID()
	w.Header().Set("x-amzn-RequestId", id)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		writeError(w, id, fail("InvalidRequest", "Reading the request failed"))
		return
	}
	who, err := s.credentials.verify(r, body, s.state.cfg.Now())
	if err == nil && who.Region != s.state.cfg.Region {
		err = failStatus(http.StatusUnauthorized, "AuthFailure", "Credential should be scoped to a valid region, not '%s'.", who.Region)
	}
	switch {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), ssmTarget):
		serveSSM(s.state, w, r.Header.Get("X-Amz-Target"), body, err)
	case err != nil:
		writeError(w, id, asAPIError(err))
	case who.Service != "ec2":
		writeError(w, id, failStatus(http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'ec2'."))
	default:
		s.serveQuery(w, r, body, id, who)
	}
}

func (s *Server) serveQuery(w http.ResponseWriter, r *http.Request, body []byte, id string, who scope) {
	form := r.URL.Query()
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		posted, err := url.ParseQuery(string(body))
		if err != nil {
			writeError(w, id, fail("MalformedQueryString", "The query string contains a syntax error"))
			return
		}
		for name, values := range posted {
			form[name] = values
		}
	default:
		writeError(w, id, fail("InvalidRequest", "The method %s is not allowed", r.Method))
		return
	}
	call := &Call{Context: r.Context(), Action: form.Get("Action"), Form: form, AccessKey: who.AccessKey}
	res, err := s.handle(s.state, call)
	if err != nil {
		if _, client := errors.AsType[*APIError](err); !client {
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
	writeXML(w, http.StatusOK, out)
}

// dispatch is the innermost handler: it finds the action and runs it.
func dispatch(s *State, c *Call) (result, error) {
	if c.Action == "" {
		return nil, fail("MissingAction", "The request is missing an action or a required parameter")
	}
	if v := c.Form.Get("Version"); v != "" && v != "2016-11-15" {
		return nil, fail("NoSuchVersion", "The requested version (%s) of service AmazonEC2 does not exist", v)
	}
	handle, known := actions[c.Action]
	if !known {
		return nil, fail("InvalidAction", "The action %s is not valid for this web service.", c.Action)
	}
	return handle(s, c)
}

// read makes a handler of an action that changes nothing.
func read[In any, Out result](action func(*tx, In) (Out, error)) Handler {
	return func(s *State, c *Call) (result, error) {
		var in In
		if err := decodeForm(c.Form, &in); err != nil {
			return nil, err
		}
		t := s.view()
		t.call = c
		if c.view != nil {
			t.model = c.view
		}
		out, err := action(t, in)
		if err == nil && c.Form.Get("DryRun") == "true" {
			err = errDryRun
		}
		return out, err
	}
}

// write makes a handler of an action that changes the state.
func write[In any, Out result](action func(*tx, In) (Out, error)) Handler {
	return func(s *State, c *Call) (result, error) {
		var in In
		if err := decodeForm(c.Form, &in); err != nil {
			return nil, err
		}
		var out Out
		err := s.update(c, func(t *tx) (err error) {
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
