// SPDX-License-Identifier: Apache-2.0

package labtest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	awsapi "macaw.example/internal/aws"
	"macaw.example/lab"
	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/faults"
	"macaw.example/lab/internal/iam"
	"macaw.example/lab/internal/identitycenter"
	"macaw.example/lab/internal/imds"
)

// APIOptions configure an API. The zero value is valid.
type APIOptions struct {
	Region string // default us-east-1
	// ElasticIPs is the range of Elastic IPs, by default 198.51.100.0/24. The first
	// ReservedElasticIPs (default 10) and the last address are never allocated.
	ElasticIPs         netip.Prefix
	ReservedElasticIPs int
	// ElasticIPQuota is how many Elastic IPs the account may hold; default 5.
	ElasticIPQuota int
	// Account are the account's settings; the zero value is an account without any.
	Account AccountSettings
	// Restart is asked when an instance boots again; the instance stops if it returns an error. Nil: it boots.
	Restart func() error
	// Now is the clock of IAM and STS, by which sessions end and codes of MFA devices change; default
	// time.Now. Requests are still to be signed with the time of time.Now.
	Now func() time.Time
}

// AccountSettings are the settings of an account: quotas, the zones' offers, and what its owner or
// its organization has switched on.
type AccountSettings = account.Settings

// Duration is a time.Duration in AccountSettings.
type Duration = account.Duration

