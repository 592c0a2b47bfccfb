// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"slices"
	"time"
)

// profileRecord is an instance's association with an instance profile; the zero value
// is none.
type profileRecord struct {
	Association string
	ARN, ID     string
	At          time.Time
}

type profileXML struct {
	ARN string `xml:"arn" filter:"arn"`
	ID  string `xml:"id" filter:"id"`
}

func (p profileRecord) xml() *profileXML {
	if p.ARN == "" {
		return nil
	}
	return &profileXML{p.ARN, p.ID}
}

// profileInput names an instance profile.
type profileInput struct{ Arn, Name string }

// find returns the association requested for an instance; none if no profile is named.
func (in profileInput) find(t *tx) (profileRecord, error) {
	parameter, given := "iamInstanceProfile.name", "name"
	switch {
	case in.Arn != "" && in.Name != "":
		return profileRecord{}, badCombination("The parameters 'iamInstanceProfile.name' and 'iamInstanceProfile.arn' may " +
			"not be used in combination")
	case in.Arn == "" && in.Name == "":
		return profileRecord{}, nil
	case in.Arn != "":
		parameter, given = "iamInstanceProfile.arn", "ARN"
	}
	named := cmp.Or(in.Name, in.Arn)
	if t.cfg.Profiles != nil {
		if arn, id, ok := t.cfg.Profiles.Profile(named); ok {
			return profileRecord{newID(kindProfileAssoc.prefix), arn, id, t.now}, nil
		}
	}
	return profileRecord{}, invalidParameter("Value (%s) for parameter %s is invalid. Invalid IAM Instance Profile %s",
		named, parameter, given)
}

type profileAssociationXML struct {
	ID       string      `xml:"associationId"`
	Instance string      `xml:"instanceId" filter:"instance-id"`
	Profile  *profileXML `xml:"iamInstanceProfile"`
	State    string      `xml:"state" filter:"state"`
	At       string      `xml:"timestamp"`
}

type profileAssociationOutput struct {
	response
	Association profileAssociationXML `xml:"iamInstanceProfileAssociation"`
}

func (i *instanceRecord) associationXML(state string) profileAssociationXML {
	return profileAssociationXML{i.Profile.Association, i.ID, i.Profile.xml(), state, timestamp(i.Profile.At)}
}

// profileAssociation finds the instance with an association.
func (t *tx) profileAssociation(id string) (*instanceRecord, error) {
	for _, i := range t.Instances {
		if i.Profile.Association == id && id != "" {
			return i, nil
		}
	}
	return nil, fail(kindProfileAssoc.notFound, "An invalid association-id of '%s' was given", id)
}

type associateProfileInput struct {
	Instance           *instanceRecord `form:"InstanceId,required"`
	IamInstanceProfile profileInput    `form:",required"`
}

func associateIamInstanceProfile(t *tx, in associateProfileInput) (*profileAssociationOutput, error) {
	i := in.Instance
	if i.State != stateRunning && i.State != stateStopped && i.State != statePending {
		return nil, fail("IncorrectInstanceState",
			"The instance '%s' is not in a state in which it can have an instance profile (%s).", i.ID, i.State)
	}
	if i.Profile.ARN != "" {
		return nil, fail("IncorrectState", "There is an existing association for instance %s", i.ID)
	}
	return i.setProfile(t, in.IamInstanceProfile)
}

func (i *instanceRecord) setProfile(t *tx, in profileInput) (*profileAssociationOutput, error) {
	profile, err := in.find(t)
	if err != nil {
		return nil, err
	}
	if profile.ARN == "" {
		return nil, missingParameter("iamInstanceProfile")
	}
	i.Profile = profile
	return &profileAssociationOutput{Association: i.associationXML(associating)}, nil
}

type profileAssociationInput struct {
	AssociationId string `form:",required"`
}

func disassociateIamInstanceProfile(t *tx, in profileAssociationInput) (*profileAssociationOutput, error) {
	i, err := t.profileAssociation(in.AssociationId)
	if err != nil {
		return nil, err
	}
	out := &profileAssociationOutput{Association: i.associationXML(disassociating)}
	i.Profile = profileRecord{}
	return out, nil
}

type replaceProfileInput struct {
	AssociationId      string       `form:",required"`
	IamInstanceProfile profileInput `form:",required"`
}

// replaceIamInstanceProfileAssociation replaces the profile of an association, which
// gets a new ID.
func replaceIamInstanceProfileAssociation(t *tx, in replaceProfileInput) (*profileAssociationOutput, error) {
	i, err := t.profileAssociation(in.AssociationId)
	if err != nil {
		return nil, err
	}
	return i.setProfile(t, in.IamInstanceProfile)
}

type describeProfilesInput struct {
	query
	AssociationId []string
}

type describeProfilesOutput struct {
	response
	Associations set[profileAssociationXML] `xml:"iamInstanceProfileAssociationSet"`
	NextToken    string                     `xml:"nextToken,omitempty"`
}

func describeIamInstanceProfileAssociations(t *tx, in describeProfilesInput) (*describeProfilesOutput, error) {
	var all []item[profileAssociationXML]
	for _, i := range t.Instances {
		if i.Profile.ARN != "" {
			all = append(all, item[profileAssociationXML]{i.Profile.Association, i.associationXML(associated)})
		}
	}
	slices.SortFunc(all, func(a, b item[profileAssociationXML]) int { return cmp.Compare(a.id, b.id) })
	page, next, err := choose(kindProfileAssoc, all, in.AssociationId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeProfilesOutput{Associations: page, NextToken: next}, nil
}
