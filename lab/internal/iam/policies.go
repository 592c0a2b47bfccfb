// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"macaw.example/lab/internal/iam/policy"
)

// awsPrefix is the prefix of the ARNs of AWS managed policies.
const awsPrefix = "arn:aws:iam::aws:policy/"

// errUnmodifiable refuses changes to AWS managed policies.
var errUnmodifiable = fail(http.StatusForbidden, "AccessDenied",
	"Cannot perform the operation on a policy of AWS's own.")

// awsPolicies are the AWS managed policies that the lab has (AWS Managed Policy
// Reference), for the services that it implements.
var awsPolicies = func() map[string]*policyRecord {
	all := map[string]*policyRecord{}
	for name, statements := range map[string]string{
		"AdministratorAccess": `{"Effect":"Allow","Action":"*","Resource":"*"}`,
		"IAMFullAccess":       `{"Effect":"Allow","Action":["iam:*","organizations:DescribeAccount"],"Resource":"*"}`,
		"AmazonEC2FullAccess": `{"Effect":"Allow","Action":"ec2:*","Resource":"*"},` +
			`{"Effect":"Allow","Action":["elasticloadbalancing:*","cloudwatch:*","autoscaling:*"],"Resource":"*"}`,
		"AmazonEC2ReadOnlyAccess": `{"Effect":"Allow",` +
			`"Action":["ec2:Describe*","ec2:GetSecurityGroupsForVpc"],"Resource":"*"}`,
		// What a role needs for its instances to be managed nodes of Systems Manager.
		"AmazonSSMManagedInstanceCore": `{"Effect":"Allow","Action":["ssm:DescribeAssociation",` +
			`"ssm:GetDeployablePatchSnapshotForInstance","ssm:GetDocument","ssm:DescribeDocument","ssm:GetManifest",` +
			`"ssm:GetParameter","ssm:GetParameters","ssm:ListAssociations","ssm:ListInstanceAssociations",` +
			`"ssm:PutInventory","ssm:PutComplianceItems","ssm:PutConfigurePackageResult","ssm:UpdateAssociationStatus",` +
			`"ssm:UpdateInstanceAssociationStatus","ssm:UpdateInstanceInformation"],"Resource":"*"},` +
			`{"Effect":"Allow","Action":["ssmmessages:CreateControlChannel","ssmmessages:CreateDataChannel",` +
			`"ssmmessages:OpenControlChannel","ssmmessages:OpenDataChannel"],"Resource":"*"},` +
			`{"Effect":"Allow","Action":["ec2messages:AcknowledgeMessage","ec2messages:DeleteMessage",` +
			`"ec2messages:FailMessage","ec2messages:GetEndpoint","ec2messages:GetMessages","ec2messages:SendReply"],` +
			`"Resource":"*"}`,
		"AmazonSSMReadOnlyAccess": `{"Effect":"Allow","Action":["ssm:Describe*","ssm:Get*","ssm:List*"],"Resource":"*"}`,
	} {
		created := time.Date(2015, 2, 6, 18, 40, 0, 0, time.UTC)
		all[awsPrefix+name] = &policyRecord{entity: entity{Name: name, Path: "/",
			ID: (prefixPolicy + strings.ToUpper(name) + "AAAAAAAA")[:20], Created: created},
			ARN: awsPrefix + name, Default: 1, Latest: 1, Updated: created,
			Versions: []policyVersion{{1, `{"Version":"2012-10-17","Statement":[` + statements + `]}`, created}}}
	}
	return all
}()

// policy finds a managed policy, AWS's or the account's.
func (t *tx) policy(arn string) *policyRecord {
	// Every partition has AWS's own policies.
	rest, ok := strings.CutPrefix(arn, "arn:"+t.cfg.partition()+":")
	if p := awsPolicies["arn:aws:"+rest]; ok && p != nil {
		return p
	}
	return t.Policies[arn]
}

func (t *tx) needPolicy(arn string) (*policyRecord, error) {
	if p := t.policy(arn); p != nil {
		return p, nil
	}
	return nil, missing("Policy %s was not found.", arn)
}

