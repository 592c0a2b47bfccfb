// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"maps"
	"slices"
)

// tagHolder finds the taggable entity in a request.
type tagHolder func(*tx, *params) (*entity, error)

func tagsOfRole(t *tx, p *params) (*entity, error) {
	r, err := t.role(p.need("RoleName"))
	if err != nil {
		return nil, err
	}
	return &r.entity, nil
}

func tagsOfUser(t *tx, p *params) (*entity, error) {
	u, err := t.user(p.need("UserName"))
	if err != nil {
		return nil, err
	}
	return &u.entity, nil
}

func tagsOfProfile(t *tx, p *params) (*entity, error) {
	i, err := t.profileNamed(p.need("InstanceProfileName"))
	if err != nil {
		return nil, err
	}
	return &i.entity, nil
}

func tagsOfPolicy(t *tx, p *params) (*entity, error) {
	managed, err := t.ownPolicy(p.need("PolicyArn"))
	if err != nil {
		return nil, err
	}
	return &managed.entity, nil
}

func (find tagHolder) tag(t *tx, p *params) (any, error) {
	e, missing := find(t, p)
	tags := p.tags()
	if err := p.done(); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	if e.Tags == nil {
		e.Tags = map[string]string{}
	}
	maps.Copy(e.Tags, tags)
	if len(e.Tags) > maxTags {
		return nil, quota("TagsPerEntity", maxTags)
	}
	return nil, nil
}

func (find tagHolder) untag(t *tx, p *params) (any, error) {
	e, missing := find(t, p)
	keys := p.list("TagKeys")
	if err := p.done(); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	for _, key := range keys {
		delete(e.Tags, key)
	}
	return nil, nil
}

type tagsResult struct {
	Tags members[tagXML]
	truncated
}

func (find tagHolder) list(t *tx, p *params) (any, error) {
	e, missing := find(t, p)
	pg := p.page()
	if err := p.done(); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	keys, more := pg.cut(slices.Collect(maps.Keys(e.Tags)))
	return tagsResult{membersOf(keys, func(k string) tagXML { return tagXML{k, e.Tags[k]} }), more}, nil
}
