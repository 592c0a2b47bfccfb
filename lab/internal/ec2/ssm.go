// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/lab/internal/iam/policy"
)

// ssmTarget is the prefix of X-Amz-Target in calls to Systems Manager.
const ssmTarget = "AmazonSSM."

type ssmParameter struct {
	ARN              string
	DataType         string
	LastModifiedDate float64 // seconds since 1970
	Name             string
	Type             string
	Value            string
	Version          int
}

// serveSSM answers GetParameter and GetParameters, in the JSON protocol of Systems
// Manager, for the public parameters that name images. denied is the reason if the
// signature was refused.
func (s *Server) serveSSM(w http.ResponseWriter, c *Call, target string, body []byte, denied error) {
	answer, err := s.ssm(c, strings.TrimPrefix(target, ssmTarget), body, denied)
	if err != nil {
		writeJSON(w, err.Status, map[string]string{"__type": err.Code, "message": err.Message})
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *Server) ssm(c *Call, action string, body []byte, denied error) (any, *APIError) {
	if err := jsonDenied(denied); err != nil {
		return nil, err
	}
	var in struct {
		Name           string
		Names          []string
		WithDecryption bool
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fail("SerializationException", "Unable to parse the request")
	}
	switch action {
	case "GetParameter":
		if in.Name == "" {
			return nil, notNull("name")
		}
		found, err := s.ssmFind(c, action, in.Name)
		if err == nil && found == nil {
			err = fail("ParameterNotFound", "")
		}
		return map[string]*ssmParameter{"Parameter": found}, err
	case "GetParameters":
		if len(in.Names) == 0 {
			return nil, notNull("names")
		}
		out := struct {
			Parameters        []*ssmParameter
			InvalidParameters []string
		}{[]*ssmParameter{}, []string{}}
		for _, name := range slices.Compact(slices.Sorted(slices.Values(in.Names))) {
			found, err := s.ssmFind(c, action, name)
			switch {
			case err != nil:
				return nil, err
			case found == nil:
				out.InvalidParameters = append(out.InvalidParameters, name)
			default:
				out.Parameters = append(out.Parameters, found)
			}
		}
		return out, nil
	}
	return nil, fail("UnknownOperationException", "")
}

func notNull(name string) *APIError {
	return fail("ValidationException",
		"1 validation error detected: Value at '%s' failed to satisfy constraint: Member must not be null", name)
}

// ssmFind finds a parameter that the caller may read, or nil.
func (s *Server) ssmFind(c *Call, action, name string) (*ssmParameter, *APIError) {
	region := s.state.cfg.Region
	arn := "arn:" + awsapi.Partition(region) + ":ssm:" + region + "::parameter/" + strings.TrimPrefix(name, "/")
	r := policy.Request{Action: "ssm:" + action, Resource: arn, Context: c.Request}
	if d := s.identities.Decide(c.Caller, r); d != policy.Allow {
		return nil, fail("AccessDeniedException", "%s", notAuthorized(c.Caller, r.Action, arn, d))
	}
	image, known := s.state.view().parameter(name)
	if !known {
		return nil, nil
	}
	return &ssmParameter{ARN: arn, DataType: "aws:ec2:image", Name: name, Type: "String",
		LastModifiedDate: float64(image.Created.Unix()), Value: image.ID, Version: 1}, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encoding an answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	w.Write(body)
}