// ownPolicy finds a policy of the account, which may be changed.
func (t *tx) ownPolicy(arn string) (*policyRecord, error) {
	if strings.HasPrefix(arn, awsPrefix) {
		return nil, errUnmodifiable
	}
	return t.needPolicy(arn)
}

// attachments counts the entities that a managed policy is attached to.
func (t *tx) attachments(arn string) int {
	n := 0
	for _, r := range t.Roles {
		n += strings.Count(strings.Join(r.Attached, " ")+" ", arn+" ")
	}
	for _, u := range t.Users {
		n += strings.Count(strings.Join(u.Attached, " ")+" ", arn+" ")
	}
	return n
}

type policyXML struct {
	PolicyName       string
	PolicyID         string `xml:"PolicyId"`
	ARN              string `xml:"Arn"`
	Path             string
	DefaultVersionID string `xml:"DefaultVersionId"`
	AttachmentCount  int
	Boundaries       int `xml:"PermissionsBoundaryUsageCount"` // the lab has no boundaries
	IsAttachable     bool
	Description      string `xml:",omitempty"`
	CreateDate       string
	UpdateDate       string
	Tags             *members[tagXML] `xml:"Tags"`
}

func (t *tx) policyXML(m *policyRecord, full bool) policyXML {
	x := policyXML{PolicyName: m.Name, PolicyID: m.ID, ARN: m.ARN, Path: m.Path, DefaultVersionID: versionID(m.Default),
		AttachmentCount: t.attachments(m.ARN), IsAttachable: true,
		CreateDate: timestamp(m.Created), UpdateDate: timestamp(m.Updated)}
	if full {
		x.Description, x.Tags = m.Description, optional(tagsXML(m.Tags))
	}
	return x
}

type policyResult struct{ Policy policyXML }

func createPolicy(t *tx, p *params) (any, error) {
	m := &policyRecord{entity: entity{Name: p.name("PolicyName", maxPolicyName), Path: p.path(), Tags: p.tags(),
		Created: t.now},
		Description: p.text("Description"), Default: 1, Latest: 1, Updated: t.now}
	text := p.document("PolicyDocument", policy.Identity, maxPolicySize, "PolicySize")
	if err := p.done(); err != nil {
		return nil, err
	}
	for _, other := range t.Policies {
		if strings.EqualFold(other.Name, m.Name) {
			return nil, exists("A policy called %s already exists. Duplicate names are not allowed.", m.Name)
		}
	}
	if len(t.Policies) >= maxPolicies {
		return nil, quota("PoliciesPerAccount", maxPolicies)
	}
	m.ID, m.ARN = newID(prefixPolicy), t.cfg.arn("policy", m.Path, m.Name)
	m.Versions = []policyVersion{{1, text, t.now}}
	t.Policies[m.ARN] = m
	return policyResult{t.policyXML(m, true)}, nil
}

func getPolicy(t *tx, p *params) (any, error) {
	m, err := asked(p, "PolicyArn", t.needPolicy)
	if err != nil {
		return nil, err
	}
	return policyResult{t.policyXML(m, true)}, nil
}

func deletePolicy(t *tx, p *params) (any, error) {
	arn := p.need("PolicyArn")
	if err := p.done(); err != nil {
		return nil, err
	}
	m, err := t.ownPolicy(arn)
	switch {
	case err != nil:
		return nil, err
	case t.attachments(arn) > 0:
		return nil, conflict("Cannot delete a policy attached to entities.")
	case len(m.Versions) > 1:
		return nil, conflict("This policy has more than one version. Before you delete a policy, you must delete the " +
			"policy's versions. The default version is deleted with the policy.")
	}
	delete(t.Policies, arn)
	return nil, nil
}

type policiesResult struct {
	Policies members[policyXML]
	truncated
}

