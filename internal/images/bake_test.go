// SPDX-License-Identifier: Apache-2.0

package images

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/model"
	"macaw.example/lab"
	"macaw.example/lab/labtest"
)

// An image that was just made is one that EC2 does not know for a while.
func TestBakeWhileAnswersLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := labtest.NewAPI(t, labtest.APIOptions{})
		api := ec2.NewFromConfig(account.Config())
		instance := launch(t, api)
		lag := lab.Fault{Name: lab.Lag, Min: model.Duration(time.Second), Max: model.Duration(4 * time.Second)}
		if err := account.SetFault(t.Context(), lag); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, err := Bake(t.Context(), api, instance, "0123456789abcdef"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second) // for another name
		}
	})
}
