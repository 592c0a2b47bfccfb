// SPDX-License-Identifier: Apache-2.0

package spot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"macaw.example/internal/nodeapi"
)

// The items of instance metadata. Each answers 404 as long as there is no notice.
const (
	pathAction    = "spot/instance-action"
	pathRebalance = "events/recommendations/rebalance"
)

// Metadata reads items of instance metadata; *imds.Client implements it.
type Metadata interface {
	GetMetadata(context.Context, *imds.GetMetadataInput, ...func(*imds.Options)) (*imds.GetMetadataOutput, error)
}

// metadataTimeout is how long instance metadata may take to answer: it is on the same host.
const metadataTimeout = time.Second

// newMetadata returns the client of this instance's metadata, by version 2 of the service only. It does not retry: the
// controller asks again.
func newMetadata() *imds.Client {
	return imds.New(imds.Options{
		EnableFallback: aws.FalseTernary,
		HTTPClient:     awshttp.NewBuildableClient().WithTimeout(metadataTimeout),
		Retryer:        retry.AddWithMaxAttempts(retry.NewStandard(), 2), // a token may have been invalid
	})
}

// Read returns the notices that the instance has been given.
func Read(ctx context.Context, m Metadata) (n nodeapi.SpotNotices, err error) {
	var i nodeapi.Interruption
	ok, err := item(ctx, m, pathAction, &i)
	if err != nil {
		return n, err
	}
	if ok {
		n.Interruption = &i
	}
	var r struct {
		Time time.Time `json:"noticeTime"`
	}
	_, err = item(ctx, m, pathRebalance, &r)
	n.Rebalance = r.Time
	return n, err
}

// item decodes an item; ok is false if it is not there.
func item(ctx context.Context, m Metadata, path string, into any) (ok bool, err error) {
	out, err := m.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	refused, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if ok && refused.HTTPStatusCode() == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking instance metadata for %s: %w", path, err)
	}
	defer out.Content.Close()
	text, err := io.ReadAll(io.LimitReader(out.Content, 1<<16))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return false, fmt.Errorf("reading %s from instance metadata: %w", path, err)
	}
	return true, nil
}
