// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"time"
)

// The states of an image. A deregistered image is hidden, but its disk stays while
// instances made from it exist.
const (
	imagePending      = "pending"
	imageAvailable    = "available"
	imageFailed       = "failed"
	imageDeregistered = "deregistered"
)

// imageRecord is an image made by CreateImage.
type imageRecord struct {
	Image
	State    string
	Instance string // that it was made from
	Size     int    // GiB, of its snapshot; 0 is rootSize
	tagHolder
}

// size is the size of the image's snapshot, in GiB.
func (i *imageRecord) size() int { return cmp.Or(i.Size, rootSize) }

// imagesShown returns the stock images that are allowed and the account's own.
func (t *tx) imagesShown() []*imageRecord {
	all := map[string]*imageRecord{}
	for _, stock := range t.cfg.Images {
		if i := (&imageRecord{Image: stock, State: imageAvailable}); t.imageAllowed(i) {
			all[stock.ID] = i
		}
	}
	for id, made := range t.Images {
		if made.State != imageDeregistered {
			all[id] = made
		}
	}
	return byID(all)
}

func (t *tx) image(id string) (*imageRecord, error) {
	for _, i := range t.imagesShown() {
		if i.ID == id {
			return i, nil
		}
	}
	if err := kindImage.check(id); err != nil {
		return nil, err
	}
	return nil, kindImage.missing(id)
}

// launchable refuses an image that cannot be launched in its current state.
func (t *tx) launchable(id string) error {
	i, err := t.image(id)
	if err == nil && i.State != imageAvailable {
		err = fail("InvalidAMIID.Unavailable", "The image ID '%s' is not available", id)
	}
	return err
}

func (t *tx) imageInUse(id string) bool {
	for _, i := range t.Instances {
		if i.Image == id && i.State != stateTerminated {
			return true
		}
	}
	return false
}

type createImageInput struct {
	dryRun
	tagged
	Instance           *instanceRecord `form:"InstanceId,required"`
	Name               string          `form:",required"`
	Description        string
	NoReboot           bool
	BlockDeviceMapping []blockDevice
}

type createImageOutput struct {
	response
	ID string `xml:"imageId"`
}

var imageName = regexp.MustCompile(`^[a-zA-Z0-9()\[\]. ./\-'@_]{3,128}$`)

// createImage makes an image of a stopped instance, or of a running one with NoReboot.
// The lab does not shut the instance down for it, as EC2 does: the caller has to.
func createImage(t *tx, in createImageInput) (*createImageOutput, error) {
	i := in.Instance
	switch {
	case !imageName.MatchString(in.Name):
		return nil, fail("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long, "+
			"and may contain letters, numbers, '(', ')', '.', '-', '/' and '_'")
	case i.State == stateRunning && !in.NoReboot:
		return nil, unsupported("The lab does not reboot an instance to make an image of it: stop it first, or set NoReboot")
	case i.State != stateRunning && i.State != stateStopped:
		return nil, fail("IncorrectState", "The instance '%s' is not in a valid state for this operation (%s)", i.ID, i.State)
	}
	for _, other := range t.imagesShown() {
		if other.Name == in.Name && other.Owner == t.cfg.Account {
			return nil, fail("InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI %s", in.Name, other.ID)
		}
	}
	image := &imageRecord{State: imagePending, Instance: i.ID, Size: t.rootVolumeSize(i.ID), Image: Image{
		ID: kindImage.newID(), Name: in.Name,
		Description: in.Description, Owner: t.cfg.Account, Architecture: architecture, Created: t.now}}
	var err error
	if image.Tags, err = in.tagsFor(kindImage, kind{tagType: "snapshot"}); err != nil {
		return nil, err
	}
	t.Images[image.ID] = image
	return &createImageOutput{ID: image.ID}, nil
}

// makeImage makes a pending image.
func (s *State) makeImage(ctx context.Context, id string) {
	image := s.view().Images[id]
	if image == nil || image.State != imagePending {
		return
	}
	err := s.cfg.Machines.CreateImage(ctx, image.Instance, id)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.cfg.Log.Error("making an image", "image", id, "instance", image.Instance, "err", err)
	}
	s.note("the image "+id, func(t *tx) error {
		image := t.Images[id]
		switch {
		case image == nil || image.State != imagePending:
			return errDiscard
		case err != nil:
			image.State = imageFailed
		default:
			image.State = imageAvailable
		}
		return nil
	})
}

// removeImage removes the disk of an image that no instance needs.
func (s *State) removeImage(ctx context.Context, id string) {
	if err := s.cfg.Machines.DeleteImage(ctx, id); err != nil {
		if ctx.Err() == nil {
			s.cfg.Log.Error("deleting an image", "image", id, "err", err)
		}
		return // retried with the next change of the state
	}
	s.note("the end of the image "+id, func(t *tx) error { delete(t.Images, id); return nil })
}

