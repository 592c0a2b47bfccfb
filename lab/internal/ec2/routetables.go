// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"

	"macaw.example/lab/internal/ec2query"
)

type routeTableRecord struct {
	ID           string
	VPC          string
	Routes       []routeRecord // the primary CIDR's local one first
	Associations []routeTableAssociation
	tagHolder
}

// routeTableAssociation associates a table with a subnet, or makes it the main table of
// its VPC.
type routeTableAssociation struct {
	ID     string
	Subnet string
	Main   bool
}

func (r *routeTableRecord) main() bool {
	return slices.ContainsFunc(r.Associations, func(a routeTableAssociation) bool { return a.Main })
}

// routeTableOf returns the table of a subnet: its own, or else the main one (VPC User
// Guide, VPC_Route_Tables).
func (t *tx) routeTableOf(s *subnetRecord) *routeTableRecord {
	var main *routeTableRecord
	for _, r := range t.RouteTables {
		if r.VPC != s.VPC {
			continue
		}
		if slices.ContainsFunc(r.Associations, func(a routeTableAssociation) bool { return a.Subnet == s.ID }) {
			return r
		}
		if r.main() {
			main = r
		}
	}
	return main
}

func (t *tx) newRouteTable(v *vpcRecord) *routeTableRecord {
	r := &routeTableRecord{ID: kindRouteTable.newID(), VPC: v.ID}
	for _, cidr := range slices.Concat(v.blocks(), v.blocks6()) {
		r.Routes = append(r.Routes, routeRecord{Dest: cidr, Target: targetLocal})
	}
	t.RouteTables[r.ID] = r
	return r
}

// addLocalRoutes adds the local route of a new CIDR to each of the VPC's tables;
// removeRoutes removes those of a disassociated CIDR (VPC User Guide, vpc-cidr-blocks).
func (t *tx) addLocalRoutes(v *vpcRecord, cidr netip.Prefix) {
	for _, r := range t.RouteTables {
		if r.VPC == v.ID {
			r.Routes = append(r.Routes, routeRecord{Dest: cidr, Target: targetLocal})
		}
	}
}

func (t *tx) removeRoutes(v *vpcRecord, cidr netip.Prefix) {
	for _, r := range t.RouteTables {
		if r.VPC == v.ID {
			r.Routes = slices.DeleteFunc(r.Routes, func(have routeRecord) bool { return have.Dest == cidr })
		}
	}
}

// association finds the table with an association, and its index there.
func (t *tx) association(id string) (*routeTableRecord, int, error) {
	for _, r := range t.RouteTables {
		if i := slices.IndexFunc(r.Associations, func(a routeTableAssociation) bool { return a.ID == id }); i >= 0 {
			return r, i, nil
		}
	}
	if err := kindRouteTableAssoc.check(id); err != nil {
		return nil, 0, err
	}
	return nil, 0, kindRouteTableAssoc.missing(id)
}

type associationStateXML struct {
	State string `xml:"state"`
}

type associationXML struct {
	ID     string              `xml:"routeTableAssociationId" filter:"route-table-association-id"`
	Table  string              `xml:"routeTableId" filter:"route-table-id"`
	Subnet string              `xml:"subnetId,omitempty" filter:"subnet-id"`
	Main   bool                `xml:"main" filter:"main"`
	State  associationStateXML `xml:"associationState"`
}

type routeTableXML struct {
	ID           string              `xml:"routeTableId" filter:"route-table-id"`
	VPC          string              `xml:"vpcId" filter:"vpc-id"`
	Owner        string              `xml:"ownerId" filter:"owner-id"`
	Routes       set[routeXML]       `xml:"routeSet" filter:"route"`
	Associations set[associationXML] `xml:"associationSet" filter:"association"`
	Propagating  set[string]         `xml:"propagatingVgwSet"`
	Tags         set[tagXML]         `xml:"tagSet" filter:""`
}

func (t *tx) routeTableXML(r *routeTableRecord) routeTableXML {
	return routeTableXML{ID: r.ID, VPC: r.VPC, Owner: t.cfg.Account, Tags: r.Tags.xml(),
		Routes: ec2query.SetOf(r.Routes, func(route routeRecord) routeXML { return t.routeXML(r, route) }),
		Associations: ec2query.SetOf(r.Associations, func(a routeTableAssociation) associationXML {
			return associationXML{a.ID, r.ID, a.Subnet, a.Main, associationStateXML{"associated"}}
		})}
}

