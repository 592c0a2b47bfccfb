// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	maxTTL      = 21600 // seconds, six hours
)

// versions are listed by the service; each has the same tree. cloud-init uses the newest
// that it knows.
var versions = []string{"1.0", "2007-01-19", "2009-04-04", "2011-01-01", "2014-02-25", "2016-09-02", "2018-09-24",
	"2019-10-01", "2020-10-27", "2021-03-23", "2021-07-15", "2022-09-24", "2024-04-11", "latest"}

// Handler is the HTTP side of the service.
type Handler struct {
	source Source
	who    func(*http.Request) (eni string, ok bool)
	tokens *tokens

	// HopLimit, if set, is called before each answer with the hop limit of its packets:
	// that of the instance for a token, else 0, which means no limit. HTTP has no access to
	// packets; LimitHops does.
	HopLimit func(r *http.Request, hops int)
	// Role, if set, returns the role in an instance's profile; ok is false if there is
	// none.
	Role func(i Instance) (r Role, ok bool)
	// Now is the clock of the tokens; default time.Now.
	Now func() time.Time
}

// New makes a handler. who returns the network interface that a request came from.
func New(source Source, who func(*http.Request) (eni string, ok bool)) *Handler {
	return &Handler{source: source, who: who, tokens: newTokens(), Now: time.Now}
}

// ServeHTTP implements the EC2 User Guide, configuring-instance-metadata-service and
// instancedata-data-retrieval.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	if h.HopLimit != nil {
		h.HopLimit(r, 0) // reset the limit of an earlier request on the connection
	}
	eni, known := h.who(r)
	if !known {
		refuse(w, http.StatusForbidden)
		return
	}
	i, known := h.source.Metadata(eni)
	if !known || i.Options.Disabled {
		refuse(w, http.StatusForbidden)
		return
	}
	version, path, _ := strings.Cut(strings.TrimLeft(r.URL.Path, "/"), "/")
	switch r.Method {
	case http.MethodPut:
		h.serveToken(w, r, i, version, path)
	case http.MethodGet, http.MethodHead:
		h.serveTree(w, r, i, version, path)
	default:
		w.Header().Set("Allow", "OPTIONS, GET, HEAD, PUT")
		refuse(w, http.StatusMethodNotAllowed)
	}
}

// serveToken issues a session token. A request through a proxy, or on a dated version, is
// refused.
func (h *Handler) serveToken(w http.ResponseWriter, r *http.Request, i Instance, version, path string) {
	switch {
	case path == "api/token" && version != "latest", len(r.Header.Values("X-Forwarded-For")) > 0:
		refuse(w, http.StatusForbidden)
		return
	case path != "api/token":
		w.Header().Set("Allow", "OPTIONS, GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	ttl, err := strconv.Atoi(r.Header.Get(ttlHeader))
	if err != nil || ttl < 1 || ttl > maxTTL {
		refuse(w, http.StatusBadRequest)
		return
	}
	if h.HopLimit != nil {
		h.HopLimit(r, i.Options.HopLimit)
	}
	w.Header().Set(ttlHeader, strconv.Itoa(ttl))
	answer(w, h.tokens.issue(i.ID, h.Now().Add(time.Duration(ttl)*time.Second)))
}

func (h *Handler) serveTree(w http.ResponseWriter, r *http.Request, i Instance, version, path string) {
	if version == "latest" && path == "api/token" {
		w.Header().Set("Allow", "OPTIONS, PUT")
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	// An invalid token is refused even if tokens are optional.
	token, given := r.Header[tokenHeader]
	if given && !h.tokens.valid(token[0], i.ID, h.Now()) || !given && !i.Options.TokenOptional {
		refuse(w, http.StatusUnauthorized)
		return
	}
	if version == "" {
		answer(w, strings.Join(versions, "\n"))
		return
	}
	if !slices.Contains(versions, version) {
		refuse(w, http.StatusNotFound)
		return
	}
	tree := newTree(i)
	if h.Role != nil && i.Profile.ARN != "" {
		role, known := h.Role(i)
		tree.at("meta-data").putRole(i.Profile, role, known, h.Now())
	}
	text, found := tree.get(path)
	if !found {
		refuse(w, http.StatusNotFound)
		return
	}
	if path == "user-data" {
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	answer(w, text)
}

func answer(w http.ResponseWriter, text string) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/plain")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	io.WriteString(w, text)
}

// refuse sends an error page, as the real service does; clients read only the status.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	text := strconv.Itoa(status) + " - " + http.StatusText(status)
	io.WriteString(w, "<html><head><title>"+text+"</title></head><body><h1>"+text+"</h1></body></html>\n")
}
