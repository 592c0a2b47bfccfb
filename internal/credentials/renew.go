// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// renewing are credentials that are read again from where they come from when AWS says that they
// have expired. The SDK renews those whose end it knows; of keys in a file, which other tools
// replace, it does not.
type renewing struct {
	options Options
	from    origin

	mu      sync.Mutex
	current aws.CredentialsProvider
}

// Retrieve implements aws.CredentialsProvider.
func (r *renewing) Retrieve(ctx context.Context) (aws.Credentials, error) {
	r.mu.Lock()
	current := r.current
	r.mu.Unlock()
	return current.Retrieve(ctx)
}

// call repeats a call, once, if its credentials have expired and there are others now; it names the
// reason if they are refused.
func (r *renewing) call(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
	with, err := r.Retrieve(ctx)
	if err != nil {
		return out, metadata, r.from.missing(err)
	}
	out, metadata, err = next.HandleInitialize(ctx, in)
	if r.from.reason(err, metadata) == Expired && r.renew(ctx, with) {
		out, metadata, err = next.HandleInitialize(ctx, in)
	}
	if why := r.from.reason(err, metadata); why != 0 {
		err = r.from.refused(awsmiddleware.GetServiceID(ctx), err, why, with, metadata)
	}
	return out, metadata, err
}

// renew reads the credentials again, and reports whether there are others than the expired ones.
func (r *renewing) renew(ctx context.Context, expired aws.Credentials) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	other := func(p aws.CredentialsProvider) bool {
		now, err := p.Retrieve(ctx)
		return err == nil && (now.AccessKeyID != expired.AccessKeyID || now.SessionToken != expired.SessionToken)
	}
	if other(r.current) {
		return true // renewed meanwhile, by another call
	}
	cfg, _, err := load(ctx, r.options)
	if err != nil || !other(cfg.Credentials) {
		return false
	}
	r.current = cfg.Credentials
	return true
}
