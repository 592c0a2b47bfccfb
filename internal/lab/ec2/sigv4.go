package ec2

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	signatureAlgorithm = "AWS4-HMAC-SHA256"
	amzTime            = "20060102T150405Z"
	// maxClockSkew is how far a request's date may lie from the server's clock
	// (IAM User Guide, "Elements of an AWS API request signature").
	maxClockSkew = 15 * time.Minute
)

// Credentials maps access key IDs to secret access keys.
type Credentials map[string]string

// scope is what a signature is bound to.
type scope struct {
	AccessKey, Date, Region, Service string
}

func (s scope) String() string {
	return strings.Join([]string{s.Date, s.Region, s.Service, "aws4_request"}, "/")
}

// verify checks a Signature Version 4 in the Authorization header, over the
// request as it came, and says whose it is and for which service (IAM User
// Guide, "Create a signed AWS API request").
func (c Credentials) verify(r *http.Request, body []byte, now time.Time) (scope, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return scope{}, failStatus(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	algorithm, rest, _ := strings.Cut(header, " ")
	if algorithm != signatureAlgorithm {
		return scope{}, fail("IncompleteSignature", "Unsupported AWS 'algorithm': '%s'", algorithm)
	}
	fields := map[string]string{}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	parts := strings.Split(fields["Credential"], "/")
	signed := strings.Split(fields["SignedHeaders"], ";")
	if len(parts) != 5 || parts[4] != "aws4_request" || fields["Signature"] == "" || !slices.Contains(signed, "host") {
		return scope{}, fail("IncompleteSignature", "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' with 'host'")
	}
	who := scope{AccessKey: parts[0], Date: parts[1], Region: parts[2], Service: parts[3]}
	secret, known := c[who.AccessKey]
	if !known {
		return scope{}, failStatus(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(amzTime, date)
	if err != nil || !strings.HasPrefix(date, who.Date) {
		return scope{}, fail("IncompleteSignature", "Date must be in ISO-8601 'basic format' and match the credential scope. Got '%s'", date)
	}
	if skew := now.Sub(at).Abs(); skew > maxClockSkew {
		return scope{}, fail("RequestExpired", "Request has expired. Timestamp date is %s. Current date is %s.",
			at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	want := signature(secret, who, date, canonicalRequest(r, signed, body))
	if !hmac.Equal([]byte(want), []byte(fields["Signature"])) {
		return scope{}, failStatus(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.")
	}
	return who, nil
}

func canonicalRequest(r *http.Request, signed []string, body []byte) string {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + path + "\n" + canonicalQuery(r.URL.Query()) + "\n")
	for _, name := range signed {
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
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + hex.EncodeToString(sum[:]))
	return b.String()
}

func canonicalQuery(query url.Values) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	var pairs []string
	for _, name := range sortedKeys(query) {
		for _, value := range slices.Sorted(slices.Values(query[name])) {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}

func signature(secret string, who scope, date, request string) string {
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
