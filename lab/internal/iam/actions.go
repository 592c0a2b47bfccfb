// SPDX-License-Identifier: Apache-2.0

package iam

import "strings"

// The resources of actions, by their names in policies (Service Authorization
// Reference, list_iam).

func aboutRole(t *tx, p *params) string {
	name := p.form.Get("RoleName")
	if r := t.Roles[name]; r != nil {
		return t.roleARN(r)
	}
	return t.cfg.arn("role", pathOf(p), name)
}

func aboutUser(t *tx, p *params) string {
	name := p.form.Get("UserName")
	if name == "" {
		name = t.who.user
	}
	if u := t.Users[name]; u != nil {
		return t.userARN(u)
	}
	return t.cfg.arn("user", pathOf(p), name)
}

func aboutProfile(t *tx, p *params) string {
	name := p.form.Get("InstanceProfileName")
	if i := t.Profiles[name]; i != nil {
		return t.profileARN(i)
	}
	return t.cfg.arn("instance-profile", pathOf(p), name)
}

func aboutPolicy(t *tx, p *params) string {
	if arn := p.form.Get("PolicyArn"); arn != "" {
		return arn
	}
	return t.cfg.arn("policy", pathOf(p), p.form.Get("PolicyName"))
}

func aboutDevice(t *tx, p *params) string {
	if serial := p.form.Get("SerialNumber"); serial != "" {
		return serial
	}
	return t.cfg.arn("mfa", pathOf(p), p.form.Get("VirtualMFADeviceName"))
}

func pathOf(p *params) string {
	if path := p.form.Get("Path"); path != "" {
		return path
	}
	return "/"
}

// tagsAt returns the tags of the resource with an ARN.
func (t *tx) tagsAt(arn string) map[string]string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(arn, t.cfg.arn("", "", "")), "/")
	name := lastPart(arn)
	switch {
	case kind == "role" && t.Roles[name] != nil:
		return t.Roles[name].Tags
	case kind == "user" && t.Users[name] != nil:
		return t.Users[name].Tags
	case kind == "instance-profile" && t.Profiles[name] != nil:
		return t.Profiles[name].Tags
	case kind == "mfa" && t.Devices[arn] != nil:
		return t.Devices[arn].Tags
	case kind == "policy" && t.Policies[arn] != nil:
		return t.Policies[arn].Tags
	}
	return nil
}

