// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/json"
	"net/http"
	"strings"

	"macaw.example/lab/internal/iam/policy"
)

// quotasTarget is the prefix of X-Amz-Target in calls to Service Quotas.
const quotasTarget = "ServiceQuotasV20190624."

// unlimited is the vCPU quota of an account without one: AWS has a number for each.
const unlimited = 100_000

type serviceQuota struct {
	ServiceCode, ServiceName, QuotaCode, QuotaName, QuotaArn string
	Value                                                    float64
	Unit                                                     string
	Adjustable, GlobalQuota                                  bool
}

// serveQuotas answers GetServiceQuota, in the JSON protocol, for the quotas of EC2 that the
// lab has (Service Quotas API Reference).
func (s *Server) serveQuotas(w http.ResponseWriter, c *Call, target string, body []byte, denied error) {
	answer, err := s.quota(c, strings.TrimPrefix(target, quotasTarget), body, denied)
	if err != nil {
		writeJSON(w, err.Status, map[string]string{"__type": err.Code, "message": err.Message})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"Quota": answer})
}

func (s *Server) quota(c *Call, action string, body []byte, denied error) (*serviceQuota, *APIError) {
	if err := jsonDenied(denied); err != nil {
		return nil, err
	}
	var in struct{ ServiceCode, QuotaCode string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fail("SerializationException", "Unable to parse the request")
	}
	if action != "GetServiceQuota" {
		return nil, fail("UnknownOperationException", "")
	}
	arn := s.state.cfg.arnOf("servicequotas", in.ServiceCode+"/"+in.QuotaCode)
	r := policy.Request{Action: "servicequotas:" + action, Resource: arn, Context: c.Request}
	if d := s.identities.Decide(c.Caller, r); d != policy.Allow {
		return nil, fail("AccessDeniedException", "%s", notAuthorized(c.Caller, r.Action, arn, d))
	}
	q := &serviceQuota{ServiceCode: "ec2", ServiceName: "Amazon Elastic Compute Cloud (Amazon EC2)",
		QuotaCode: in.QuotaCode, QuotaArn: arn, Unit: "None", Adjustable: true}
	switch in.ServiceCode + "/" + in.QuotaCode {
	case "ec2/L-1216C47A":
		q.QuotaName = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
		q.Value = unlimited
		if most := s.state.cfg.Settings.Settings().VCPUQuota; most > 0 {
			q.Value = float64(most)
		}
	case "ec2/L-34B43A08":
		q.QuotaName, q.Value = "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", unlimited
		if most := s.state.cfg.Settings.Settings().SpotVCPUQuota; most > 0 {
			q.Value = float64(most)
		}
	case "ec2/L-0263D0A3":
		q.QuotaName, q.Value = "EC2-VPC Elastic IPs", float64(s.state.cfg.AddressQuota)
	default:
		return nil, fail("NoSuchResourceException", "The request failed because the specified quota does not exist.")
	}
	return q, nil
}
