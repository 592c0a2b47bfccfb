// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"macaw.example/lab/internal/instancetypes"
)

// The states of an attachment.
const (
	attaching = "attaching"
	attached  = "attached"
	detaching = "detaching"
)

type attachmentRecord struct {
	ID                  string
	Instance            string // empty on interfaces that AWS attaches to its own services
	DeviceIndex         int
	Card                int // network card index
	Status              string
	DeleteOnTermination bool
	At                  time.Time
}

// enisOf returns an instance's interfaces, ordered by network card and device index:
// the primary one first.
func (t *tx) enisOf(instance string) []*eniRecord {
	var enis []*eniRecord
	for _, e := range t.ENIs {
		if e.Attachment != nil && e.Attachment.Instance == instance && instance != "" {
			enis = append(enis, e)
		}
	}
	slices.SortFunc(enis, func(a, b *eniRecord) int {
		return cmp.Or(a.Attachment.Card-b.Attachment.Card, a.Attachment.DeviceIndex-b.Attachment.DeviceIndex)
	})
	return enis
}

// attach puts an interface on an instance, within the limits of its type, at the card
// and index in the record.
func (t *tx) attach(e *eniRecord, i *instanceRecord, at attachmentRecord) error {
	if e.Attachment != nil {
		return fail("InvalidNetworkInterface.InUse", "Interface: [%s] in use.", e.ID)
	}
	if e.VPC != i.VPC {
		return invalidParameter("You have specified two resources that belong to different networks.")
	}
	if zone := t.zoneOf(e); zone != i.Zone {
		return invalidParameter("You may not attach a network interface to an instance if they are not in the same " +
			"availability zone")
	}
	if at.DeviceIndex < 0 {
		return invalidParameter("Invalid value '%d' for deviceIndex", at.DeviceIndex)
	}
	others := t.enisOf(i.ID)
	if slices.ContainsFunc(others, func(o *eniRecord) bool {
		return o.Attachment.DeviceIndex == at.DeviceIndex && o.Attachment.Card == at.Card
	}) {
		return invalidParameter("Instance '%s' already has an interface attached at device index '%d'.", i.ID, at.DeviceIndex)
	}
	at.ID, at.Instance, at.At = newID(kindAttachment.prefix), i.ID, t.now
	e.Attachment = &at
	return t.fitsType(i, i.Type)
}

// fitsType refuses an instance type that takes fewer interfaces, per network card or in
// total, or fewer addresses per interface, than the instance has.
func (t *tx) fitsType(i *instanceRecord, name string) error {
	limits := instancetypes.All()[name]
	enis := t.enisOf(i.ID)
	cards := make([]int, len(limits.Cards))
	for _, e := range enis {
		card := e.Attachment.Card
		if card < 0 || card >= len(cards) {
			return invalidParameter("Network card index %d exceeds the limit for %s", card, name)
		}
		cards[card]++
		if cards[card] > limits.Cards[card] {
			return fail("AttachmentLimitExceeded", "Interface count %d exceeds the limit for %s", len(enis), name)
		}
	}
	for _, e := range enis {
		for _, ipv6 := range []bool{false, true} {
			have, most := e.slots(ipv6), limits.Addresses(ipv6)
			if have > most {
				return fail("InvalidInterface.IpAddressLimitExceeded", "Interface %s has %d private addresses; %s takes %d",
					e.ID, have, name, most)
			}
		}
	}
	return nil
}

type attachInput struct {
	dryRun
	ENI              ownENI          `form:"NetworkInterfaceId,required"`
	Instance         *instanceRecord `form:"InstanceId,required"`
	DeviceIndex      *int            `form:",required"`
	NetworkCardIndex int
}

type attachOutput struct {
	response
	ID   string `xml:"attachmentId"`
	Card int    `xml:"networkCardIndex"`
}

// attachNetworkInterface attaches to a stopped instance at once, and to a running one
// when its machine has the device.
func attachNetworkInterface(t *tx, in attachInput) (*attachOutput, error) {
	status, err := t.plugging(in.Instance, attaching, attached)
	if err != nil {
		return nil, err
	}
	e := in.ENI.eniRecord
	if err := t.attach(e, in.Instance,
		attachmentRecord{DeviceIndex: *in.DeviceIndex, Card: in.NetworkCardIndex, Status: status}); err != nil {
		return nil, err
	}
	return &attachOutput{ID: e.Attachment.ID, Card: e.Attachment.Card}, nil
}

// plugging returns the state of an attachment after a change: a running instance's
// machine has to follow first.
func (t *tx) plugging(i *instanceRecord, running, stopped string) (string, error) {
	switch i.State {
	case stateStopped:
		return stopped, nil
	case stateRunning:
		if _, ok := t.cfg.Machines.(HotPlug); ok {
			return running, nil
		}
		return "", unsupported("The lab's machines take network interfaces only when stopped")
	}
	return "", fail("IncorrectState", "Instance '%s' is not 'running' or 'stopped'", i.ID)
}

type detachInput struct {
	dryRun
	AttachmentId string `form:",required"`
	Force        bool
}

func detachNetworkInterface(t *tx, in detachInput) (*done, error) {
	var e *eniRecord
	for _, candidate := range t.ENIs {
		if candidate.Attachment != nil && candidate.Attachment.ID == in.AttachmentId {
			e = candidate
		}
	}
	switch {
	case strings.HasPrefix(in.AttachmentId, "ela-attach-"):
		return nil, fail("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.")
	case e == nil && kindAttachment.check(in.AttachmentId) != nil:
		return nil, kindAttachment.check(in.AttachmentId)
	case e == nil:
		return nil, fail(kindAttachment.notFound, "The specified attachment does not exist: '%s'", in.AttachmentId)
	case e.Attachment.DeviceIndex == 0 && e.Attachment.Card == 0:
		return nil, fail("OperationNotPermitted",
			"The network interface at device index 0 and networkCard index 0 cannot be detached.")
	}
	status, err := t.plugging(t.Instances[e.Attachment.Instance], detaching, "")
	if err != nil {
		return nil, err
	}
	if status == "" {
		e.Attachment = nil
	} else {
		e.Attachment.Status = status
	}
	return ok()
}
