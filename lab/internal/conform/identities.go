// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// identityPath is the path of all that runs make in IAM; that of one run has its name after it. Unlike EC2's,
// IAM's lists do not show tags, and cannot be filtered by them.
const identityPath = "/macaw/conform/"

const iamVersion = "2010-05-08"

// identity is a role, a user or an instance profile in one of IAM's lists.
type identity struct {
	Path    string
	Role    string `xml:"RoleName"`
	User    string `xml:"UserName"`
	Profile string `xml:"InstanceProfileName"`
}

// iam calls IAM for a check, which is skipped if the caller may not.
func (b *bench) iam(out any, action string, parameters ...string) {
	err := b.tryIAM(out, action, parameters...)
	if code(err) == "AccessDenied" {
		b.skip("the caller may not call iam:%s", action)
	}
	b.need(err)
}

func (b *bench) tryIAM(out any, action string, parameters ...string) error {
	return b.cfg.Wire.query(b.ctx, "iam", iamVersion, action, out, parameters...)
}

// identityName is the name of something of the check's in IAM, once in an account.
func (b *bench) identityName() string { return "macaw-conform-" + NewRun() }

// role makes a role that EC2 may assume, and returns its name and ARN.
func (b *bench) role() (name, arn string) {
	var made struct {
		ARN string `xml:"CreateRoleResult>Role>Arn"`
	}
	name = b.identityName()
	b.iam(&made, "CreateRole", b.withIdentity("RoleName", name, "AssumeRolePolicyDocument", b.trust())...)
	return name, made.ARN
}

// trust lets EC2 assume a role.
func (b *bench) trust() string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},` +
		`"Action":"sts:AssumeRole"}]}`
}

// withIdentity adds the path and the tag of the run to the parameters of a call that creates something.
// It skips the check if the caller may not list what it makes: nobody would find what a killed run leaves.
func (b *bench) withIdentity(parameters ...string) []string {
	if !b.listable.Load() {
		for _, action := range identityLists {
			b.iam(nil, action, "PathPrefix", identityPath+b.cfg.Run+"/")
		}
		b.listable.Store(true)
	}
	return append(parameters, "Path", identityPath+b.cfg.Run+"/", "Tags.member.1.Key", TagRun, "Tags.member.1.Value",
		b.cfg.Run)
}

var identityLists = []string{"ListInstanceProfiles", "ListRoles", "ListUsers"}

// identities finds what runs have made in IAM.
func identities(ctx context.Context, w Wire, run string) ([]Leftover, error) {
	prefix := identityPath
	if run != "" {
		prefix += run + "/"
	}
	var all []Leftover
	for _, action := range identityLists {
		var out struct {
			Profiles []identity `xml:"ListInstanceProfilesResult>InstanceProfiles>member"`
			Roles    []identity `xml:"ListRolesResult>Roles>member"`
			Users    []identity `xml:"ListUsersResult>Users>member"`
		}
		err := w.query(ctx, "iam", iamVersion, action, &out, "PathPrefix", prefix, "MaxItems", "1000")
		if code(err) == "AccessDenied" {
			continue // whose runs make none, see withIdentity
		}
		if err != nil {
			return nil, fmt.Errorf("finding what earlier runs made in IAM: %w", err)
		}
		of := func(path string) string { return strings.Trim(strings.TrimPrefix(path, identityPath), "/") }
		for _, i := range out.Profiles {
			all = append(all, Leftover{of(i.Path), "instance-profile", i.Profile})
		}
		for _, i := range out.Roles {
			all = append(all, Leftover{of(i.Path), "role", i.Role})
		}
		for _, i := range out.Users {
			all = append(all, Leftover{of(i.Path), "user", i.User})
		}
	}
	return all, nil
}

// removal is how a kind of identity is removed: first the parts of each list, then itself.
type removal struct {
	name, delete string
	parts        []part
}

// part is what is removed first: the call that lists it, the one that removes it, and how that names it.
type part struct{ list, remove, name string }

// parts are the answers of the calls that list parts.
type parts struct {
	Roles           []string `xml:"GetInstanceProfileResult>InstanceProfile>Roles>member>RoleName"`
	PoliciesOfRoles []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
	Keys            []string `xml:"ListAccessKeysResult>AccessKeyMetadata>member>AccessKeyId"`
	PoliciesOfUsers []string `xml:"ListUserPoliciesResult>PolicyNames>member"`
}

var removals = map[string]removal{
	"instance-profile": {"InstanceProfileName", "DeleteInstanceProfile", []part{
		{"GetInstanceProfile", "RemoveRoleFromInstanceProfile", "RoleName"}}},
	"role": {"RoleName", "DeleteRole", []part{
		{"ListRolePolicies", "DeleteRolePolicy", "PolicyName"}}},
	"user": {"UserName", "DeleteUser", []part{
		{"ListAccessKeys", "DeleteAccessKey", "AccessKeyId"},
		{"ListUserPolicies", "DeleteUserPolicy", "PolicyName"}}},
}

// identity removes one of IAM's.
func (c *cleaner) identity(ctx context.Context, l Leftover) error {
	how := removals[l.Type]
	begun := time.Now()
	for {
		err := c.removeIdentity(ctx, how, l.ID)
		// Changes of IAM become visible late (IAM User Guide, troubleshoot_general).
		again := []string{"DeleteConflict", "ConcurrentModification"}
		if code(err) == "NoSuchEntity" {
			return nil
		}
		if !slices.Contains(again, code(err)) || time.Since(begun) > time.Minute {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(soon):
		}
	}
}

func (c *cleaner) removeIdentity(ctx context.Context, how removal, name string) error {
	for _, p := range how.parts {
		var all parts
		if err := c.wire.query(ctx, "iam", iamVersion, p.list, &all, how.name, name); err != nil {
			return err
		}
		for _, item := range slices.Concat(all.Roles, all.PoliciesOfRoles, all.Keys, all.PoliciesOfUsers) {
			err := c.wire.query(ctx, "iam", iamVersion, p.remove, nil, how.name, name, p.name, item)
			if err != nil && code(err) != "NoSuchEntity" {
				return err
			}
		}
	}
	return c.wire.query(ctx, "iam", iamVersion, how.delete, nil, how.name, name)
}
