// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// An instance in a subnet with resource names is called by its ID: by the API, by DHCP, and
// by its metadata.
func TestResourceNames(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.1.0/24")
	must(l.ModifySubnetAttribute(l.ctx,
		&ec2.ModifySubnetAttributeInput{SubnetId: &s, PrivateDnsHostnameTypeOnLaunch: "resource-name"}))(l)
	eni := *l.eni(s, "").NetworkInterfaceId
	id := l.run("t3.small", eni)
	if name := *l.instance(id).PrivateDnsName; name != id+".ec2.internal" {
		t.Errorf("the instance is called %s", name)
	}
	if name := l.fabric.topology().ENIs[0].Hostname; name != id {
		t.Errorf("DHCP calls it %s", name)
	}
	if m, ok := l.state.Metadata(eni); !ok || m.PrivateDNS != id+".ec2.internal" {
		t.Errorf("its metadata call it %s", m.PrivateDNS)
	}

	byAddress := &ec2.ModifyPrivateDnsNameOptionsInput{InstanceId: &id, PrivateDnsHostnameType: "ip-name"}
	_, err := l.ModifyPrivateDnsNameOptions(l.ctx, byAddress)
	l.wantCode(err, "IncorrectInstanceState")
	must(l.ModifyPrivateDnsNameOptions(l.ctx, &ec2.ModifyPrivateDnsNameOptionsInput{InstanceId: &id,
		EnableResourceNameDnsARecord: aws.Bool(true)}))(l)
	l.stop(id)
	must(l.ModifyPrivateDnsNameOptions(l.ctx, byAddress))(l)
	options := l.instance(id).PrivateDnsNameOptions
	if options.HostnameType != types.HostnameTypeIpName || !*options.EnableResourceNameDnsARecord {
		t.Errorf("the options are %+v", options)
	}
}
