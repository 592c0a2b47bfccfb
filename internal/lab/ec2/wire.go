package ec2

import (
	"net/http"

	"macaw/internal/lab/imds"
)

// Service is a region as the world sees it: one state behind the API's
// endpoint and the instances' metadata service.
type Service struct {
	State    *State
	API      http.Handler // EC2 and SSM
	Metadata *imds.Handler
}

// Wire opens a state and puts its two faces on it. The function who says which
// network interface a request to the metadata service came from. Call
// State.Resume when the fabric and the machines are ready.
func Wire(cfg Config, c Credentials, who func(*http.Request) (eni string, ok bool), middleware ...Middleware) (*Service, error) {
	s, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	return &Service{State: s, API: NewServer(s, c, middleware...), Metadata: imds.New(s, who)}, nil
}
