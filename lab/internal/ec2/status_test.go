// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// probingFabric reports when interfaces have answered.
type probingFabric struct {
	*fakeFabric
	mu       sync.Mutex
	answered map[string]time.Time
}

func (f *probingFabric) Answered(eni string) (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, ok := f.answered[eni]
	return at, ok
}

func TestStatusChecks(t *testing.T) {
	probed := &probingFabric{answered: map[string]time.Time{}}
	var mu sync.Mutex
	now := time.Now()
	later := func(d time.Duration) time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
		return now
	}
	l := newLab(t, func(c *Config) {
		probed.fakeFabric = c.Fabric.(*fakeFabric)
		c.Fabric, c.Now = probed, func() time.Time { return later(0) }
	})
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	eni := *l.eni(s, "").NetworkInterfaceId
	id := l.run("t3.small", eni)
	l.wait(id, "running")
	want := func(what string, system, instance types.SummaryStatus, reach types.StatusType) {
		t.Helper()
		got := must(l.DescribeInstanceStatus(l.ctx,
			&ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}}))(l).InstanceStatuses[0]
		if got.SystemStatus.Status != system || got.InstanceStatus.Status != instance ||
			got.InstanceStatus.Details[0].Status != reach {
			t.Errorf("%s: %s, %s and %+v", what, got.SystemStatus.Status, got.InstanceStatus.Status, got.InstanceStatus.Details)
		}
		if since := got.InstanceStatus.Details[0].ImpairedSince; (since != nil) != (reach == "failed") {
			t.Errorf("%s: impaired since %v", what, since)
		}
	}
	want("before it answers", "initializing", "initializing", "initializing")
	later(4 * time.Minute)
	want("silent from the beginning", "ok", "impaired", "failed")
	probed.mu.Lock()
	probed.answered[eni] = later(0)
	probed.mu.Unlock()
	want("answering", "ok", "ok", "passed")
	if err := ec2.NewInstanceStatusOkWaiter(l.Client).Wait(l.ctx,
		&ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}}, time.Second); err != nil {
		t.Error(err)
	}
	later(50 * time.Second)
	want("a minute has not passed", "ok", "ok", "passed")
	later(20 * time.Second)
	want("silent", "ok", "impaired", "failed")
	for value, found := range map[string]int{"impaired": 1, "ok": 0} {
		out := must(l.DescribeInstanceStatus(l.ctx,
			&ec2.DescribeInstanceStatusInput{Filters: []types.Filter{{Name: aws.String("instance-status.status"),
				Values: []string{value}}}}))(l)
		if len(out.InstanceStatuses) != found {
			t.Errorf("%d instances are %s", len(out.InstanceStatuses), value)
		}
	}
	_, err := l.DescribeInstanceStatus(l.ctx,
		&ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}, MaxResults: aws.Int32(5)})
	l.wantCode(err, "InvalidParameterCombination")
	l.stop(id)
	got := must(l.DescribeInstanceStatus(l.ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id},
		IncludeAllInstances: aws.Bool(true)}))(l).InstanceStatuses[0]
	if got.InstanceStatus.Status != "not-applicable" {
		t.Errorf("stopped it is %s", got.InstanceStatus.Status)
	}
}
