// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
)

// loser loses the response to each changing call the first time: the call takes effect, but the
// caller does not learn it.
type loser struct {
	aws.HTTPClient
	// answer replaces the response; if nil, there is none.
	answer func(*http.Request) *http.Response

	mu   sync.Mutex
	lost map[string]bool // by the request's body
	n    int
}

func (l *loser) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := l.HTTPClient.Do(r)
	form, formErr := url.ParseQuery(string(body))
	if err != nil || formErr != nil {
		return resp, errors.Join(err, formErr)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost[string(body)] || !changes(form.Get("Action")) {
		return resp, nil
	}
	l.lost[string(body)] = true
	l.n++
	resp.Body.Close()
	if l.answer == nil {
		return nil, errors.New("connection reset by peer")
	}
	return l.answer(r), nil
}

func serverError(r *http.Request) *http.Response {
	const text = "<Response><Errors><Error><Code>InternalError</Code><Message>x</Message></Error></Errors><RequestID>x</RequestID></Response>"
	return &http.Response{
		StatusCode: http.StatusInternalServerError,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader(text)),
		Request:    r,
	}
}

// lossy gives the package's clients a transport that loses responses.
func (l *labAccount) lossy(wire *loser) {
	cfg := l.api.Config()
	wire.HTTPClient = cfg.HTTPClient
	cfg.HTTPClient = wire
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 5 * time.Millisecond })
	}
	l.Clients = l.clients(cfg)
}

func changes(action string) bool {
	return action != "" && !strings.HasPrefix(action, "Describe") && !strings.HasPrefix(action, "Get") &&
		!strings.HasPrefix(action, "List")
}

// A cloud is made, changed and removed in one run each although the first response to every
// changing call is lost, and without duplicates.
func TestLabAnswersLost(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) *http.Response{"no answer": nil,
		"server error": serverError} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4)
			want := labWanted(t, l)
			if _, _, err := labUp(ctx, l.Clients, want); err != nil {
				t.Fatal(err)
			}
			resources := labLeft(t, l.Clients, "first")
			if err := labDown(ctx, l.Clients, "first"); err != nil {
				t.Fatal(err)
			}

			wire := &loser{answer: answer, lost: map[string]bool{}}
			l.lossy(wire)
			if _, _, err := labUp(ctx, l.Clients, want); err != nil {
				t.Fatalf("up: %v", err)
			}
			if wire.n < 40 {
				t.Errorf("%d answers were lost", wire.n)
			}
			if got := labLeft(t, l.Clients, "first"); got != resources {
				t.Errorf("%d resources, want %d", got, resources)
			}
			if n := len(l.everything(t)); n != resources {
				t.Errorf("AWS has %d resources, want %d: %v", n, resources, l.everything(t))
			}
			other := labWanted(t, l)
			other.Cloud = wanted(
				t,
				"provider: {addresses: 3, first: 10.0.1.63}\nmanagement: {allow: [192.0.2.0/24]}\n",
			).Cloud
			if _, _, err := labUp(ctx, l.Clients, other); err != nil {
				t.Fatalf("a change: %v", err)
			}
			if err := labDown(ctx, l.Clients, "first"); err != nil {
				t.Fatalf("down: %v", err)
			}
			if left := l.everything(t); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// everything lists what the lab has, of any owner: a duplicate may have lost its tag.
func (l *labAccount) everything(t *testing.T) (ids []string) {
	t.Helper()
	api := l.root
	add := func(id *string) { ids = append(ids, aws.ToString(id)) }
	for _, v := range got(api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})).Vpcs {
		add(v.VpcId)
	}
	for _, v := range got(api.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{})).InternetGateways {
		add(v.InternetGatewayId)
	}
	for _, v := range got(api.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})).Subnets {
		add(v.SubnetId)
		r := got(api.GetSubnetCidrReservations(ctx, &ec2.GetSubnetCidrReservationsInput{SubnetId: v.SubnetId}))
		for _, r := range append(r.SubnetIpv4CidrReservations, r.SubnetIpv6CidrReservations...) {
			add(r.SubnetCidrReservationId)
		}
	}
	for _, v := range got(api.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{})).RouteTables {
		if len(v.Associations) == 0 || !aws.ToBool(v.Associations[0].Main) {
			add(v.RouteTableId)
		}
	}
	for _, v := range got(api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{})).SecurityGroups {
		if aws.ToString(v.GroupName) != "default" {
			add(v.GroupId)
		}
	}
	for _, v := range got(api.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{})).KeyPairs {
		add(v.KeyPairId)
	}
	for _, v := range got(api.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{})).NetworkInterfaces {
		add(v.NetworkInterfaceId)
	}
	for _, r := range got(api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})).Reservations {
		for _, i := range r.Instances {
			if i.State.Name != "terminated" {
				add(i.InstanceId)
			}
		}
	}
	for _, v := range got(api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})).Addresses {
		add(v.AllocationId)
	}
	for _, r := range got(l.iam.ListRoles(ctx, &awsiam.ListRolesInput{})).Roles {
		add(r.RoleName)
	}
	for _, p := range got(l.iam.ListInstanceProfiles(ctx, &awsiam.ListInstanceProfilesInput{})).InstanceProfiles {
		add(p.InstanceProfileId)
	}
	slices.Sort(ids)
	return ids
}
