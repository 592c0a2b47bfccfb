// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// counter counts the calls of an action.
type counter struct {
	aws.HTTPClient
	action string
	n      atomic.Int32
}

func (c *counter) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(body, []byte("Action="+c.action+"&")) {
			c.n.Add(1)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.HTTPClient.Do(r)
}

// A plan asks once what AWS says of the node's type.
func TestTypesAreAskedForOnce(t *testing.T) {
	d, _ := newWorld(t).process(file)
	c, config := &counter{action: "DescribeInstanceTypes"}, d.AWS
	d.AWS = func(ctx context.Context) (aws.Config, error) {
		cfg, err := config(ctx)
		c.HTTPClient, cfg.HTTPClient = cfg.HTTPClient, c
		return cfg, err
	}
	if _, err := d.Plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.n.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
