// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/iampolicy"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// nodeInstance is a node's instance.
func nodeInstance(t *testing.T, s inventory.Seen, node string) inventory.Instance {
	t.Helper()
	isNode := func(i inventory.Instance) bool { return i.Part == partInstance(node) && i.Live() }
	at := slices.IndexFunc(s.Instances, isNode)
	if at < 0 {
		t.Fatalf("there is no instance of %s", node)
	}
	return s.Instances[at]
}

// asNode is EC2 with the credentials of a node's instance; nil if it has none.
func (l *labAccount) asNode(t *testing.T, node string) *ec2.Client {
	t.Helper()
	in := nodeInstance(t, seen(t, l, "first"), node)
	key, ok := l.api.RoleCredentials(in.ID, in.Profile.Name)
	if !ok {
		return nil
	}
	return ec2.NewFromConfig(l.as(key.AccessKeyID, key.SecretAccessKey, key.SessionToken))
}

// With evacuate: auto the controller may see instances and nothing else, also if its instance was there before; with
// manual not even those.
func TestControllerMaySeeInstances(t *testing.T) {
	l, w := newSeveralLab(t, 5), several(t, severalFile)
	before := bringUp(t, l, w)
	if l.asNode(t, "ctl") != nil {
		t.Error("the controller has rights")
	}
	auto := several(t, "evacuate: auto\n"+severalFile)
	for range 2 {
		if after := bringUp(t, l, auto); after.Nodes[2].InstanceID != before.Nodes[2].InstanceID {
			t.Fatal("another controller")
		}
		if p := planOf(t, l, auto); p != "" {
			t.Errorf("again:\n%s", p)
		}
		ctl := l.asNode(t, "ctl")
		if _, err := ctl.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}); err != nil {
			t.Error(err)
		}
		for name, call := range map[string]func() error{
			"interfaces": func() error {
				_, err := ctl.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{})
				return err
			},
			"terminate": func() error {
				id := nodeInstance(t, seen(t, l, "first"), "cmp-1").ID
				_, err := ctl.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
				return err
			},
		} {
			if err := call(); errorCode(err) != "UnauthorizedOperation" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := l.asNode(t, "gw-1").DescribeInstances(ctx, &ec2.DescribeInstancesInput{}); errorCode(err) !=
			"UnauthorizedOperation" {
			t.Errorf("a gateway: %v", err)
		}
		if l.asNode(t, "cmp-1") != nil {
			t.Error("a compute has rights")
		}
		bringUp(t, l, w)
		if p := planOf(t, l, w); p != "" {
			t.Errorf("manual again:\n%s", p)
		}
		if _, err := l.asNode(t, "ctl").DescribeInstances(ctx, &ec2.DescribeInstancesInput{}); errorCode(err) !=
			"UnauthorizedOperation" {
			t.Errorf("manual again: %v", err)
		}
	}
	takeDown(t, l, "first")
}

// A controller that is a gateway has the gateways' role, since an instance has one at most; so has one that becomes a
// gateway.
func TestControllerAndGateway(t *testing.T) {
	const file = "evacuate: auto\n" + severalFile
	l, w := newSeveralLab(t, 5), several(t, file)
	bringUp(t, l, w)
	both := several(t, strings.Replace(file, "ctl, roles: [controller]", "ctl, roles: [controller, gateway]", 1))
	rights := iampolicy.OfGateways(both.Cloud, "us-east-1").Statement[0].Action
	if !slices.Contains(rights, iampolicy.Evacuation) {
		t.Errorf("%q", rights)
	}
	if slices.Contains(iampolicy.OfGateways(w.Cloud, "us-east-1").Statement[0].Action, iampolicy.Evacuation) {
		t.Error("gateways that are no controller may see instances")
	}
	p, err := PlanUp(both, seen(t, l, "first"))
	if err != nil {
		t.Fatal(err)
	}
	role := gatewayHolder.RoleName("first", "us-east-1")
	if want := "ctl has the instance profile " + role; !strings.Contains(p.String(), want) {
		t.Errorf("no %q:\n%s", want, p)
	}
	if h := holderOf(both.Cloud, both.Cloud.With(model.Controller)[0]); h != gatewayHolder {
		t.Errorf("%s", h)
	}
}
