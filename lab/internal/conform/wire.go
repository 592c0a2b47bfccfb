// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	awsapi "macaw.example/internal/aws"
)

// Wire sends raw requests, signed by the SDK's signer.
type Wire struct {
	// Endpoint is the URL of all services; empty means AWS's own.
	Endpoint    string
	Region      string
	Credentials aws.CredentialsProvider
	// HTTP is the client, default http.DefaultClient.
	HTTP *http.Client
}

func (w Wire) endpoint(service string) string {
	if w.Endpoint != "" {
		return strings.TrimSuffix(w.Endpoint, "/")
	}
	host, _ := w.at(service)
	return "https://" + host + "." + awsapi.Domain(w.Region)
}

// wireAnswer is an HTTP response.
type wireAnswer struct {
	Status int
	Body   string
}

// wireError is the body of an error response (EC2 API Reference, errors-overview).
type wireError struct {
	XMLName xml.Name `xml:"Response"`
	Errors  []struct {
		Code    string
		Message string
	} `xml:"Errors>Error"`
	RequestID string
}

// refusal parses the body as an error, or returns nil.
func (a wireAnswer) refusal() *wireError {
	var e wireError
	if xml.Unmarshal([]byte(a.Body), &e) != nil || len(e.Errors) == 0 {
		return nil
	}
	return &e
}

// send signs and sends a form, by GET in the URL or by POST in the body. spoil, if not
// nil, may change the request after signing.
func (w Wire) send(ctx context.Context, service, method string, form url.Values, spoil func(*http.Request)) (wireAnswer,
	error) {
	target, body := w.endpoint(service)+"/", form.Encode()
	if method == http.MethodGet {
		target, body = target+"?"+body, ""
	}
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return wireAnswer{}, err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	return w.sendSigned(ctx, service, r, body, spoil)
}

// sendSigned signs and sends a request with this body.
func (w Wire) sendSigned(
	ctx context.Context, service string, r *http.Request, body string, spoil func(*http.Request),
) (wireAnswer, error) {
	creds, err := w.Credentials.Retrieve(ctx)
	if err != nil {
		return wireAnswer{}, fmt.Errorf("finding credentials: %w", err)
	}
	sum := sha256.Sum256([]byte(body))
	_, region := w.at(service)
	if err := v4.NewSigner().SignHTTP(ctx, creds, r, hex.EncodeToString(sum[:]), service, region,
		time.Now()); err != nil {
		return wireAnswer{}, fmt.Errorf("signing a request: %w", err)
	}
	if spoil != nil {
		spoil(r)
	}
	client := w.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(r)
	if err != nil {
		return wireAnswer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	return wireAnswer{res.StatusCode, string(b)}, err
}

// call sends an action of EC2's by POST. Parameters are name and value in turn.
func (b *bench) call(action string, parameters ...string) wireAnswer {
	return b.callBy(http.MethodPost, nil, action, parameters...)
}

func (b *bench) callBy(method string, spoil func(*http.Request), action string, parameters ...string) wireAnswer {
	form := url.Values{"Version": {"2016-11-15"}}
	if action != "" {
		form.Set("Action", action)
	}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	return must(b.cfg.Wire.send(b.ctx, "ec2", method, form, spoil))(b)
}

// wantRefusal fails the check unless a response is an error in the required form and
// with one of these codes.
func (b *bench) wantRefusal(a wireAnswer, status int, what string, codes ...string) {
	expected := fmt.Sprintf("%s: %d %s", what, status, strings.Join(codes, " or "))
	e := a.refusal()
	if e == nil {
		b.end(&Failure{expected, fmt.Sprintf("%d %.200s", a.Status, a.Body)})
	}
	for _, c := range codes {
		if e.Errors[0].Code == c && a.Status == status {
			return
		}
	}
	b.end(&Failure{expected, fmt.Sprintf("%d %s: %s", a.Status, e.Errors[0].Code, e.Errors[0].Message)})
}
