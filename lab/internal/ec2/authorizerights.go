// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"net/url"
	"slices"

	"macaw.example/lab/internal/ec2query"
)

// right is a resource that an action requires a right on.
type right struct {
	resourceType string
	fresh        bool     // the call creates it
	parameters   []string // that name it
	// by maps a parameter's value to an ID, empty if there is none.
	by func(t *tx, value string) string
}

func makes(resourceType string) right { return right{resourceType: resourceType, fresh: true} }

func on(resourceType string, parameters ...string) right {
	return right{resourceType: resourceType, parameters: parameters}
}

// rights lists the resources of each action that has any (Service Authorization
// Reference, list_amazonec2, "Actions"). An action missing here applies to *, as the
// Describe calls do.
var rights = map[string][]right{
	"CreateVpc":                   {makes("vpc")},
	"DeleteVpc":                   {on("vpc", "VpcId")},
	"ModifyVpcAttribute":          {on("vpc", "VpcId")},
	"DescribeVpcAttribute":        {on("vpc", "VpcId")},
	"AssociateVpcCidrBlock":       {on("vpc", "VpcId")},
	"DisassociateVpcCidrBlock":    {blockVPC},
	"CreateSubnet":                {makes("subnet"), on("vpc", "VpcId")},
	"DeleteSubnet":                {on("subnet", "SubnetId")},
	"ModifySubnetAttribute":       {on("subnet", "SubnetId")},
	"AssociateSubnetCidrBlock":    {on("subnet", "SubnetId")},
	"DisassociateSubnetCidrBlock": {blockSubnet},
	// The reservation is not a resource of these actions; deleting and describing
	// reservations apply to *.
	"CreateSubnetCidrReservation": {on("subnet", "SubnetId")},

	"CreateInternetGateway": {makes("internet-gateway")},
	"AttachInternetGateway": {on("internet-gateway", "InternetGatewayId"), on("vpc", "VpcId")},
	"DetachInternetGateway": {on("internet-gateway", "InternetGatewayId"), on("vpc", "VpcId")},
	"DeleteInternetGateway": {on("internet-gateway", "InternetGatewayId")},
	"CreateNatGateway":      {makes("natgateway"), on("subnet", "SubnetId"), on("elastic-ip", "AllocationId")},
	"DeleteNatGateway":      {on("natgateway", "NatGatewayId")},

	"CreateRouteTable": {makes("route-table"), on("vpc", "VpcId")},
	"AssociateRouteTable": {on("route-table", "RouteTableId"), on("subnet", "SubnetId"),
		on("internet-gateway", "GatewayId")},
	"DisassociateRouteTable":       {associatedTable, associatedSubnet},
	"ReplaceRouteTableAssociation": {on("route-table", "RouteTableId"), associatedSubnet},
	"DeleteRouteTable":             {on("route-table", "RouteTableId")},
	"CreateRoute":                  {on("route-table", "RouteTableId")},
	"ReplaceRoute":                 {on("route-table", "RouteTableId")},
	"DeleteRoute":                  {on("route-table", "RouteTableId")},

	"CreateSecurityGroup":                        {makes("security-group"), on("vpc", "VpcId")},
	"DeleteSecurityGroup":                        {on("security-group", "GroupId")},
	"AuthorizeSecurityGroupIngress":              {on("security-group", "GroupId")},
	"AuthorizeSecurityGroupEgress":               {on("security-group", "GroupId")},
	"RevokeSecurityGroupIngress":                 {on("security-group", "GroupId")},
	"RevokeSecurityGroupEgress":                  {on("security-group", "GroupId")},
	"ModifySecurityGroupRules":                   {on("security-group", "GroupId")},
	"UpdateSecurityGroupRuleDescriptionsIngress": {on("security-group", "GroupId")},
	"UpdateSecurityGroupRuleDescriptionsEgress":  {on("security-group", "GroupId")},

	"ImportKeyPair": {makes("key-pair")},
	"CreateKeyPair": {makes("key-pair")},
	"DeleteKeyPair": {on("key-pair", "KeyName"),
		{resourceType: "key-pair", parameters: []string{"KeyPairId"}, by: keyPairName}},

	"DeleteNetworkInterface": {on("network-interface", "NetworkInterfaceId")},
	"ModifyNetworkInterfaceAttribute": {on("network-interface", "NetworkInterfaceId"),
		on("security-group", "SecurityGroupId")},
	"ResetNetworkInterfaceAttribute": {on("network-interface", "NetworkInterfaceId")},
	"AttachNetworkInterface":         {on("network-interface", "NetworkInterfaceId"), on("instance", "InstanceId")},
	"DetachNetworkInterface":         {attachedInterface, attachedInstance},
	"AssignPrivateIpAddresses":       {on("network-interface", "NetworkInterfaceId")},
	"UnassignPrivateIpAddresses":     {on("network-interface", "NetworkInterfaceId")},
	"AssignIpv6Addresses":            {on("network-interface", "NetworkInterfaceId")},
	"UnassignIpv6Addresses":          {on("network-interface", "NetworkInterfaceId")},

	"AllocateAddress": {makes("elastic-ip")},
	"ReleaseAddress":  {on("elastic-ip", "AllocationId"), publicAddress},
	"AssociateAddress": {on("elastic-ip", "AllocationId"), publicAddress, on("network-interface", "NetworkInterfaceId"),
		on("instance", "InstanceId")},
	"DisassociateAddress": {associatedAddress, publicAddress, addressedInterface},

	"StartInstances":                       {on("instance", "InstanceId")},
	"StopInstances":                        {on("instance", "InstanceId")},
	"RebootInstances":                      {on("instance", "InstanceId")},
	"TerminateInstances":                   {on("instance", "InstanceId")},
	"ModifyInstanceMetadataOptions":        {on("instance", "InstanceId")},
	"ModifyInstanceAttribute":              {on("instance", "InstanceId"), on("security-group", "GroupId")},
	"DescribeInstanceAttribute":            {on("instance", "InstanceId")},
	"ModifyInstanceCpuOptions":             {on("instance", "InstanceId")},
	"ModifyPrivateDnsNameOptions":          {on("instance", "InstanceId")},
	"GetConsoleOutput":                     {on("instance", "InstanceId")},
	"AssociateIamInstanceProfile":          {on("instance", "InstanceId")},
	"DisassociateIamInstanceProfile":       {profiledInstance},
	"ReplaceIamInstanceProfileAssociation": {profiledInstance},
	"DeleteVolume":                         {on("volume", "VolumeId")},
	"ModifyVolume":                         {on("volume", "VolumeId")},
	"MonitorInstances":                     {on("instance", "InstanceId")},
	"UnmonitorInstances":                   {on("instance", "InstanceId")},
	"ModifyInstanceMaintenanceOptions":     {on("instance", "InstanceId")},
	"CreateImage":                          {makes("image"), on("instance", "InstanceId"), makes("snapshot")},
	"DeregisterImage":                      {on("image", "ImageId")},
}