type createRouteTableInput struct {
	dryRun
	tagged
	VpcId       string `form:",required"`
	ClientToken string
}

type createRouteTableOutput struct {
	response
	Table routeTableXML `xml:"routeTable"`
	Token string        `xml:"clientToken,omitempty"`
}

func createRouteTable(t *tx, in createRouteTableInput) (*createRouteTableOutput, error) {
	made, again, err := t.replay(in.ClientToken)
	if err != nil {
		return nil, err
	}
	if r := t.RouteTables[made]; again && r != nil {
		return &createRouteTableOutput{Table: t.routeTableXML(r), Token: in.ClientToken}, nil
	}
	v, err := find(kindVPC, t.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	have := 0
	for _, r := range t.RouteTables {
		if r.VPC == v.ID {
			have++
		}
	}
	if have >= maxRouteTables {
		return nil, fail("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")
	}
	r := t.newRouteTable(v)
	if r.Tags, err = in.tagsFor(kindRouteTable); err != nil {
		return nil, err
	}
	t.remember(in.ClientToken, r.ID)
	return &createRouteTableOutput{Table: t.routeTableXML(r), Token: in.ClientToken}, nil
}

type associateRouteTableInput struct {
	dryRun
	Table  *routeTableRecord `form:"RouteTableId,required"`
	Subnet *subnetRecord     `form:"SubnetId,required"`
}

type associateRouteTableOutput struct {
	response
	ID    string              `xml:"associationId"`
	State associationStateXML `xml:"associationState"`
}

func associateRouteTable(t *tx, in associateRouteTableInput) (*associateRouteTableOutput, error) {
	r, s := in.Table, in.Subnet
	if r.VPC != s.VPC {
		return nil, invalidParameter("Route table %s and subnet %s belong to different networks", r.ID, s.ID)
	}
	for _, other := range t.RouteTables {
		for _, a := range other.Associations {
			if a.Subnet != s.ID {
				continue
			}
			if other != r {
				return nil, fail("Resource.AlreadyAssociated",
					"the specified association for route table %s conflicts with an existing association", r.ID)
			}
			return &associateRouteTableOutput{ID: a.ID, State: associationStateXML{"associated"}}, nil
		}
	}
	a := routeTableAssociation{ID: kindRouteTableAssoc.newID(), Subnet: s.ID}
	r.Associations = append(r.Associations, a)
	return &associateRouteTableOutput{ID: a.ID, State: associationStateXML{"associated"}}, nil
}

type disassociateRouteTableInput struct {
	dryRun
	AssociationId string `form:",required"`
}

func disassociateRouteTable(t *tx, in disassociateRouteTableInput) (*done, error) {
	r, i, err := t.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	if r.Associations[i].Main {
		return nil, invalidParameter("cannot disassociate the main route table association %s", in.AssociationId)
	}
	r.Associations = slices.Delete(r.Associations, i, i+1)
	return ok()
}

type replaceAssociationInput struct {
	dryRun
	AssociationId string            `form:",required"`
	Table         *routeTableRecord `form:"RouteTableId,required"`
}

type replaceAssociationOutput struct {
	response
	ID    string              `xml:"newAssociationId"`
	State associationStateXML `xml:"associationState"`
}

// replaceRouteTableAssociation moves a subnet, or the role of main table, to another
// table. The association gets a new ID.
func replaceRouteTableAssociation(t *tx, in replaceAssociationInput) (*replaceAssociationOutput, error) {
	from, i, err := t.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	to := in.Table
	if from.VPC != to.VPC {
		return nil, invalidParameter("Route tables %s and %s belong to different networks", from.ID, to.ID)
	}
	a := from.Associations[i]
	a.ID = kindRouteTableAssoc.newID()
	from.Associations = slices.Delete(from.Associations, i, i+1)
	to.Associations = append(to.Associations, a)
	return &replaceAssociationOutput{ID: a.ID, State: associationStateXML{"associated"}}, nil
}

type oneRouteTable struct {
	dryRun
	Table *routeTableRecord `form:"RouteTableId,required"`
}

func deleteRouteTable(t *tx, in oneRouteTable) (*done, error) {
	if len(in.Table.Associations) > 0 {
		return nil, dependencyViolation("routeTable", in.Table.ID)
	}
	delete(t.RouteTables, in.Table.ID)
	return ok()
}
