// SPDX-License-Identifier: Apache-2.0

package labtest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"macaw.example/lab/labtest"
)

// fault turns a fault on until the test ends.
func fault(t *testing.T, lab *labtest.Lab, args ...string) {
	t.Helper()
	lab.Command(t, append([]string{"fault", "set"}, args...)...)
	t.Cleanup(func() { clear(t, lab) })
}

func clear(t *testing.T, lab *labtest.Lab) {
	t.Helper()
	if _, err := lab.Try(context.Background(), "fault", "clear", "--all"); err != nil {
		t.Error(err)
	}
}

// TestFaults turns faults on and checks their effects.
func TestFaults(t *testing.T) {
	lab := labtest.Start(t)
	m := lab.Launch(t, labtest.Machine{Name: "victim"})
	peer := lab.Launch(t, labtest.Machine{Name: "peer"})
	// The lab's errors are seen as they are. Of its own the SDK sometimes closes a connection while it reads the answer
	// (github.com/aws/aws-sdk-go-v2/issues/2737); it repeats such a call, which the lab then has served twice.
	served := 0
	connections := retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
		again := retry.RetryableConnectionError{}.IsErrorRetryable(err)
		if again == aws.TrueTernary {
			served++
		}
		return again
	})
	api := ec2.NewFromConfig(lab.Config(), func(o *ec2.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.Retryables = []retry.IsErrorRetryable{connections} })
	})

	t.Run("late", func(t *testing.T) {
		fault(t, lab, "late", "--min", "3s", "--max", "4s")
		address := m.Private[0].Next().Next().Next().Next().Next().Next().String()
		if _, err := api.AssignPrivateIpAddresses(t.Context(), &ec2.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: &m.ENIs[0], PrivateIpAddresses: []string{address},
		}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		m.Run(t, "ip address replace "+address+"/32 dev ens5; for i in $(seq 100); do ping -c 1 -W 0.1 -I "+address+" "+
			peer.Private[0].String()+" >/dev/null && exit; sleep 0.1; done; exit 1")
		if took := time.Since(began); took < 2*time.Second || took > 7*time.Second {
			t.Errorf("the network followed after %s, want 3 to 4 s", took)
		}
	})
	t.Run("lag", func(t *testing.T) {
		fault(t, lab, "lag", "--min", "2s", "--max", "2s")
		time.Sleep(2 * time.Second)
		made, err := api.CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{SubnetId: subnetOf(t, api, m)})
		if err != nil {
			t.Fatal(err)
		}
		id := *made.NetworkInterface.NetworkInterfaceId
		defer api.DeleteNetworkInterface(context.Background(), &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &id})
		describe := func() error {
			_, err := api.DescribeNetworkInterfaces(t.Context(),
				&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}})
			return err
		}
		if got := code(describe()); got != "InvalidNetworkInterfaceID.NotFound" {
			t.Errorf("right after it was made: %q, want InvalidNetworkInterfaceID.NotFound", got)
		}
		time.Sleep(2500 * time.Millisecond)
		if err := describe(); err != nil {
			t.Errorf("2.5 s later: %v", err)
		}
	})
	t.Run("throttle", func(t *testing.T) {
		fault(t, lab, "throttle")
		// The bucket of filtered Describe calls holds 100 tokens and refills 20 per second.
		refused, calls, began := 0, 300, time.Now()
		served = 0
		for range calls {
			_, err := api.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(5)})
			if code(err) == "RequestLimitExceeded" {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		most := calls + served - 100
		least := most - int(20*time.Since(began).Seconds()) - 1
		if refused == 0 || refused < least || refused > most {
			t.Errorf("%d of %d calls were refused, want %d to %d", refused, calls, max(1, least), most)
		}
	})
	t.Run("errors", func(t *testing.T) {
		fault(t, lab, "error", "--action", "Create*", "--rate", "1", "--when", "after", "--code", "InternalError")
		_, err := api.CreateTags(t.Context(),
			&ec2.CreateTagsInput{Resources: []string{m.ID},
				Tags: []types.Tag{{Key: aws.String("after"), Value: aws.String("all")}}})
		if got := code(err); got != "InternalError" {
			t.Fatalf("the call gives %q, want InternalError", got)
		}
		clear(t, lab)
		if tags := tagsOf(t, api, m.ID); !strings.Contains(tags, "after=all") {
			t.Errorf("the error came after the effect, and there is none: %s", tags)
		}
	})
	t.Run("nic-down", func(t *testing.T) {
		fault(t, lab, "nic-down", peer.ENIs[0])
		m.Run(t, "! ping -c 1 -W 1 "+peer.Private[0].String())
		clear(t, lab)
		m.Run(t, "ping -c 1 -w 10 "+peer.Private[0].String())
	})
	t.Run("power-off", func(t *testing.T) {
		fault(t, lab, "power-off", peer.ID)
		m.Run(t, "! ping -c 1 -W 1 "+peer.Private[0].String())
		if out := lab.Command(t, "status"); !strings.Contains(out, peer.ID+"  peer  running") {
			t.Errorf("EC2 knows of the failure:\n%s", out)
		}
		clear(t, lab) // power returns
		m.Run(t, "for i in $(seq 60); do ping -c 1 -W 1 "+peer.Private[0].String()+" && exit; done; exit 1")
	})
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func subnetOf(t *testing.T, api *ec2.Client, m *labtest.Instance) *string {
	t.Helper()
	seen, err := api.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{m.ID}})
	if err != nil {
		t.Fatal(err)
	}
	return seen.Reservations[0].Instances[0].SubnetId
}

func tagsOf(t *testing.T, api *ec2.Client, id string) string {
	t.Helper()
	seen, err := api.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, tag := range seen.Reservations[0].Instances[0].Tags {
		all = append(all, *tag.Key+"="+*tag.Value)
	}
	return strings.Join(all, " ")
}
