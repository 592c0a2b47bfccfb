// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"macaw.example/lab/internal/vpc"
)

const (
	accessKey       = "AKIDEXAMPLE"
	secretKey       = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	stockAMI        = "ami-0debdeb0000000013"
	debianParameter = "/aws/service/debian/release/13/latest/amd64"
)

// fakeFabric keeps the last topology it received.
type fakeFabric struct {
	mu   sync.Mutex
	last vpc.Topology
	told int
	err  error
}

func (f *fakeFabric) SetTopology(t vpc.Topology) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = t
	f.told++
	return f.err
}

func (f *fakeFabric) topology() vpc.Topology {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// fakeMachines records calls. A call whose name is in fail fails; one whose name is in
// hold waits until its context ends.
type fakeMachines struct {
	mu       sync.Mutex
	calls    []string
	launched []Instance
	fail     map[string]bool
	hold     map[string]bool
}

func (f *fakeMachines) call(ctx context.Context, name, id string) error {
	f.mu.Lock()
	f.calls = append(f.calls, name+" "+id)
	fail, hold := f.fail[name], f.hold[name]
	f.mu.Unlock()
	if hold {
		<-ctx.Done()
		return ctx.Err()
	}
	if fail {
		return errors.New("the machine burns")
	}
	return nil
}

func (f *fakeMachines) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeMachines) called(name, id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.calls, name+" "+id)
}

func (f *fakeMachines) Launch(ctx context.Context, i Instance) error {
	f.set(func() { f.launched = append(f.launched, i) })
	return f.call(ctx, "launch", i.ID)
}
func (f *fakeMachines) Start(ctx context.Context, i Instance) error {
	return f.call(ctx, "start", i.ID)
}
func (f *fakeMachines) Stop(ctx context.Context, id string) error   { return f.call(ctx, "stop", id) }
func (f *fakeMachines) Reboot(ctx context.Context, id string) error { return f.call(ctx, "reboot", id) }
func (f *fakeMachines) Terminate(ctx context.Context, id string) error {
	return f.call(ctx, "terminate", id)
}
func (f *fakeMachines) ConsoleOutput(ctx context.Context, id string) ([]byte, error) {
	return []byte("login:"), f.call(ctx, "console", id)
}
func (f *fakeMachines) CreateImage(ctx context.Context, id, image string) error {
	return f.call(ctx, "image", id)
}
func (f *fakeMachines) DeleteImage(ctx context.Context, image string) error {
	return f.call(ctx, "delete", image)
}

// fakePluggable takes interfaces while running.
type fakePluggable struct{ *fakeMachines }

func (f fakePluggable) AttachNIC(ctx context.Context, id string, n NIC) error {
	return f.call(ctx, "attach "+n.Device, id)
}
func (f fakePluggable) DetachNIC(ctx context.Context, id string, n NIC) error {
	return f.call(ctx, "detach "+n.Device, id)
}

// lab is a region with its API, and the SDK's client of it.
type lab struct {
	*ec2.Client
	t        *testing.T
	ctx      context.Context
	state    *State
	url      string
	fabric   *fakeFabric
	machines *fakeMachines
}

func newLab(t *testing.T, change ...func(*Config)) *lab {
	t.Helper()
	l := &lab{t: t, ctx: context.Background(), fabric: &fakeFabric{},
		machines: &fakeMachines{fail: map[string]bool{}, hold: map[string]bool{}}}
	cfg := Config{Fabric: l.fabric, Machines: l.machines, File: filepath.Join(t.TempDir(), "ec2.json"),
		Log: slog.New(slog.DiscardHandler),
		Images: []Image{{ID: stockAMI, Name: "debian-13-amd64-20261101-1", Owner: "136693071363", Architecture: "x86_64",
			Created: time.Unix(1700000000, 0), Parameters: []string{debianParameter}}}}
	for _, c := range change {
		c(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Resume()
	l.state = s
	server := httptest.NewServer(NewServer(s, Credentials{accessKey: secretKey}))
	t.Cleanup(server.Close)
	l.url = server.URL
	l.Client = l.client(accessKey, secretKey)
	return l
}

// ownBody gives each request a body that ignores Close. The SDK closes its own
// body as soon as it has the response header. With a local server, net/http may still
// be reading that body to its end; it then breaks the connection in the middle of a
// long response.
type ownBody struct{}

func (ownBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	return http.DefaultClient.Do(r)
}

func (l *lab) client(access, secret string) *ec2.Client {
	return ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: &l.url, RetryMaxAttempts: 1, HTTPClient: ownBody{},
		Credentials: credentials.NewStaticCredentialsProvider(access, secret, "")})
}

