// SPDX-License-Identifier: Apache-2.0

package iam

type keyXML struct {
	UserName    string
	AccessKeyID string `xml:"AccessKeyId"`
	Status      string
	Secret      string `xml:"SecretAccessKey,omitempty"`
	CreateDate  string
}

func (k *keyRecord) xml() keyXML {
	return keyXML{UserName: k.User, AccessKeyID: k.ID, Status: k.Status, CreateDate: timestamp(k.Created)}
}

func (t *tx) keysOf(user string) []string {
	ids := []string{}
	for id, k := range t.Keys {
		if k.User == user {
			ids = append(ids, id)
		}
	}
	return ids
}

type keyResult struct{ AccessKey keyXML }

// createAccessKey is the only call that returns the secret.
func createAccessKey(t *tx, p *params) (any, error) {
	u, err := t.self(p)
	if err != nil {
		return nil, err
	}
	if len(t.keysOf(u.Name)) >= maxKeys {
		return nil, quota("AccessKeysPerUser", maxKeys)
	}
	k := &keyRecord{ID: newID(prefixKey), Secret: newSecret(), User: u.Name, Status: keyActive, Created: t.now}
	t.Keys[k.ID] = k
	x := k.xml()
	x.Secret = k.Secret
	return keyResult{x}, nil
}

// key finds an access key of the request's user.
func (t *tx) key(p *params) (*keyRecord, error) {
	id := p.need("AccessKeyId")
	u, err := t.self(p)
	if err != nil {
		return nil, err
	}
	if k := t.Keys[id]; k != nil && k.User == u.Name {
		return k, nil
	}
	return nil, missing("The Access Key with id %s cannot be found.", id)
}

func updateAccessKey(t *tx, p *params) (any, error) {
	status := p.need("Status")
	if status != keyActive && status != keyInactive {
		p.wrong(invalid("1 validation error detected: Value '%s' at 'status' failed to satisfy constraint: Member must "+
			"satisfy enum value set: [Active, Inactive]", status))
	}
	k, err := t.key(p)
	if err != nil {
		return nil, err
	}
	k.Status = status
	return nil, nil
}

func deleteAccessKey(t *tx, p *params) (any, error) {
	k, err := t.key(p)
	if err != nil {
		return nil, err
	}
	delete(t.Keys, k.ID)
	return nil, nil
}

type keysResult struct {
	Keys members[keyXML] `xml:"AccessKeyMetadata"`
	truncated
}

func listAccessKeys(t *tx, p *params) (any, error) {
	pg := p.page()
	u, err := t.self(p)
	if err != nil {
		return nil, err
	}
	ids, more := pg.cut(t.keysOf(u.Name))
	return keysResult{membersOf(ids, func(id string) keyXML { return t.Keys[id].xml() }), more}, nil
}