type deregisterImageInput struct {
	dryRun
	ImageId                   string `form:",required"`
	DeleteAssociatedSnapshots bool
}

func deregisterImage(t *tx, in deregisterImageInput) (*done, error) {
	if _, err := t.image(in.ImageId); err != nil {
		return nil, err
	}
	image := t.Images[in.ImageId]
	if image == nil {
		return nil, failStatus(401, "AuthFailure", "Not authorized for image:%s", in.ImageId)
	}
	image.State = imageDeregistered
	return ok()
}

type imageDeviceXML struct {
	Device              string `xml:"deviceName" filter:"device-name"`
	Snapshot            string `xml:"ebs>snapshotId" filter:"snapshot-id"`
	Size                int    `xml:"ebs>volumeSize" filter:"volume-size"`
	Type                string `xml:"ebs>volumeType" filter:"volume-type"`
	DeleteOnTermination bool   `xml:"ebs>deleteOnTermination" filter:"delete-on-termination"`
	Encrypted           bool   `xml:"ebs>encrypted" filter:"encrypted"`
}

type imageXML struct {
	ID             string              `xml:"imageId" filter:"image-id"`
	Location       string              `xml:"imageLocation" filter:"manifest-location"`
	State          string              `xml:"imageState" filter:"state"`
	Owner          string              `xml:"imageOwnerId" filter:"owner-id"`
	Created        string              `xml:"creationDate" filter:"creation-date"`
	Public         bool                `xml:"isPublic" filter:"is-public"`
	Architecture   string              `xml:"architecture" filter:"architecture"`
	Type           string              `xml:"imageType" filter:"image-type"`
	Name           string              `xml:"name" filter:"name"`
	Description    string              `xml:"description,omitempty" filter:"description"`
	RootType       string              `xml:"rootDeviceType" filter:"root-device-type"`
	RootName       string              `xml:"rootDeviceName" filter:"root-device-name"`
	Devices        set[imageDeviceXML] `xml:"blockDeviceMapping" filter:"block-device-mapping"`
	Virtualization string              `xml:"virtualizationType" filter:"virtualization-type"`
	Hypervisor     string              `xml:"hypervisor" filter:"hypervisor"`
	ENA            bool                `xml:"enaSupport" filter:"ena-support"`
	Platform       string              `xml:"platformDetails" filter:"platform-details"`
	Usage          string              `xml:"usageOperation" filter:"usage-operation"`
	Source         string              `xml:"sourceInstanceId,omitempty" filter:"source-instance-id"`
	Tags           set[tagXML]         `xml:"tagSet" filter:""`
}

func (t *tx) imageXML(i *imageRecord) imageXML {
	return imageXML{
		ID: i.ID, Name: i.Name, Description: i.Description, Location: i.Owner + "/" + i.Name,
		State: i.State, Owner: i.Owner, Created: timestamp(i.Created), Public: i.Owner != t.cfg.Account,
		Architecture: i.Architecture, Type: "machine", RootType: "ebs", RootName: rootDevice,
		Virtualization: "hvm", Hypervisor: "xen", ENA: true,
		Devices:  set[imageDeviceXML]{Items: []imageDeviceXML{{rootDevice, snapshotOf(i.ID), i.size(), "gp3", true, false}}},
		Platform: "Linux/UNIX", Usage: "RunInstances", Source: i.Instance, Tags: i.Tags.xml(),
	}
}

type describeImagesInput struct {
	query
	ImageId           []string
	Owner             []string
	ExecutableBy      []string
	IncludeDeprecated bool
	IncludeDisabled   bool
}

type describeImagesOutput struct {
	response
	Images    set[imageXML] `xml:"imagesSet"`
	NextToken string        `xml:"nextToken,omitempty"`
}

func describeImages(t *tx, in describeImagesInput) (*describeImagesOutput, error) {
	var all []item[imageXML]
	for _, i := range t.imagesShown() {
		mine := slices.Contains(in.Owner, "self") && i.Owner == t.cfg.Account
		if mine || len(in.Owner) == 0 || slices.Contains(in.Owner, i.Owner) {
			all = append(all, item[imageXML]{i.ID, t.imageXML(i)})
		}
	}
	page, next, err := choose(kindImage, all, in.ImageId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeImagesOutput{Images: page, NextToken: next}, nil
}

// parameter returns the value of a public SSM parameter: the newest image with that
// parameter.
func (t *tx) parameter(name string) (image *Image, ok bool) {
	var newest time.Time
	for _, i := range t.cfg.Images {
		if slices.Contains(i.Parameters, name) && (image == nil || i.Created.After(newest)) {
			image, newest = &i, i.Created
		}
	}
	return image, image != nil
}
