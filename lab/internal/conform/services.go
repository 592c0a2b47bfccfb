// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	awsapi "macaw.example/internal/aws"
)

// The checks call services beside EC2 by raw requests: their SDKs would add a fifth to the program, and the
// text of an answer is what some checks are about.

// at returns the host of a service without the domain, and the region that signs its calls: IAM has one
// endpoint in each partition, the Price List API one in few regions (AWS General Reference, iam-service and
// billing-pricing).
func (w Wire) at(service string) (host, region string) {
	switch {
	case service == "iam" && awsapi.Partition(w.Region) == "aws":
		return service, awsapi.HomeRegion(w.Region)
	case service == "iam" && awsapi.Partition(w.Region) == "aws-us-gov":
		return "iam.us-gov", awsapi.HomeRegion(w.Region)
	case service == "iam":
		region = awsapi.HomeRegion(w.Region)
		return service + "." + region, region
	case service == "pricing":
		region = "us-east-1"
		if slices.Contains([]string{"eu-central-1", "ap-south-1"}, w.Region) {
			region = w.Region
		}
		return "api.pricing." + region, region
	}
	return service + "." + w.Region, w.Region
}

// refusal is the error of a call of a service beside EC2.
type refusal struct {
	*smithy.GenericAPIError
	Status int
}

// query calls a service of the Query protocol and reads the answer's XML into out, which may be nil. Parameters
// are name and value in turn.
func (w Wire) query(ctx context.Context, service, version, action string, out any, parameters ...string) error {
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	answer, err := w.send(ctx, service, http.MethodPost, form, nil)
	if err != nil {
		return fmt.Errorf("calling %s of %s: %w", action, service, err)
	}
	if answer.Status != http.StatusOK {
		var e struct {
			Error struct{ Code, Message string }
		}
		if xml.Unmarshal([]byte(answer.Body), &e) != nil || e.Error.Code == "" {
			return fmt.Errorf("calling %s of %s: %d %.200s", action, service, answer.Status, answer.Body)
		}
		return &refusal{&smithy.GenericAPIError{Code: e.Error.Code, Message: e.Error.Message}, answer.Status}
	}
	if out == nil {
		return nil
	}
	return xml.Unmarshal([]byte(answer.Body), out)
}

// json calls a service of the JSON protocol (Smithy, AWS JSON 1.1) and reads the answer into out.
func (w Wire) json(ctx context.Context, service, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.endpoint(service)+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	answer, err := w.sendSigned(ctx, service, r, string(body), nil)
	if err != nil {
		return fmt.Errorf("calling %s: %w", target, err)
	}
	if answer.Status != http.StatusOK {
		var e struct {
			Type    string `json:"__type"`
			Message string // or message
		}
		if json.Unmarshal([]byte(answer.Body), &e) != nil || e.Type == "" {
			return fmt.Errorf("calling %s: %d %.200s", target, answer.Status, answer.Body)
		}
		// The type may be preceded by its namespace and a #.
		return &refusal{&smithy.GenericAPIError{Code: e.Type[strings.LastIndex(e.Type, "#")+1:], Message: e.Message},
			answer.Status}
	}
	return json.Unmarshal([]byte(answer.Body), out)
}

// parameter reads a public parameter of Systems Manager (AWS Systems Manager API Reference, GetParameter).
func (w Wire) parameter(ctx context.Context, name string) (string, error) {
	var out struct{ Parameter struct{ Value string } }
	err := w.json(ctx, "ssm", "AmazonSSM.GetParameter", map[string]string{"Name": name}, &out)
	if err != nil {
		return "", fmt.Errorf("reading parameter %s: %w", name, err)
	}
	return out.Parameter.Value, nil
}

// wantStatus fails the check unless a service beside EC2 refused a call with this status and one of the codes.
func (b *bench) wantStatus(err error, status int, what string, codes ...string) {
	b.wantCode(err, what, codes...)
	var r *refusal
	if errors.As(err, &r) && r.Status != status {
		b.end(&Failure{fmt.Sprintf("%s: the status %d", what, status), fmt.Sprintf("%d with %s", r.Status, r.Code)})
	}
}

// read calls an action of EC2's that only shows something, and reads the XML of the answer into out.
func (b *bench) read(out any, action string, parameters ...string) {
	a := b.call(action, parameters...)
	if e := a.refusal(); e != nil {
		b.end(fmt.Errorf("%s: %s: %s", action, e.Errors[0].Code, e.Errors[0].Message))
	}
	b.need(xml.Unmarshal([]byte(a.Body), out))
}

// oneOf fails the check unless a value is one of those that AWS documents.
func (b *bench) oneOf(what, seen string, values ...string) {
	b.holds(slices.Contains(values, seen), what+": one of "+strings.Join(values, ", "), "%q", seen)
}
