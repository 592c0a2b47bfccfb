// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"time"

	"macaw.example/lab/internal/instancetypes"
	"macaw.example/lab/internal/vpc"
)

// trackingRecord holds an interface's idle timeouts of tracked connections, in seconds;
// zero is the default.
type trackingRecord struct {
	TCP, UDP, UDPStream int
}

type trackingInput struct {
	TcpEstablishedTimeout *int
	UdpTimeout            *int
	UdpStreamTimeout      *int
}

// change sets the given timeouts, within their limits (EC2 API Reference,
// ConnectionTrackingSpecificationRequest).
func (r *trackingRecord) change(in *trackingInput) error {
	if in == nil {
		return nil
	}
	for _, c := range []struct {
		name        string
		given       *int
		least, most int
		into        *int
	}{
		{"tcpEstablishedTimeout", in.TcpEstablishedTimeout, 60, 432000, &r.TCP},
		{"udpTimeout", in.UdpTimeout, 30, 60, &r.UDP},
		{"udpStreamTimeout", in.UdpStreamTimeout, 60, 180, &r.UDPStream},
	} {
		switch {
		case c.given == nil:
		case *c.given < c.least || *c.given > c.most:
			return invalidParameter("Invalid value '%d' for %s. Expecting a value between %d and %d.", *c.given, c.name, c.least,
				c.most)
		default:
			*c.into = *c.given
		}
	}
	return nil
}

// tracking returns the fabric's timeouts for an interface. The TCP default is shorter
// on the newest instance types (EC2 User Guide, security-group-connection-tracking).
func (t *tx) tracking(e *eniRecord) vpc.Tracking {
	tcp := e.Tracking.TCP
	if a := e.Attachment; tcp == 0 && a != nil && a.Instance != "" {
		tcp = instancetypes.All()[t.Instances[a.Instance].Type].TCPTimeout
	}
	return vpc.Tracking{TCPEstablished: time.Duration(tcp) * time.Second,
		UDP: time.Duration(e.Tracking.UDP) * time.Second, UDPStream: time.Duration(e.Tracking.UDPStream) * time.Second}
}

type trackingXML struct {
	TCP       int `xml:"tcpEstablishedTimeout,omitempty"`
	UDP       int `xml:"udpTimeout,omitempty"`
	UDPStream int `xml:"udpStreamTimeout,omitempty"`
}

func (r trackingRecord) xml() *trackingXML {
	if r == (trackingRecord{}) {
		return nil
	}
	return &trackingXML{r.TCP, r.UDP, r.UDPStream}
}

type attachmentChange struct {
	AttachmentId        string `form:",required"`
	DeleteOnTermination *bool
}

type modifyNetworkInterfaceInput struct {
	dryRun
	ENI                             ownENI `form:"NetworkInterfaceId,required"`
	Description                     *stringValue
	SourceDestCheck                 *boolValue
	SecurityGroupId                 []string
	Attachment                      *attachmentChange
	ConnectionTrackingSpecification *trackingInput
}

// modifyNetworkInterfaceAttribute changes one attribute at a time, as EC2 does.
func modifyNetworkInterfaceAttribute(t *tx, in modifyNetworkInterfaceInput) (*done, error) {
	err := oneAttribute(
		[]string{"description", "sourceDestCheck", "groupSet", "attachment", "connectionTrackingSpecification"},
		in.Description != nil, in.SourceDestCheck != nil, len(in.SecurityGroupId) > 0, in.Attachment != nil,
		in.ConnectionTrackingSpecification != nil)
	if err != nil {
		return nil, err
	}
	e := in.ENI.eniRecord
	switch {
	case in.Description != nil:
		e.Description = in.Description.Value
	case in.SourceDestCheck != nil:
		e.SourceDestCheck = in.SourceDestCheck.Value
	case len(in.SecurityGroupId) > 0:
		e.Groups, err = t.groupsFor(e.VPC, in.SecurityGroupId)
	case in.Attachment != nil:
		if e.Attachment == nil || e.Attachment.ID != in.Attachment.AttachmentId {
			return nil, kindAttachment.missing(in.Attachment.AttachmentId)
		}
		if in.Attachment.DeleteOnTermination != nil {
			e.Attachment.DeleteOnTermination = *in.Attachment.DeleteOnTermination
		}
	default:
		err = e.Tracking.change(in.ConnectionTrackingSpecification)
	}
	if err != nil {
		return nil, err
	}
	return ok()
}

type resetNetworkInterfaceInput struct {
	dryRun
	ENI             ownENI `form:"NetworkInterfaceId,required"`
	SourceDestCheck string
}

// resetNetworkInterfaceAttribute turns the source/destination check on, its default. No
// other attribute can be reset (EC2 API Reference, ResetNetworkInterfaceAttribute).
func resetNetworkInterfaceAttribute(_ *tx, in resetNetworkInterfaceInput) (*done, error) {
	in.ENI.SourceDestCheck = true
	return ok()
}

type describeENIAttributeInput struct {
	dryRun
	ENI       *eniRecord `form:"NetworkInterfaceId,required"`
	Attribute string     `form:",required"`
}

type stringValueXML struct {
	Value string `xml:"value"`
}

type describeENIAttributeOutput struct {
	response
	ID              string            `xml:"networkInterfaceId"`
	Description     *stringValueXML   `xml:"description"`
	SourceDestCheck *boolValueXML     `xml:"sourceDestCheck"`
	Groups          *set[groupRefXML] `xml:"groupSet"`
	Attachment      *attachmentXML    `xml:"attachment"`
	MapPublic       *bool             `xml:"associatePublicIpAddress"`
}

func describeNetworkInterfaceAttribute(t *tx, in describeENIAttributeInput) (*describeENIAttributeOutput, error) {
	x := t.eniXML(in.ENI)
	out := &describeENIAttributeOutput{ID: x.ID}
	switch in.Attribute {
	case "description":
		out.Description = &stringValueXML{x.Description}
	case "sourceDestCheck":
		out.SourceDestCheck = &boolValueXML{x.SourceDestCheck}
	case "groupSet":
		out.Groups = &x.Groups
	case "attachment":
		out.Attachment = x.Attachment
	case "associatePublicIpAddress":
		out.MapPublic = &in.ENI.MapPublic
	default:
		return nil, invalidParameter("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}
