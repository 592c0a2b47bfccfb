// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http"

	"macaw.example/lab/internal/iam"
	"macaw.example/lab/internal/imds"
)

// Service is a region with its two endpoints: the API and the instances' metadata
// service, over one state.
type Service struct {
	State    *State
	API      http.Handler // EC2, SSM and the services of the identities
	Metadata *imds.Handler
}

// InstanceRoles is an optional interface of Identities: it supplies the credentials of
// instances' roles to the metadata service.
type InstanceRoles interface {
	// InstanceCredentials returns those of the role in a profile, given by its ARN.
	// role is empty if there is none; ok is false if EC2 may not assume it.
	InstanceCredentials(region, instance, profile string) (role string, c iam.Credentials, ok bool)
}

// Wire opens a state and returns its API and metadata service. The function who returns
// the network interface that a request to the metadata service came from. Call
// State.Resume when the fabric and the machines are ready.
func Wire(cfg Config, known Identities, who func(*http.Request) (eni string, ok bool),
	middleware ...Middleware) (*Service, error) {
	s, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	shown := imds.Source(s)
	if cfg.Metadata != nil {
		shown = cfg.Metadata(s)
	}
	return &Service{State: s, API: NewServer(s, known, middleware...), Metadata: metadataOf(s, known, shown, who)}, nil
}

// metadataOf is the metadata service of a region.
func metadataOf(s *State, known Identities, shown imds.Source,
	who func(*http.Request) (eni string, ok bool)) *imds.Handler {
	h := imds.New(shown, who)
	h.Now = s.cfg.Now
	if roles, ok := known.(InstanceRoles); ok {
		h.Role = func(i imds.Instance) (imds.Role, bool) {
			name, c, ok := roles.InstanceCredentials(s.cfg.Region, i.ID, i.Profile.ARN)
			return imds.Role{Name: name, Refused: !ok, AccessKeyID: c.ID, SecretAccessKey: c.Secret, Token: c.Token,
				Updated: c.Issued, Expires: c.Expires}, name != ""
		}
	}
	return h
}
