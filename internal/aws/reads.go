// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// ReadsAtOnce is how many calls of one [Reads] are under way at a time: a quarter of the tokens in the bucket of
// an action that reads, of which an account has one for each action and region. It holds 100, and gets 20 more each
// second (EC2 Developer Guide, ec2-api-throttling). Gateways' agents and other commands draw from it too. Where
// calls are so quick that it runs dry nevertheless, [Retryer] slows down.
const ReadsAtOnce = 25

// Reads makes calls that do not depend on each other side by side, so that they take one round trip rather than
// one each. They start in the given order. The first error ends the others, and is returned.
func Reads(ctx context.Context, reads ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(ReadsAtOnce)
	for _, read := range reads {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err // that waited for its turn
			}
			return read(ctx)
		})
	}
	return g.Wait()
}
