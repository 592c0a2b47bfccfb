// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"slices"
	"strings"

	"macaw.example/lab/internal/iam/policy"
)

// holderKind is a kind of entity with policies. The calls for roles and for users
// differ only in this word.
type holderKind struct {
	word      string // Role or User
	maxInline int
}

var (
	onRole = holderKind{"Role", maxRoleInline}
	onUser = holderKind{"User", maxUserInline}
)

func (k holderKind) find(t *tx, name string) (*holder, error) {
	if k == onRole {
		r, err := t.role(name)
		if err != nil {
			return nil, err
		}
		return &r.holder, nil
	}
	u, err := t.user(name)
	if err != nil {
		return nil, err
	}
	return &u.holder, nil
}

func (k holderKind) putPolicy(t *tx, p *params) (any, error) {
	owner, name := p.need(k.word+"Name"), p.name("PolicyName", maxPolicyName)
	text := p.document("PolicyDocument", policy.Identity, 0, "")
	if err := p.done(); err != nil {
		return nil, err
	}
	h, err := k.find(t, owner)
	if err != nil {
		return nil, err
	}
	total := size(text)
	for other, document := range h.Inline {
		if other != name {
			total += size(document)
		}
	}
	if total > k.maxInline {
		return nil, limit("Maximum policy size of %d bytes exceeded for %s %s", k.maxInline, strings.ToLower(k.word), owner)
	}
	if h.Inline == nil {
		h.Inline = map[string]string{}
	}
	h.Inline[name] = text
	return nil, nil
}

// inline finds one of a holder's inline policies.
func (k holderKind) inline(t *tx, p *params) (h *holder, owner, name string, err error) {
	owner, name = p.need(k.word+"Name"), p.need("PolicyName")
	if err := p.done(); err != nil {
		return nil, "", "", err
	}
	if h, err = k.find(t, owner); err != nil {
		return nil, "", "", err
	}
	if _, has := h.Inline[name]; !has {
		return nil, "", "", missing("The %s policy with name %s cannot be found.", strings.ToLower(k.word), name)
	}
	return h, owner, name, nil
}

type inlineResult struct {
	RoleName       string `xml:",omitempty"`
	UserName       string `xml:",omitempty"`
	PolicyName     string
	PolicyDocument string
}

func (k holderKind) getPolicy(t *tx, p *params) (any, error) {
	h, owner, name, err := k.inline(t, p)
	if err != nil {
		return nil, err
	}
	r := inlineResult{PolicyName: name, PolicyDocument: escaped(normal(h.Inline[name]))}
	if k == onRole {
		r.RoleName = owner
	} else {
		r.UserName = owner
	}
	return r, nil
}

func (k holderKind) deletePolicy(t *tx, p *params) (any, error) {
	h, _, name, err := k.inline(t, p)
	if err != nil {
		return nil, err
	}
	delete(h.Inline, name)
	return nil, nil
}

type namesResult struct {
	PolicyNames members[string]
	truncated
}

func (k holderKind) listPolicies(t *tx, p *params) (any, error) {
	owner, pg := p.need(k.word+"Name"), p.page()
	if err := p.done(); err != nil {
		return nil, err
	}
	h, err := k.find(t, owner)
	if err != nil {
		return nil, err
	}
	names, more := pg.cut(slices.Collect(maps.Keys(h.Inline)))
	return namesResult{members[string]{names}, more}, nil
}

// attachment reads the holder and the managed policy of a request.
func (k holderKind) attachment(t *tx, p *params) (*holder, string, error) {
	owner, arn := p.need(k.word+"Name"), p.need("PolicyArn")
	if err := p.done(); err != nil {
		return nil, "", err
	}
	h, err := k.find(t, owner)
	return h, arn, err
}

func (k holderKind) attach(t *tx, p *params) (any, error) {
	h, arn, err := k.attachment(t, p)
	switch {
	case err != nil:
		return nil, err
	case t.policy(arn) == nil:
		return nil, missing("Policy %s does not exist or is not attachable.", arn)
	case slices.Contains(h.Attached, arn):
		return nil, nil
	case len(h.Attached) >= maxAttached:
		return nil, quota("PoliciesPer"+k.word, maxAttached)
	}
	h.Attached = append(h.Attached, arn)
	return nil, nil
}

func (k holderKind) detach(t *tx, p *params) (any, error) {
	h, arn, err := k.attachment(t, p)
	if err != nil {
		return nil, err
	}
	at := slices.Index(h.Attached, arn)
	if at < 0 {
		return nil, missing("Policy %s was not found.", arn)
	}
	h.Attached = slices.Delete(h.Attached, at, at+1)
	return nil, nil
}

type attachedXML struct {
	PolicyName string
	PolicyARN  string `xml:"PolicyArn"`
}

type attachedResult struct {
	AttachedPolicies members[attachedXML]
	truncated
}

func (k holderKind) listAttached(t *tx, p *params) (any, error) {
	owner, prefix, pg := p.need(k.word+"Name"), p.text("PathPrefix"), p.page()
	if err := p.done(); err != nil {
		return nil, err
	}
	h, err := k.find(t, owner)
	if err != nil {
		return nil, err
	}
	arns := slices.DeleteFunc(slices.Clone(h.Attached), func(arn string) bool {
		known := t.policy(arn)
		return known == nil || !strings.HasPrefix(known.Path, prefix)
	})
	arns, more := pg.cut(arns)
	return attachedResult{membersOf(arns, func(arn string) attachedXML { return attachedXML{lastPart(arn), arn} }),
		more}, nil
}
