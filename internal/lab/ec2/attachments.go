package ec2

import (
	"slices"
	"time"
)

// The states of an attachment.
const (
	attaching = "attaching"
	attached  = "attached"
	detaching = "detaching"
)

type attachmentRecord struct {
	ID                  string
	Instance            string
	DeviceIndex         int
	Status              string
	DeleteOnTermination bool
	At                  time.Time
}

// enisOf are the interfaces on an instance, in the order of device indices.
func (t *tx) enisOf(instance string) []*eniRecord {
	var enis []*eniRecord
	for _, e := range t.ENIs {
		if e.Attachment != nil && e.Attachment.Instance == instance {
			enis = append(enis, e)
		}
	}
	slices.SortFunc(enis, func(a, b *eniRecord) int { return a.Attachment.DeviceIndex - b.Attachment.DeviceIndex })
	return enis
}

// attach puts an interface on an instance, within the limits of its type.
func (t *tx) attach(e *eniRecord, i *instanceRecord, device int, status string, deleteOnTermination bool) error {
	if e.Attachment != nil {
		return fail("InvalidNetworkInterface.InUse", "Interface: [%s] in use.", e.ID)
	}
	if e.VPC != i.VPC {
		return invalidParameter("You have specified two resources that belong to different networks.")
	}
	if zone := t.zoneOf(e); zone != i.Zone {
		return invalidParameter("You may not attach a network interface to an instance if they are not in the same availability zone")
	}
	others := t.enisOf(i.ID)
	limits := instanceTypes[i.Type]
	if len(others) >= limits.ENIs {
		return fail("AttachmentLimitExceeded", "Interface count %d exceeds the limit for %s", len(others)+1, i.Type)
	}
	if len(e.Addresses) > limits.Addresses {
		return fail("InvalidInterface.IpAddressLimitExceeded", "Interface %s has %d private addresses; %s takes %d", e.ID, len(e.Addresses), i.Type, limits.Addresses)
	}
	if slices.ContainsFunc(others, func(o *eniRecord) bool { return o.Attachment.DeviceIndex == device }) {
		return invalidParameter("Instance '%s' already has an interface attached at device index '%d'.", i.ID, device)
	}
	e.Attachment = &attachmentRecord{ID: newID(kindAttachment.prefix), Instance: i.ID, DeviceIndex: device,
		Status: status, DeleteOnTermination: deleteOnTermination, At: t.now}
	return nil
}

type attachInput struct {
	dryRun
	NetworkInterfaceId string `form:",required"`
	InstanceId         string `form:",required"`
	DeviceIndex        *int   `form:",required"`
	NetworkCardIndex   int
}

type attachOutput struct {
	response
	ID string `xml:"attachmentId"`
}

// attachNetworkInterface attaches to a stopped instance at once, and to a
// running one as soon as the machine has the device.
func attachNetworkInterface(t *tx, in attachInput) (*attachOutput, error) {
	e, err := find(kindENI, t.ENIs, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	i, err := find(kindInstance, t.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if in.NetworkCardIndex != 0 {
		return nil, invalidParameter("Invalid value '%d' for network card index.", in.NetworkCardIndex)
	}
	status, err := t.plugging(i, attaching, attached)
	if err != nil {
		return nil, err
	}
	if err := t.attach(e, i, *in.DeviceIndex, status, false); err != nil {
		return nil, err
	}
	return &attachOutput{ID: e.Attachment.ID}, nil
}

// plugging is the state of an attachment that changes now: while the instance
// runs, the machine has to follow.
func (t *tx) plugging(i *instanceRecord, running, stopped string) (string, error) {
	switch i.State {
	case stateStopped:
		return stopped, nil
	case stateRunning:
		if _, can := t.cfg.Machines.(HotPlug); can {
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
	case e == nil && kindAttachment.check(in.AttachmentId) != nil:
		return nil, kindAttachment.check(in.AttachmentId)
	case e == nil:
		return nil, fail(kindAttachment.notFound, "The specified attachment does not exist: '%s'", in.AttachmentId)
	case e.Attachment.DeviceIndex == 0:
		return nil, fail("OperationNotPermitted", "The network interface at device index 0 cannot be detached.")
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