func listPolicies(t *tx, p *params) (any, error) {
	prefix, scope, attached, pg := p.text("PathPrefix"), p.text("Scope"), p.flag("OnlyAttached"), p.page()
	if !slices.Contains([]string{"", "All", "AWS", "Local"}, scope) {
		p.wrong(invalid("1 validation error detected: Value '%s' at 'scope' failed to satisfy constraint: Member must "+
			"satisfy enum value set: [All, AWS, Local]", scope))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	all := map[string]*policyRecord{}
	if scope != "Local" {
		maps.Copy(all, awsPolicies)
	}
	if scope != "AWS" {
		maps.Copy(all, t.Policies)
	}
	arns := under(all, prefix, func(m *policyRecord) string { return m.Path })
	arns = slices.DeleteFunc(arns, func(arn string) bool { return attached && t.attachments(arn) == 0 })
	arns, more := pg.cut(arns)
	return policiesResult{membersOf(arns, func(arn string) policyXML { return t.policyXML(all[arn], false) }), more}, nil
}

type versionXML struct {
	Document         string `xml:",omitempty"`
	VersionID        string `xml:"VersionId"`
	IsDefaultVersion bool
	CreateDate       string
}

func versionID(number int) string { return "v" + strconv.Itoa(number) }

func (m *policyRecord) versionXML(v policyVersion, full bool) versionXML {
	x := versionXML{VersionID: versionID(v.Number), IsDefaultVersion: v.Number == m.Default,
		CreateDate: timestamp(v.Created)}
	if full {
		x.Document = escaped(v.Document)
	}
	return x
}

type versionResult struct{ PolicyVersion versionXML }

func createPolicyVersion(t *tx, p *params) (any, error) {
	arn, inForce := p.need("PolicyArn"), p.flag("SetAsDefault")
	text := p.document("PolicyDocument", policy.Identity, maxPolicySize, "PolicySize")
	if err := p.done(); err != nil {
		return nil, err
	}
	m, err := t.ownPolicy(arn)
	if err != nil {
		return nil, err
	}
	if len(m.Versions) >= maxVersions {
		return nil, limit("A managed policy can have up to %d versions. Before you create a new version, you must delete "+
			"an existing version.", maxVersions)
	}
	m.Latest++
	m.Updated = t.now
	v := policyVersion{m.Latest, text, t.now}
	m.Versions = append(m.Versions, v)
	if inForce {
		m.Default = v.Number
	}
	return versionResult{m.versionXML(v, false)}, nil
}

// version finds the policy version that a call names.
func (t *tx) version(p *params, find func(string) (*policyRecord, error)) (*policyRecord, int, error) {
	arn, id := p.need("PolicyArn"), p.need("VersionId")
	if err := p.done(); err != nil {
		return nil, 0, err
	}
	m, err := find(arn)
	if err != nil {
		return nil, 0, err
	}
	at := slices.IndexFunc(m.Versions, func(v policyVersion) bool { return versionID(v.Number) == id })
	if at < 0 {
		return nil, 0, missing("Policy %s version %s does not exist or is not attachable.", arn, id)
	}
	return m, at, nil
}

func getPolicyVersion(t *tx, p *params) (any, error) {
	m, at, err := t.version(p, t.needPolicy)
	if err != nil {
		return nil, err
	}
	return versionResult{m.versionXML(m.Versions[at], true)}, nil
}

func deletePolicyVersion(t *tx, p *params) (any, error) {
	m, at, err := t.version(p, t.ownPolicy)
	if err != nil {
		return nil, err
	}
	if m.Versions[at].Number == m.Default {
		return nil, conflict("Cannot delete the default version of a policy.")
	}
	m.Versions = slices.Delete(m.Versions, at, at+1)
	return nil, nil
}

func setDefaultPolicyVersion(t *tx, p *params) (any, error) {
	m, at, err := t.version(p, t.ownPolicy)
	if err != nil {
		return nil, err
	}
	m.Default, m.Updated = m.Versions[at].Number, t.now
	return nil, nil
}

type versionsResult struct {
	Versions members[versionXML]
	truncated
}

func listPolicyVersions(t *tx, p *params) (any, error) {
	arn, pg := p.need("PolicyArn"), p.page()
	if err := p.done(); err != nil {
		return nil, err
	}
	m, err := t.needPolicy(arn)
	if err != nil {
		return nil, err
	}
	byKey := map[string]policyVersion{}
	for _, v := range m.Versions {
		byKey[fmt.Sprintf("%08d", 99999999-v.Number)] = v // the newest first
	}
	keys, more := pg.cut(slices.Collect(maps.Keys(byKey)))
	return versionsResult{membersOf(keys, func(k string) versionXML { return m.versionXML(byKey[k], false) }), more}, nil
}