// Resources named by something other than their own ID.
var (
	associatedAddress = right{resourceType: "elastic-ip", parameters: []string{"AssociationId"},
		by: addressWith(func(a *addressRecord) string { return a.ID })}
	addressedInterface = right{resourceType: "network-interface", parameters: []string{"AssociationId"},
		by: addressWith(func(a *addressRecord) string { return a.ENI })}
	publicAddress = right{resourceType: "elastic-ip", parameters: []string{"PublicIp"},
		by: func(t *tx, value string) string {
			for _, a := range t.Addresses {
				if public, err := netip.ParseAddr(value); err == nil && a.Public == public {
					return a.ID
				}
			}
			return ""
		}}
	attachedInterface = right{resourceType: "network-interface", parameters: []string{"AttachmentId"},
		by: attachmentWith(func(e *eniRecord) string { return e.ID })}
	attachedInstance = right{resourceType: "instance", parameters: []string{"AttachmentId"},
		by: attachmentWith(func(e *eniRecord) string { return e.Attachment.Instance })}
	profiledInstance = right{resourceType: "instance", parameters: []string{"AssociationId"},
		by: func(t *tx, value string) string {
			for _, i := range t.Instances {
				if i.Profile.Association == value {
					return i.ID
				}
			}
			return ""
		}}
	blockVPC = right{resourceType: "vpc", parameters: []string{"AssociationId"}, by: func(t *tx, value string) string {
		for _, v := range t.VPCs {
			if v.CIDRAssociation == value ||
				slices.ContainsFunc(slices.Concat(v.Secondary, v.IPv6), func(b blockRecord) bool { return b.ID == value }) {
				return v.ID
			}
		}
		return ""
	}}
	blockSubnet = right{resourceType: "subnet", parameters: []string{"AssociationId"},
		by: func(t *tx, value string) string {
			for _, s := range t.Subnets {
				if s.IPv6Association == value {
					return s.ID
				}
			}
			return ""
		}}
	associatedTable = right{resourceType: "route-table", parameters: []string{"AssociationId"},
		by: tableWith(func(r *routeTableRecord, _ routeTableAssociation) string { return r.ID })}
	associatedSubnet = right{resourceType: "subnet", parameters: []string{"AssociationId"},
		by: tableWith(func(_ *routeTableRecord, a routeTableAssociation) string { return a.Subnet })}
)

func addressWith(want func(*addressRecord) string) func(*tx, string) string {
	return func(t *tx, association string) string {
		for _, a := range t.Addresses {
			if a.Association == association {
				return want(a)
			}
		}
		return ""
	}
}

