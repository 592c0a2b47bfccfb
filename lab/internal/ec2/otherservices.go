// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/xml"
	"net/http"
	"strings"

	"macaw.example/lab/internal/awsquery"
	"macaw.example/lab/internal/iam/policy"
	"macaw.example/lab/internal/kms"
	"macaw.example/lab/internal/pricelist"
)

// served are the services that the lab has, for display.
const served = "EC2 (ec2), IAM (iam), STS (sts), IAM Identity Center (sso, sso-oidc), Systems Manager (ssm), " +
	"Service Quotas (servicequotas), price lists (pricing) and Key Management Service (kms)"

// serveJSON answers a call in the JSON protocol, if the caller's policies permit the action.
func (s *Server) serveJSON(w http.ResponseWriter, c *Call, action, resource string, denied error,
	run func() (any, *APIError)) {
	err := jsonDenied(denied)
	if d := s.decide(c, action, resource); err == nil && d != policy.Allow {
		err = fail("AccessDeniedException", "%s", notAuthorized(c.Caller, action, resource, d))
	}
	var answer any
	if err == nil {
		answer, err = run()
	}
	if err != nil {
		writeJSON(w, err.Status, map[string]string{"__type": err.Code, "message": err.Message})
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *Server) decide(c *Call, action, resource string) policy.Decision {
	return s.identities.Decide(c.Caller, policy.Request{Action: action, Resource: resource, Context: c.Request})
}

// servePrices answers a call to the Price List API.
func (s *Server) servePrices(w http.ResponseWriter, c *Call, target string, body []byte, denied error) {
	action := strings.TrimPrefix(target, pricelist.Target)
	s.serveJSON(w, c, "pricing:"+action, "*", denied, func() (any, *APIError) {
		if action != "GetProducts" {
			return nil, fail("UnknownOperationException", "")
		}
		return pricelist.GetProducts(s.state.cfg.Region, body)
	})
}

// serveKeys answers a call to KMS about the account's own key.
func (s *Server) serveKeys(w http.ResponseWriter, c *Call, target string, body []byte, denied error) {
	cfg := s.state.cfg
	key := kms.Key{ARN: cfg.arnOf("kms", "key/"+ownKey), Account: cfg.Account, Setting: cfg.Settings.Settings().Encryption}
	action := strings.TrimPrefix(target, kms.Target)
	s.serveJSON(w, c, "kms:"+action, key.ARN, denied,
		func() (any, *APIError) { return kms.Answer(key, action, body) })
}

// refuseService answers a request that is signed for a service that the lab does not have. An endpoint
// of AWS refuses it as wrongly scoped. Each service's clients find code and message in the form of
// their own protocol (Smithy, AWS protocols): JSON, REST with XML as S3's, or Query.
func refuseService(w http.ResponseWriter, r *http.Request, id, service string) {
	e := failStatus(http.StatusForbidden, "SignatureDoesNotMatch",
		"Credential should be scoped to correct service, not '%s': this is a lab, which serves %s.", service, served)
	kind := r.Header.Get("Content-Type")
	switch {
	case service == "s3":
		awsquery.WriteError(w, "application/xml", e, struct {
			XMLName   xml.Name `xml:"Error"`
			Code      string
			Message   string
			RequestID string `xml:"RequestId"`
		}{Code: e.Code, Message: e.Message, RequestID: id})
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		type inner struct{ Type, Code, Message string }
		awsquery.WriteError(w, "text/xml", e, struct {
			XMLName   xml.Name `xml:"ErrorResponse"`
			Error     inner
			RequestID string `xml:"RequestId"`
		}{Error: inner{"Sender", e.Code, e.Message}, RequestID: id})
	default: // awsJson, with status 400, and restJson
		e.Code = "InvalidSignatureException"
		if r.Header.Get("X-Amz-Target") != "" {
			e.Status = http.StatusBadRequest
		}
		w.Header().Set("x-amzn-ErrorType", e.Code)
		writeJSON(w, e.Status, map[string]string{"__type": e.Code, "message": e.Message})
	}
}