// iamActions are the calls that the lab implements; any other is InvalidAction.
var iamActions = map[string]action{
	"CreateRole":             {run: createRole, on: aboutRole, changes: true},
	"GetRole":                {run: getRole, on: aboutRole},
	"UpdateRole":             {run: updateRole, on: aboutRole, changes: true},
	"UpdateRoleDescription":  {run: updateRoleDescription, on: aboutRole, changes: true},
	"DeleteRole":             {run: deleteRole, on: aboutRole, changes: true},
	"ListRoles":              {run: listRoles},
	"UpdateAssumeRolePolicy": {run: updateTrust, on: aboutRole, changes: true},
	"TagRole":                {run: tagHolder(tagsOfRole).tag, on: aboutRole, changes: true},
	"UntagRole":              {run: tagHolder(tagsOfRole).untag, on: aboutRole, changes: true},
	"ListRoleTags":           {run: tagHolder(tagsOfRole).list, on: aboutRole},

	"PutRolePolicy":            {run: onRole.putPolicy, on: aboutRole, changes: true},
	"GetRolePolicy":            {run: onRole.getPolicy, on: aboutRole},
	"DeleteRolePolicy":         {run: onRole.deletePolicy, on: aboutRole, changes: true},
	"ListRolePolicies":         {run: onRole.listPolicies, on: aboutRole},
	"AttachRolePolicy":         {run: onRole.attach, on: aboutRole, changes: true},
	"DetachRolePolicy":         {run: onRole.detach, on: aboutRole, changes: true},
	"ListAttachedRolePolicies": {run: onRole.listAttached, on: aboutRole},

	"CreatePolicy":            {run: createPolicy, on: aboutPolicy, changes: true},
	"GetPolicy":               {run: getPolicy, on: aboutPolicy},
	"DeletePolicy":            {run: deletePolicy, on: aboutPolicy, changes: true},
	"ListPolicies":            {run: listPolicies},
	"CreatePolicyVersion":     {run: createPolicyVersion, on: aboutPolicy, changes: true},
	"GetPolicyVersion":        {run: getPolicyVersion, on: aboutPolicy},
	"ListPolicyVersions":      {run: listPolicyVersions, on: aboutPolicy},
	"DeletePolicyVersion":     {run: deletePolicyVersion, on: aboutPolicy, changes: true},
	"SetDefaultPolicyVersion": {run: setDefaultPolicyVersion, on: aboutPolicy, changes: true},
	"TagPolicy":               {run: tagHolder(tagsOfPolicy).tag, on: aboutPolicy, changes: true},
	"UntagPolicy":             {run: tagHolder(tagsOfPolicy).untag, on: aboutPolicy, changes: true},
	"ListPolicyTags":          {run: tagHolder(tagsOfPolicy).list, on: aboutPolicy},

	"CreateInstanceProfile":         {run: createInstanceProfile, on: aboutProfile, changes: true},
	"GetInstanceProfile":            {run: getInstanceProfile, on: aboutProfile},
	"DeleteInstanceProfile":         {run: deleteInstanceProfile, on: aboutProfile, changes: true},
	"ListInstanceProfiles":          {run: listInstanceProfiles},
	"ListInstanceProfilesForRole":   {run: listInstanceProfilesForRole, on: aboutRole},
	"AddRoleToInstanceProfile":      {run: addRole, on: aboutProfile, changes: true},
	"RemoveRoleFromInstanceProfile": {run: removeRole, on: aboutProfile, changes: true},
	"TagInstanceProfile":            {run: tagHolder(tagsOfProfile).tag, on: aboutProfile, changes: true},
	"UntagInstanceProfile":          {run: tagHolder(tagsOfProfile).untag, on: aboutProfile, changes: true},
	"ListInstanceProfileTags":       {run: tagHolder(tagsOfProfile).list, on: aboutProfile},

	"CreateUser":               {run: createUser, on: aboutUser, changes: true},
	"GetUser":                  {run: getUser, on: aboutUser},
	"DeleteUser":               {run: deleteUser, on: aboutUser, changes: true},
	"ListUsers":                {run: listUsers},
	"ListGroupsForUser":        {run: listGroupsForUser, on: aboutUser},
	"TagUser":                  {run: tagHolder(tagsOfUser).tag, on: aboutUser, changes: true},
	"UntagUser":                {run: tagHolder(tagsOfUser).untag, on: aboutUser, changes: true},
	"ListUserTags":             {run: tagHolder(tagsOfUser).list, on: aboutUser},
	"PutUserPolicy":            {run: onUser.putPolicy, on: aboutUser, changes: true},
	"GetUserPolicy":            {run: onUser.getPolicy, on: aboutUser},
	"DeleteUserPolicy":         {run: onUser.deletePolicy, on: aboutUser, changes: true},
	"ListUserPolicies":         {run: onUser.listPolicies, on: aboutUser},
	"AttachUserPolicy":         {run: onUser.attach, on: aboutUser, changes: true},
	"DetachUserPolicy":         {run: onUser.detach, on: aboutUser, changes: true},
	"ListAttachedUserPolicies": {run: onUser.listAttached, on: aboutUser},
	"CreateAccessKey":          {run: createAccessKey, on: aboutUser, changes: true},
	"UpdateAccessKey":          {run: updateAccessKey, on: aboutUser, changes: true},
	"DeleteAccessKey":          {run: deleteAccessKey, on: aboutUser, changes: true},
	"ListAccessKeys":           {run: listAccessKeys, on: aboutUser},

	"CreateVirtualMFADevice": {run: createDevice, on: aboutDevice, changes: true},
	"EnableMFADevice":        {run: enableDevice, on: aboutUser, changes: true},
	"ResyncMFADevice":        {run: resyncDevice, on: aboutUser, changes: true},
	"DeactivateMFADevice":    {run: deactivateDevice, on: aboutUser, changes: true},
	"DeleteVirtualMFADevice": {run: deleteDevice, on: aboutDevice, changes: true},
	"ListMFADevices":         {run: listDevices, on: aboutUser},
	"ListVirtualMFADevices":  {run: listVirtualDevices},

	"SimulatePrincipalPolicy": {run: simulatePrincipalPolicy, on: aboutSource},
}
