// SPDX-License-Identifier: Apache-2.0

// Package sigv4 checks the signatures of requests: AWS Signature Version 4, in a header or
// in the query string.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"macaw.example/lab/internal/awsquery"
	"macaw.example/lab/internal/iam"
)

const (
	signatureAlgorithm = "AWS4-HMAC-SHA256"
	amzTime            = "20060102T150405Z"
	// maxClockSkew is the largest difference between a request's date and the server's
	// clock (IAM User Guide, "Elements of an AWS API request signature").
	maxClockSkew = 15 * time.Minute
	// maxPresigned is the longest lifetime of a signature in a query string (IAM User
	// Guide, "Create a signed AWS API request").
	maxPresigned = 7 * 24 * time.Hour
)

// Refusals that IAM and STS word differently.
var (
	ErrBadKey = awsquery.Errorf(http.StatusUnauthorized, "AuthFailure",
		"AWS was not able to validate the provided access credentials")
	// ErrSessionEnded is EC2's refusal of expired session credentials (EC2 API
	// Reference, errors-overview).
	ErrSessionEnded = awsquery.Errorf(http.StatusBadRequest, "RequestExpired", "Request has expired.")
)

// wrongRegion begins the refusal of a signature for another region.
const wrongRegion = "Credential should be scoped to a valid region, "

// WrongRegion is EC2's refusal of a signature that is for another region.
func WrongRegion(region string) *awsquery.Error {
	return awsquery.Errorf(http.StatusUnauthorized, "AuthFailure", wrongRegion+"not '%s'.", region)
}

// IsWrongRegion reports whether a refusal is one of [WrongRegion].
func IsWrongRegion(e *awsquery.Error) bool { return strings.HasPrefix(e.Message, wrongRegion) }

// Scope is the credential scope of a signature.
type Scope struct {
	AccessKey, Date, Region, Service string
}

func (s Scope) String() string {
	return strings.Join([]string{s.Date, s.Region, s.Service, "aws4_request"}, "/")
}

// Keys maps access keys to their secrets and owners.
type Keys interface {
	// Authenticate returns the secret of an access key and its owner. token is the
	// session token of the request, or empty. Errors are iam.ErrUnknownKey and
	// iam.ErrExpired.
	Authenticate(accessKey, token string) (secret string, who iam.Caller, err error)
}

// signed is a request's signature and the data it covers.
type signed struct {
	Scope
	date      string // as sent
	headers   []string
	signature string
	token     string        // of a session, or empty
	lifetime  time.Duration // of a signature in the query string
	query     url.Values    // the signed part of the query
}

func incomplete(format string, args ...any) *awsquery.Error {
	return awsquery.Errorf(http.StatusBadRequest, "IncompleteSignature", format, args...)
}

// readSignature finds the signature in the Authorization header or in the query
// string (IAM User Guide, "Create a signed AWS API request").
func readSignature(r *http.Request) (signed, error) {
	s := signed{query: r.URL.Query()}
	var algorithm, credential, headers string
	switch header := r.Header.Get("Authorization"); {
	case header != "":
		var rest string
		algorithm, rest, _ = strings.Cut(header, " ")
		fields := map[string]string{}
		for field := range strings.SplitSeq(rest, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			fields[name] = value
		}
		credential, headers, s.signature = fields["Credential"], fields["SignedHeaders"], fields["Signature"]
		s.date, s.token = r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Security-Token")
	case s.query.Has("X-Amz-Algorithm"):
		algorithm, credential = s.query.Get("X-Amz-Algorithm"), s.query.Get("X-Amz-Credential")
		headers, s.signature = s.query.Get("X-Amz-SignedHeaders"), s.query.Get("X-Amz-Signature")
		s.date, s.token = s.query.Get("X-Amz-Date"), s.query.Get("X-Amz-Security-Token")
		s.query.Del("X-Amz-Signature")
		s.lifetime = maxClockSkew
		if text := s.query.Get("X-Amz-Expires"); text != "" {
			seconds, err := strconv.Atoi(text)
			if err != nil || seconds < 1 || seconds > int(maxPresigned.Seconds()) {
				return s, incomplete("X-Amz-Expires must be between 1 and %d seconds", int(maxPresigned.Seconds()))
			}
			s.lifetime = time.Duration(seconds) * time.Second
		}
	default:
		return s, awsquery.Errorf(http.StatusForbidden, "MissingAuthenticationToken",
			"Request is missing Authentication Token")
	}
	if algorithm != signatureAlgorithm {
		return s, incomplete("Unsupported AWS 'algorithm': '%s'", algorithm)
	}
	parts := strings.Split(credential, "/")
	s.headers = strings.Split(headers, ";")
	if len(parts) != 5 || parts[4] != "aws4_request" || s.signature == "" || !slices.Contains(s.headers, "host") {
		return s, incomplete(
			"Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' with 'host'")
	}
	s.Scope = Scope{AccessKey: parts[0], Date: parts[1], Region: parts[2], Service: parts[3]}
	return s, nil
}

// Verify checks a Signature Version 4 over the request as received, and returns its
// owner and service. It returns the scope even if the signature is invalid: the scope
// names the service that has to refuse the request.
func Verify(known Keys, r *http.Request, body []byte, now time.Time) (Scope, iam.Caller, error) {
	s, err := readSignature(r)
	if err != nil {
		return s.Scope, iam.Caller{}, err
	}
	secret, who, err := known.Authenticate(s.AccessKey, s.token)
	switch {
	case errors.Is(err, iam.ErrExpired):
		return s.Scope, iam.Caller{}, ErrSessionEnded
	case err != nil:
		return s.Scope, iam.Caller{}, ErrBadKey
	}
	at, err := time.Parse(amzTime, s.date)
	if err != nil || !strings.HasPrefix(s.date, s.Date) {
		return s.Scope, iam.Caller{}, incomplete(
			"Date must be in ISO-8601 'basic format' and match the credential scope. Got '%s'", s.date)
	}
	late := maxClockSkew
	if s.lifetime > 0 {
		late = s.lifetime
	}
	if age := now.Sub(at); age > late || age < -maxClockSkew {
		return s.Scope, iam.Caller{}, awsquery.Errorf(http.StatusBadRequest, "RequestExpired",
			"Request has expired. Timestamp date is %s. Current date is %s.",
			at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	want := signature(secret, s.Scope, s.date, canonicalRequest(r, s, body))
	if !hmac.Equal([]byte(want), []byte(s.signature)) {
		return s.Scope, iam.Caller{}, awsquery.Errorf(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "+
				"and signing method.")
	}
	return s.Scope, who, nil
}

func canonicalRequest(r *http.Request, s signed, body []byte) string {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + path + "\n" + canonicalQuery(s.query) + "\n")
	for _, name := range s.headers {
		var values []string
		switch name {
		case "host":
			values = []string{r.Host}
		case "content-length":
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		default:
			values = slices.Clone(r.Header.Values(name))
		}
		for i, v := range values {
			values[i] = strings.Join(strings.Fields(v), " ")
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	sum := sha256.Sum256(body)
	b.WriteString("\n" + strings.Join(s.headers, ";") + "\n" + hex.EncodeToString(sum[:]))
	return b.String()
}

func canonicalQuery(query url.Values) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range slices.Sorted(slices.Values(query[name])) {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}

func signature(secret string, who Scope, date, request string) string {
	sum := sha256.Sum256([]byte(request))
	text := strings.Join([]string{signatureAlgorithm, date, who.String(), hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{who.Date, who.Region, who.Service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