// The account's access key.
const (
	AccessKey = "AKIAIOSFODNN7EXAMPLE"
	SecretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// API is a local AWS without machines, in the caller's process: EC2, IAM, STS and SSM as an
// http.Handler, with one account and one access key. Instances go through AWS's states, but
// nothing runs in them. Of faults that need a network or a machine, EC2 tells what it tells of them, and no more.
type API struct {
	// Image is the ID of the only image: Debian 13 for amd64, as published by Debian; in other
	// partitions than aws, a copy that the account owns.
	Image string
	// Calm is the same AWS without faults.
	Calm http.Handler

	handler  http.Handler
	state    *ec2.State
	accounts *iam.Store
	settings *account.Account
	faults   *faults.Injector
	region   string
	now      func() time.Time
}

// NewAPI makes an AWS that is empty but for its image. It is closed when the test ends.
func NewAPI(t testing.TB, o APIOptions) *API {
	t.Helper()
	a, err := OpenAPI(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// Close ends the background work.
func (a *API) Close() { a.state.Close() }

// OpenAPI is NewAPI for use outside a test; the caller must call Close.
func OpenAPI(o APIOptions) (*API, error) {
	log := slog.New(slog.DiscardHandler)
	a := &API{
		Image: "ami-0123456789abcdef0", region: cmp.Or(o.Region, lab.Region), now: o.Now,
	}
	if a.now == nil {
		a.now = time.Now
	}
	var err error
	if a.faults, err = faults.New(faults.Config{Log: log}); err != nil {
		return nil, err
	}
	if a.settings, err = account.New(o.Account, a.region); err != nil {
		return nil, err
	}
	a.accounts, err = iam.Open(iam.Config{Region: a.region, Root: iam.Key{ID: AccessKey, Secret: SecretKey}, Log: log,
		Settings: a.settings, Now: a.now})
	if err != nil {
		return nil, err
	}
	image := ec2.Image{
		ID: a.Image, Name: "debian-13-amd64-20261101-2285", Owner: debianAccount, Architecture: "x86_64",
		Created: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Parameters: []string{debianParameter},
	}
	if awsapi.Partition(a.region) != "aws" {
		image.Owner, image.Parameters = ec2.DefaultAccount, nil // a copy: Debian publishes in the partition aws only
	}
	a.state, err = ec2.Open(ec2.Config{
		Region: a.region, Machines: noMachines{o.Restart}, Profiles: a.accounts, Log: log,
		Addresses: o.ElasticIPs, ReservedAddresses: o.ReservedElasticIPs, AddressQuota: o.ElasticIPQuota,
		Settings: a.settings,
		Images:   []ec2.Image{image},
	})
	if err != nil {
		return nil, err
	}
	if err := a.faults.Bind(context.Background(), a.state, noMachines{o.Restart}); err != nil {
		return nil, err
	}
	a.handler = ec2.NewServer(a.state, a.accounts, ec2.InjectFaults(a.faults))
	a.Calm = ec2.NewServer(a.state, a.accounts)
	a.state.Resume()
	return a, nil
}

// Debian's account on AWS, and the public parameter with its newest image of Debian
// 13 (Debian wiki, Cloud/AmazonEC2Image).
const (
	debianAccount   = "136693071363"
	debianParameter = "/aws/service/debian/release/13/latest/amd64"
)

// ServeHTTP answers as AWS does, with the faults that are set.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Config returns the configuration for AWS SDK clients. They call the API without a
// network, so they also work in a bubble of testing/synctest.
func (a *API) Config() aws.Config {
	return aws.Config{
		Region: a.region, BaseEndpoint: aws.String("http://lab"), HTTPClient: Direct{a},
		Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
	}
}

// SetAccount replaces the account's settings.
func (a *API) SetAccount(s AccountSettings) error { return a.settings.Set(s) }

// SetFault turns a fault on. It replaces one of the same name, target and action.
func (a *API) SetFault(ctx context.Context, f lab.Fault) error { return a.faults.Set(ctx, f) }

// SetFaultSeed makes random events repeatable from now on.
func (a *API) SetFaultSeed(ctx context.Context, seed uint64) error {
	return a.faults.SetSeed(ctx, seed)
}

// ClearFaults turns all faults off.
func (a *API) ClearFaults(ctx context.Context) error { return a.faults.Clear(ctx, "", "") }

// Registered returns the private addresses of each network interface, by its ID, as the
// network has them now. API answers may be older.
func (a *API) Registered() map[string][]netip.Addr {
	on := map[string][]netip.Addr{}
	for _, e := range a.state.Topology().ENIs {
		on[e.ID] = append(append([]netip.Addr{}, e.Addresses...), e.IPv6...)
	}
	return on
}

// RoleCredentials returns the credentials that an instance's metadata service would give
// for the role in an instance profile, given by name or ARN; ok is false if there is none.
func (a *API) RoleCredentials(instance, profile string) (c aws.Credentials, ok bool) {
	_, key, ok := a.accounts.InstanceCredentials(a.region, instance, profile)
	return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token}, ok
}

// Metadata returns an instance's metadata service, as the instance reaches it at 169.254.169.254.
func (a *API) Metadata(instance string) http.Handler {
	return imds.New(a.faults.Metadata(a.state), func(*http.Request) (string, bool) {
		for _, i := range a.state.Instances() {
			if i.ID == instance && len(i.NICs) > 0 {
				return i.NICs[0].ENI, true
			}
		}
		return "", false
	})
}

// Actions returns the AWS actions that the lab implements, as "ec2 DescribeVpcs".
func Actions() []string {
	var all []string
	for _, service := range []string{"iam", "sts"} {
		for _, action := range iam.Actions(service) {
			all = append(all, service+" "+action)
		}
	}
	for _, action := range ec2.Actions() {
		all = append(all, "ec2 "+action)
	}
	for _, action := range ec2.SSMActions() {
		all = append(all, "ssm "+action)
	}
	all = append(all, "servicequotas GetServiceQuota")
	all = append(all, identitycenter.Actions()...)
	return all
}

// Direct is an HTTP client that hands requests to a handler without a network.
type Direct struct{ http.Handler }

// Do answers a request. If the handler aborts, the connection counts as closed, as in
// net/http.
func (d Direct) Do(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			resp, err = nil, io.ErrUnexpectedEOF
		default:
			panic(p)
		}
	}()
	var body []byte
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	r = r.Clone(context.WithoutCancel(r.Context()))
	r.Body, r.RemoteAddr, r.Host = io.NopCloser(bytes.NewReader(body)), "192.0.2.1:1", cmp.Or(r.Host, r.URL.Host)
	r.Header.Set("Content-Length", strconv.Itoa(len(body))) // as on the wire; the signature covers it
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// noMachines are instances in which nothing runs.
type noMachines struct{ restart func() error }

func (noMachines) Launch(context.Context, ec2.Instance) error        { return nil }
func (noMachines) Stop(context.Context, string) error                { return nil }
func (noMachines) PowerOff(context.Context, string) error            { return nil }
func (noMachines) PowerOn(context.Context, string) error             { return nil }
func (noMachines) Reboot(context.Context, string) error              { return nil }
func (noMachines) Terminate(context.Context, string) error           { return nil }
func (noMachines) CreateImage(context.Context, string, string) error { return nil }
func (noMachines) DeleteImage(context.Context, string) error         { return nil }
func (noMachines) AttachNIC(context.Context, string, ec2.NIC) error  { return nil }
func (noMachines) DetachNIC(context.Context, string, ec2.NIC) error  { return nil }
func (m noMachines) Start(context.Context, ec2.Instance) error {
	if m.restart == nil {
		return nil
	}
	return m.restart()
}

func (noMachines) ConsoleOutput(context.Context, string) ([]byte, error) {
	return []byte("Debian GNU/Linux 13 ttyS0\n\nlogin: "), nil
}