func attachmentWith(want func(*eniRecord) string) func(*tx, string) string {
	return func(t *tx, attachment string) string {
		for _, e := range t.ENIs {
			if e.Attachment != nil && e.Attachment.ID == attachment {
				return want(e)
			}
		}
		return ""
	}
}

func tableWith(want func(*routeTableRecord, routeTableAssociation) string) func(*tx, string) string {
	return func(t *tx, association string) string {
		for _, r := range t.RouteTables {
			for _, a := range r.Associations {
				if a.ID == association {
					return want(r, a)
				}
			}
		}
		return ""
	}
}

func keyPairName(t *tx, id string) string {
	for _, k := range t.KeyPairs {
		if k.ID == id {
			return k.Name
		}
	}
	return ""
}

// specialRights are those of actions whose resources depend on one another.
var specialRights = map[string]func(*tx, url.Values) []object{
	"CreateTags":             taggingRights,
	"DeleteTags":             taggingRights,
	"CreateNetworkInterface": (*tx).newInterfaceRights,
	"RunInstances":           (*tx).launchRights,

	"ModifyInstanceCreditSpecification": (*tx).creditRights,
}

func (t *tx) creditRights(form url.Values) []object {
	var all []object
	for _, at := range ec2query.Indexed(form, "InstanceCreditSpecification.") {
		all = append(all, t.existing("instance", form.Get(at+".InstanceId")))
	}
	return all
}

// taggingRights returns the resources to be tagged, each with the tags of the request.
func taggingRights(t *tx, form url.Values) []object {
	resources := t.taggedResources()
	var all []object
	for _, id := range ec2query.Values(form, "ResourceId") {
		resourceType, name := resources[id].kind.tagType, id
		if resourceType == kindKeyPair.tagType {
			name = keyPairName(t, id)
		}
		if resourceType == "" {
			continue // the action refuses it
		}
		o := t.existing(resourceType, name)
		o.requestTags(ec2query.TagsAt(form, "Tag."))
		all = append(all, o)
	}
	return all
}

func (t *tx) newInterfaceRights(form url.Values) []object {
	return t.interfaceObjects(form, "", "SubnetId", "SecurityGroupId")
}

// interfaceObjects returns a new interface, its subnet and its groups.
func (t *tx) interfaceObjects(form url.Values, prefix, subnetName, groupsName string) []object {
	subnet := form.Get(prefix + subnetName)
	if s := t.defaultSubnet(form.Get("Placement.AvailabilityZone")); subnet == "" && s != nil {
		subnet = s.ID
	}
	nic := t.fresh("network-interface", form)
	groups := ec2query.Values(form, prefix+groupsName)
	if s := t.Subnets[subnet]; s != nil {
		t.place(nic.context, s.VPC, s.ID, s.Zone)
		if len(groups) == 0 {
			groups = []string{t.defaultGroupOf(s.VPC).ID}
		}
	}
	all := []object{nic}
	if subnet != "" {
		all = append(all, t.existing("subnet", subnet))
	}
	for _, g := range groups {
		all = append(all, t.existing("security-group", g))
	}
	return all
}

// launchRights returns everything that a launch creates or uses.
func (t *tx) launchRights(form url.Values) []object {
	instance := t.fresh("instance", form)
	kind := form.Get("InstanceType")
	if kind == "" {
		kind = "t3.micro"
	}
	instance.context.Set("ec2:InstanceType", kind)
	for key, name := range map[string]string{
		"ec2:MetadataHttpTokens": "MetadataOptions.HttpTokens", "ec2:MetadataHttpEndpoint": "MetadataOptions.HttpEndpoint",
		"ec2:MetadataHttpPutResponseHopLimit": "MetadataOptions.HttpPutResponseHopLimit",
		"ec2:InstanceProfile":                 "IamInstanceProfile.Arn",
	} {
		instance.context.Set(key, ec2query.Values(form, name)...)
	}
	all := []object{instance, t.fresh("volume", form)}
	if image := form.Get("ImageId"); image != "" {
		all = append(all, t.existing("image", image))
	}
	if key := form.Get("KeyName"); key != "" {
		all = append(all, t.existing("key-pair", key))
	}
	nics := ec2query.Indexed(form, "NetworkInterface.")
	if len(nics) == 0 {
		all = append(all, t.interfaceObjects(form, "", "SubnetId", "SecurityGroupId")...)
	}
	for _, at := range nics {
		id := form.Get(at + ".NetworkInterfaceId")
		if id == "" {
			all = append(all, t.interfaceObjects(form, at+".", "SubnetId", "SecurityGroupId")...)
			continue
		}
		all = append(all, t.existing("network-interface", id))
		if e := t.ENIs[id]; e != nil {
			all = append(all, t.existing("subnet", e.Subnet))
			for _, g := range e.Groups {
				all = append(all, t.existing("security-group", g))
			}
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(o object) bool {
		again := seen[o.arn] && o.arn[len(o.arn)-1] != '*'
		seen[o.arn] = true
		return again
	})
}
