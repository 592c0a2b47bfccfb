// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// fakeInjector injects the same faults into every call.
type fakeInjector struct {
	Injection
	asked    []CallFacts
	dead     string // zone
	impaired string // instance
}

func (f *fakeInjector) Inject(c CallFacts) Injection {
	f.asked = append(f.asked, c)
	return f.Injection
}
func (f *fakeInjector) ZoneDown(zone string) bool     { return zone == f.dead }
func (f *fakeInjector) Impaired(instance string) bool { return instance == f.impaired }

// faulty gives a lab another client, whose calls meet faults.
func faulty(l *lab) (*ec2.Client, *fakeInjector) {
	by := &fakeInjector{}
	server := httptest.NewServer(NewServer(l.state, Credentials{accessKey: secretKey}, InjectFaults(by)))
	l.t.Cleanup(server.Close)
	of := *l
	of.url = server.URL
	return of.client(accessKey, secretKey), by
}

func TestErrorsBeforeAndAfterTheEffect(t *testing.T) {
	l := newLab(t)
	c, by := faulty(l)
	create := func() error {
		_, err := c.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
		return err
	}
	vpcs := func() int { return len(must(l.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{}))(l).Vpcs) }
	by.Refuse = &APIError{Status: 503, Code: "Unavailable", Message: "x"}
	l.wantCode(create(), "Unavailable")
	if n := vpcs(); n != 0 {
		t.Errorf("a call that failed before its effect made %d VPCs", n)
	}
	by.AfterEffect = true
	l.wantCode(create(), "Unavailable")
	if n := vpcs(); n != 1 {
		t.Errorf("a call that failed after its effect made %d VPCs", n)
	}
	_, err := c.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10")})
	l.wantCode(err, "InvalidParameterValue") // the caller's own errors are still reported
	by.Injection = Injection{NoAnswer: true, AfterEffect: true, Hang: 30 * time.Millisecond}
	begin := time.Now()
	if err := create(); err == nil || code(err) == "Unavailable" || time.Since(begin) < by.Hang {
		t.Errorf("a call without an answer ends in %v after %v", err, time.Since(begin))
	}
	if n := vpcs(); n != 2 {
		t.Errorf("a call without an answer made %d VPCs", n-1)
	}
	by.Injection = Injection{Latency: 30 * time.Millisecond}
	begin = time.Now()
	if err := create(); err != nil || time.Since(begin) < by.Latency {
		t.Errorf("a slow call: %v after %v", err, time.Since(begin))
	}
}

func TestDescribeLags(t *testing.T) {
	now := time.Now()
	l := newLab(t, func(c *Config) { c.Now = func() time.Time { return now } })
	c, by := faulty(l)
	v := l.vpc("10.0.0.0/16")
	by.Lag = 5 * time.Second
	_, err := c.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{v}})
	l.wantCode(err, "InvalidVpcID.NotFound")
	now = now.Add(6 * time.Second)
	must(c.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{v}}))(l)
	must(l.DeleteVpc(l.ctx, &ec2.DeleteVpcInput{VpcId: &v}))(l)
	must(c.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{v}}))(l)
	// Writing calls see the current state.
	_, err = c.DeleteVpc(l.ctx, &ec2.DeleteVpcInput{VpcId: &v})
	l.wantCode(err, "InvalidVpcID.NotFound")
}

func TestHistoryIsBounded(t *testing.T) {
	now := time.Now()
	l := newLab(t, func(c *Config) { c.Now = func() time.Time { return now } })
	for range 2 * historyCount {
		l.state.write.Lock()
		l.state.remember(l.state.current.Load())
		l.state.write.Unlock()
	}
	if n := len(*l.state.history.Load()); n > historyCount {
		t.Errorf("%d models are remembered", n)
	}
	now = now.Add(historyAge + time.Minute)
	l.vpc("10.0.0.0/16")
	l.vpc("10.1.0.0/16")
	if n := len(*l.state.history.Load()); n > 4 {
		t.Errorf("%d models are remembered though all but two are old", n)
	}
	if at := l.state.modelAt(now.Add(-time.Hour)); len(at.VPCs) != 0 {
		t.Error("the time before all that is remembered shows what came later")
	}
}

func TestZoneAndHardware(t *testing.T) {
	l := newLab(t)
	c, by := faulty(l)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	e := *l.eni(s, "").NetworkInterfaceId
	zone := *l.describeENI(e).AvailabilityZone
	launch := func(in *ec2.RunInstancesInput) error {
		in.ImageId, in.MinCount, in.MaxCount = aws.String(stockAMI), aws.Int32(1), aws.Int32(1)
		_, err := c.RunInstances(l.ctx, in)
		return err
	}
	by.dead = zone
	l.wantCode(launch(&ec2.RunInstancesInput{SubnetId: &s}), "InsufficientInstanceCapacity")
	nics := []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), NetworkInterfaceId: &e}}
	l.wantCode(launch(&ec2.RunInstancesInput{NetworkInterfaces: nics}), "InsufficientInstanceCapacity")
	by.dead = "another"
	l.wantCode(launch(&ec2.RunInstancesInput{SubnetId: &s}), "")
	id := l.run("t3.micro", e)
	l.wait(id, "running")
	status := func() string {
		out := must(c.DescribeInstanceStatus(l.ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}}))(l)
		return string(out.InstanceStatuses[0].SystemStatus.Status)
	}
	if got := status(); got != "ok" {
		t.Errorf("status %s", got)
	}
	by.impaired = id
	if got := status(); got != "impaired" {
		t.Errorf("status of failed hardware: %s", got)
	}
}

func TestCallFacts(t *testing.T) {
	l := newLab(t)
	c, by := faulty(l)
	c.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{})
	c.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{MaxResults: aws.Int32(5)})
	c.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("state"),
		Values: []string{"x"}}}})
	c.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{"i-1", "i-2", "i-3"}})
	want := []CallFacts{{"DescribeVpcs", false, 1}, {"DescribeVpcs", true, 1}, {"DescribeVpcs", true, 1},
		{"TerminateInstances", true, 3}}
	for n, w := range want {
		if by.asked[n] != w {
			t.Errorf("call %d is told as %+v, want %+v", n, by.asked[n], w)
		}
	}
}
