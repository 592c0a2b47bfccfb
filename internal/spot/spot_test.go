// SPDX-License-Identifier: Apache-2.0

package spot

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/nodeapi"
	"macaw.example/lab"
	"macaw.example/lab/labtest"
)

// launch makes a Spot Instance in a lab's AWS.
func launch(t *testing.T, api *labtest.API) string {
	t.Helper()
	c := ec2.NewFromConfig(api.Config())
	if _, err := c.CreateDefaultVpc(t.Context(), &ec2.CreateDefaultVpcInput{}); err != nil {
		t.Fatal(err)
	}
	out, err := c.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: &api.Image, InstanceType: types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		InstanceMarketOptions: &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Instances[0].InstanceId
}

// ask returns what the unit answers.
func ask(t *testing.T, h http.Handler) (n nodeapi.SpotNotices, status int) {
	t.Helper()
	res := httptest.NewRecorder()
	h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, nodeapi.SpotPath, nil))
	if res.Code == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(&n); err != nil {
			t.Fatal(err)
		}
	}
	return n, res.Code
}

// What AWS says in instance metadata is what the unit answers, from AWS's own client to the lab's service.
func TestNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := labtest.NewAPI(t, labtest.APIOptions{})
		id := launch(t, api)
		time.Sleep(time.Minute)
		var log bytes.Buffer
		metadata := imds.New(imds.Options{Endpoint: "http://lab", HTTPClient: labtest.Direct{Handler: api.Metadata(id)}})
		h := Handler(metadata, slog.New(slog.NewTextHandler(&log, nil)))
		if n, status := ask(t, h); status != http.StatusOK || n != (nodeapi.SpotNotices{}) {
			t.Errorf("before: %d, %+v", status, n)
		}
		set := func(name string) time.Time {
			if err := api.SetFault(t.Context(), lab.Fault{Name: name, Target: id}); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Truncate(time.Second)
			time.Sleep(2 * time.Second)
			return at
		}
		at := set(lab.SpotRebalance)
		if n, _ := ask(t, h); n.Interruption != nil || !n.Rebalance.Equal(at) {
			t.Errorf("rebalance: %+v", n)
		}
		// The token of the metadata's client ends after six hours.
		time.Sleep(7 * time.Hour)
		begun := set(lab.SpotInterruption)
		n, _ := ask(t, h)
		if n.Interruption == nil || n.Interruption.Action != "terminate" || !n.Rebalance.Equal(at) ||
			!n.Interruption.Time.Equal(begun.Add(2*time.Minute)) {
			t.Errorf("interruption: %+v", n)
		}
		for _, want := range []string{"AWS recommends to move elsewhere", "AWS interrupts this Spot Instance (terminate)"} {
			if strings.Count(log.String(), want) != 1 {
				t.Errorf("log:\n%s", log.String())
			}
		}
	})
}

// What is not known is no answer without notices.
func TestMetadataFails(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"disabled": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"nonsense": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
			_, _ = w.Write([]byte("token"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := imds.New(imds.Options{Endpoint: "http://lab", HTTPClient: labtest.Direct{Handler: h}})
			log := slog.New(slog.DiscardHandler)
			if _, status := ask(t, Handler(metadata, log)); status != http.StatusBadGateway {
				t.Errorf("%d", status)
			}
		})
	}
}