// clientIn is a client of another region.
func (l *lab) clientIn(region string) *ec2.Client {
	return ec2.New(ec2.Options{Region: region, BaseEndpoint: &l.url, RetryMaxAttempts: 1, HTTPClient: ownBody{},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
}

// must returns the result of a call that has to succeed.
func must[T any](v T, err error) func(*lab) T {
	return func(l *lab) T {
		l.t.Helper()
		if err != nil {
			l.t.Fatal(err)
		}
		return v
	}
}

// code is the error code of a refused call, or empty.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (l *lab) wantCode(err error, want string) {
	l.t.Helper()
	if got := code(err); got != want {
		l.t.Errorf("the call ends in %q (%v), want %q", got, err, want)
	}
}

func (l *lab) vpc(cidr string) string {
	l.t.Helper()
	return *must(l.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: &cidr}))(l).Vpc.VpcId
}

func (l *lab) subnet(vpcID, cidr string) string {
	l.t.Helper()
	return *must(l.CreateSubnet(l.ctx, &ec2.CreateSubnetInput{VpcId: &vpcID, CidrBlock: &cidr}))(l).Subnet.SubnetId
}

func (l *lab) gateway(vpcID string) string {
	l.t.Helper()
	id := must(l.CreateInternetGateway(l.ctx, &ec2.CreateInternetGatewayInput{}))(l).InternetGateway.InternetGatewayId
	must(l.AttachInternetGateway(l.ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: id, VpcId: &vpcID}))(l)
	return *id
}

func (l *lab) eni(subnet string, address string) *types.NetworkInterface {
	l.t.Helper()
	in := &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet}
	if address != "" {
		in.PrivateIpAddress = &address
	}
	return must(l.CreateNetworkInterface(l.ctx, in))(l).NetworkInterface
}

func (l *lab) describeENI(id string) types.NetworkInterface {
	l.t.Helper()
	return must(l.DescribeNetworkInterfaces(l.ctx,
		&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}}))(l).NetworkInterfaces[0]
}

func (l *lab) run(instanceType types.InstanceType, enis ...string) string {
	l.t.Helper()
	in := &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: instanceType, MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1)}
	for i, e := range enis {
		in.NetworkInterfaces = append(in.NetworkInterfaces,
			types.InstanceNetworkInterfaceSpecification{DeviceIndex: aws.Int32(int32(i)), NetworkInterfaceId: &e})
	}
	return *must(l.RunInstances(l.ctx, in))(l).Instances[0].InstanceId
}

func (l *lab) instance(id string) types.Instance {
	l.t.Helper()
	return must(l.DescribeInstances(l.ctx,
		&ec2.DescribeInstancesInput{InstanceIds: []string{id}}))(l).Reservations[0].Instances[0]
}

// wait waits until an instance reaches a state.
func (l *lab) wait(id string, want types.InstanceStateName) {
	l.t.Helper()
	l.eventually(string(want), func() bool { return l.instance(id).State.Name == want })
}

func (l *lab) eventually(what string, come func() bool) {
	l.t.Helper()
	for range 500 {
		if come() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.t.Fatalf("%s does not come", what)
}

func addresses(e types.NetworkInterface) []string {
	var all []string
	for _, a := range e.PrivateIpAddresses {
		all = append(all, *a.PrivateIpAddress)
	}
	return all
}

func apiMessage(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorMessage()
	}
	return ""
}

// permission allows inbound TCP from a CIDR of either family.
func permission(cidr string) []types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(0), ToPort: aws.Int32(65535)}
	if strings.Contains(cidr, ":") {
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: &cidr}}
	} else {
		p.IpRanges = []types.IpRange{{CidrIp: &cidr}}
	}
	return []types.IpPermission{p}
}
