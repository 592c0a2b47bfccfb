// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// rootDevice is the device name of an instance's only volume.
const rootDevice = "/dev/xvda"

// rootSize is the size of an image's snapshot, in GiB, as Debian's are on AWS.
const rootSize = 8

// volumeRecord is the root volume of an instance. It exists only to be described: the
// machine's disk is as large as the host's.
type volumeRecord struct {
	ID                  string
	Instance            string // empty when its instance is terminated
	Zone                string
	Snapshot            string
	Size                int // GiB
	Type                string
	IOPS, Throughput    int
	Encrypted           bool
	DeleteOnTermination bool
	Created             time.Time
	Changes             []volumeChange // the oldest first
	tagHolder
}

// volumesOf are the volumes of an instance.
func (t *tx) volumesOf(instance string) []*volumeRecord {
	return slices.DeleteFunc(byID(t.Volumes), func(v *volumeRecord) bool {
		return v.Instance != instance || instance == ""
	})
}

// blockDevice is a volume in RunInstances and CreateImage.
type blockDevice struct {
	DeviceName string
	Ebs        struct {
		VolumeSize, Iops, Throughput *int
		VolumeType, SnapshotId       string
		KmsKeyId                     string
		DeleteOnTermination          *bool
		Encrypted                    bool
	}
}

// snapshotOf is the snapshot that an image is made of.
func snapshotOf(image string) string { return "snap-" + strings.TrimPrefix(image, "ami-") }

// rootVolumeSize is the size of an instance's root volume, in GiB, which an image of it needs too (EC2
// User Guide, creating-an-ami-ebs).
func (t *tx) rootVolumeSize(instance string) int {
	for _, v := range t.volumesOf(instance) {
		return v.Size
	}
	return 0
}

// newVolume makes an instance's root volume.
func (t *tx) newVolume(i *instanceRecord, devices []blockDevice) (*volumeRecord, error) {
	image, err := t.image(i.Image)
	if err != nil {
		return nil, err
	}
	least := image.size()
	v := &volumeRecord{ID: kindVolume.newID(), Instance: i.ID, Zone: i.Zone, Snapshot: snapshotOf(i.Image),
		Size: least, Type: "gp3", IOPS: 3000, Throughput: 125, DeleteOnTermination: true, Created: t.now}
	for _, d := range devices {
		if d.DeviceName != rootDevice {
			return nil, unsupported("The lab's instances have no volumes but the root device, %s", rootDevice)
		}
		if d.Ebs.VolumeSize != nil {
			v.Size = *d.Ebs.VolumeSize
		}
		if v.Size < least {
			return nil, fail("InvalidBlockDeviceMapping",
				"Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", v.Size, v.Snapshot, least)
		}
		if err := v.performance(cmp.Or(d.Ebs.VolumeType, v.Type), d.Ebs.Iops, d.Ebs.Throughput); err != nil {
			return nil, err
		}
		if d.Ebs.DeleteOnTermination != nil {
			v.DeleteOnTermination = *d.Ebs.DeleteOnTermination
		}
		v.Encrypted = d.Ebs.Encrypted
	}
	v.Encrypted = v.Encrypted || t.settings().Encryption != ""
	t.Volumes[v.ID] = v
	return v, nil
}

func (v *volumeRecord) deviceXML() blockDeviceXML {
	return blockDeviceXML{rootDevice, v.ID, attached, timestamp(v.Created), v.DeleteOnTermination}
}

type volumeAttachmentXML struct {
	Volume              string `xml:"volumeId"`
	Instance            string `xml:"instanceId" filter:"instance-id"`
	Device              string `xml:"device" filter:"device"`
	Status              string `xml:"status" filter:"status"`
	At                  string `xml:"attachTime"`
	DeleteOnTermination bool   `xml:"deleteOnTermination" filter:"delete-on-termination"`
}

type volumeXML struct {
	ID          string                   `xml:"volumeId" filter:"volume-id"`
	Size        int                      `xml:"size" filter:"size"`
	Snapshot    string                   `xml:"snapshotId" filter:"snapshot-id"`
	Zone        string                   `xml:"availabilityZone" filter:"availability-zone"`
	ZoneID      string                   `xml:"availabilityZoneId"`
	Status      string                   `xml:"status" filter:"status"`
	Created     string                   `xml:"createTime"`
	Attachments set[volumeAttachmentXML] `xml:"attachmentSet" filter:"attachment"`
	Type        string                   `xml:"volumeType" filter:"volume-type"`
	IOPS        int                      `xml:"iops,omitempty"`
	Throughput  int                      `xml:"throughput,omitempty"`
	Encrypted   bool                     `xml:"encrypted" filter:"encrypted"`
	MultiAttach bool                     `xml:"multiAttachEnabled"`
	Operator    operatorXML              `xml:"operator" filter:"operator"`
	Tags        set[tagXML]              `xml:"tagSet" filter:""`
}

func (t *tx) volumeXML(v *volumeRecord) volumeXML {
	x := volumeXML{ID: v.ID, Size: v.Size, Snapshot: v.Snapshot, Zone: v.Zone, ZoneID: t.cfg.zoneID(v.Zone),
		Status: "available", Created: timestamp(v.Created), Type: v.Type, IOPS: v.IOPS, Throughput: v.Throughput,
		Encrypted: v.Encrypted, Tags: v.Tags.xml()}
	if v.Instance != "" {
		x.Status = "in-use"
		x.Attachments.Items = []volumeAttachmentXML{
			{v.ID, v.Instance, rootDevice, attached, x.Created, v.DeleteOnTermination},
		}
	}
	return x
}

type oneVolume struct {
	dryRun
	Volume *volumeRecord `form:"VolumeId,required"`
}

// deleteVolume removes a volume that outlived its instance.
func deleteVolume(t *tx, in oneVolume) (*done, error) {
	if in.Volume.Instance != "" {
		return nil, fail("VolumeInUse", "Volume %s is currently attached to %s", in.Volume.ID, in.Volume.Instance)
	}
	delete(t.Volumes, in.Volume.ID)
	return ok()
}
