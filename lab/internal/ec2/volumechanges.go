// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"time"
)

// maxVolumeChanges is how often a volume can be changed in volumeChangePeriod (EC2 API
// Reference, ModifyVolume).
const (
	maxVolumeChanges   = 4
	volumeChangePeriod = 24 * time.Hour
)

// volumeShape is what ModifyVolume changes.
type volumeShape struct {
	Size             int // GiB
	Type             string
	IOPS, Throughput int
}

// volumeChange is a change of a volume; in the lab it is complete at once.
type volumeChange struct {
	At       time.Time
	From, To volumeShape
}

func (v *volumeRecord) shape() volumeShape { return volumeShape{v.Size, v.Type, v.IOPS, v.Throughput} }

// performance sets the type of a volume, with its IOPS and throughput: gp3 has 3000 and
// 125 MiB/s unless more is asked for, gp2 what its size gives (EBS User Guide,
// general-purpose).
func (v *volumeRecord) performance(volumeType string, iops, throughput *int) error {
	switch volumeType {
	case "gp3":
		v.IOPS, v.Throughput = 3000, 125
	case "gp2":
		v.IOPS, v.Throughput = min(max(100, 3*v.Size), 16000), 0
	case "io1", "io2":
		if iops == nil && (v.Type != volumeType || v.IOPS == 0) {
			return missingParameter("iops")
		}
		v.Throughput = 0
	case "st1", "sc1", "standard":
		v.IOPS, v.Throughput = 0, 0
	default:
		return invalidParameter("Invalid value '%s' for volumeType.", volumeType)
	}
	v.Type = volumeType
	switch provisioned := volumeType == "gp3" || volumeType == "io1" || volumeType == "io2"; {
	case iops != nil && !provisioned:
		return badCombination("The parameter iops is not supported for %s volumes.", volumeType)
	case throughput != nil && volumeType != "gp3":
		return badCombination("The parameter throughput is not supported for %s volumes.", volumeType)
	}
	if iops != nil {
		v.IOPS = *iops
	}
	if throughput != nil {
		v.Throughput = *throughput
	}
	return nil
}

type modifyVolumeInput struct {
	dryRun
	Volume             *volumeRecord `form:"VolumeId,required"`
	Size               *int
	VolumeType         string
	Iops               *int
	Throughput         *int
	MultiAttachEnabled bool
}

type volumeChangeXML struct {
	Volume             string `xml:"volumeId" filter:"volume-id"`
	State              string `xml:"modificationState" filter:"modification-state"`
	TargetSize         int    `xml:"targetSize" filter:"target-size"`
	TargetIOPS         int    `xml:"targetIops,omitempty" filter:"target-iops"`
	TargetType         string `xml:"targetVolumeType" filter:"target-volume-type"`
	TargetThroughput   int    `xml:"targetThroughput,omitempty"`
	TargetMulti        bool   `xml:"targetMultiAttachEnabled" filter:"target-multi-attach-enabled"`
	OriginalSize       int    `xml:"originalSize" filter:"original-size"`
	OriginalIOPS       int    `xml:"originalIops,omitempty" filter:"original-iops"`
	OriginalType       string `xml:"originalVolumeType" filter:"original-volume-type"`
	OriginalThroughput int    `xml:"originalThroughput,omitempty"`
	OriginalMulti      bool   `xml:"originalMultiAttachEnabled" filter:"original-multi-attach-enabled"`
	Progress           int    `xml:"progress"`
	Started            string `xml:"startTime" filter:"start-time"`
	Ended              string `xml:"endTime"`
}

func (c volumeChange) xml(volume string) volumeChangeXML {
	return volumeChangeXML{Volume: volume, State: "completed", Progress: 100, Started: timestamp(c.At),
		Ended: timestamp(c.At), TargetSize: c.To.Size, TargetIOPS: c.To.IOPS, TargetType: c.To.Type,
		TargetThroughput: c.To.Throughput, OriginalSize: c.From.Size, OriginalIOPS: c.From.IOPS,
		OriginalType: c.From.Type, OriginalThroughput: c.From.Throughput}
}

type modifyVolumeOutput struct {
	response
	Change volumeChangeXML `xml:"volumeModification"`
}

// modifyVolume changes size, type and performance. The machine's disk stays as large as
// the host's.
func modifyVolume(t *tx, in modifyVolumeInput) (*modifyVolumeOutput, error) {
	v := in.Volume
	recent := count(v.Changes, func(c volumeChange) bool { return t.now.Sub(c.At) < volumeChangePeriod })
	switch {
	case in.MultiAttachEnabled:
		return nil, unsupported("The lab's volumes are attached to one instance")
	case in.Size != nil && *in.Size < v.Size:
		return nil, invalidParameter("New size cannot be smaller than existing size")
	case recent >= maxVolumeChanges:
		return nil, fail("VolumeModificationRateExceeded", "You've reached the maximum modification rate per volume limit. "+
			"A volume can be modified %d times in %d hours.", maxVolumeChanges, int(volumeChangePeriod.Hours()))
	}
	before := v.shape()
	if in.Size != nil {
		v.Size = *in.Size
	}
	iops, throughput := in.Iops, in.Throughput
	if in.VolumeType == "" || in.VolumeType == v.Type {
		// What is not named stays.
		if iops == nil && before.Type == "gp3" {
			iops = &before.IOPS
		}
		if throughput == nil && before.Type == "gp3" {
			throughput = &before.Throughput
		}
	}
	if err := v.performance(cmp.Or(in.VolumeType, v.Type), iops, throughput); err != nil {
		return nil, err
	}
	if v.shape() == before {
		return nil, missingParameter("size, volumeType, iops or throughput")
	}
	change := volumeChange{t.now, before, v.shape()}
	v.Changes = append(v.Changes, change)
	return &modifyVolumeOutput{Change: change.xml(v.ID)}, nil
}

type describeVolumeChangesInput struct {
	query
	VolumeId []string
}

// describeVolumesModifications shows the latest change of each volume that was changed.
func describeVolumesModifications(t *tx, in describeVolumeChangesInput) (*described[volumeChangeXML], error) {
	var all []item[volumeChangeXML]
	for _, v := range byID(t.Volumes) {
		if n := len(v.Changes); n > 0 {
			all = append(all, item[volumeChangeXML]{v.ID, v.Changes[n-1].xml(v.ID)})
		}
	}
	page, next, err := choose(kindVolumeChange, all, in.VolumeId, in.query)
	if err != nil {
		return nil, err
	}
	return newDescribed("volumeModificationSet", page, next), nil
}

var kindVolumeChange = kind{name: "volume modification", prefix: kindVolume.prefix, malformed: kindVolume.malformed,
	notFound: "InvalidVolumeModification.NotFound"}
