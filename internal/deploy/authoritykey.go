// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"macaw.example/internal/authority"
	"macaw.example/internal/hint"
	"macaw.example/internal/privatefile"
	"macaw.example/internal/smallfile"
)

// A new key of the cloud's certificate authority is the next one until the node has an authority below
// it. So a run that was killed before is continued by any other, and a key in use is always that of the
// authority on the node.

// authorityKey returns the key of the cloud's certificate authority: the next one, if there is one or there
// is to be one, or else the one in use; nil if there is neither.
func (d *Deployment) authorityKey() (key crypto.Signer, next bool, err error) {
	key, err = d.loadAuthorityKey(d.Home.nextAuthorityKey(d.Cloud.Name),
		"remove the file; macaw up --new-authority %s makes another", d.Cloud.FileName())
	if err != nil || key != nil {
		return key, true, err
	}
	if d.newAuthority {
		key, err = d.nextAuthorityKey()
		return key, true, err
	}
	key, err = d.loadAuthorityKey(d.Home.authorityKey(d.Cloud.Name),
		"put the file back from a backup; or replace the authority: macaw up --new-authority %s", d.Cloud.FileName())
	return key, false, err
}

// errOtherAuthority says that the key in use is not that of the authority on a node. With it the authority
// would be replaced, and after that the key of the operator who made it would be the wrong one.
func (d *Deployment) errOtherAuthority(node string) error {
	return hint.With(
		fmt.Errorf("the key in %s is not that of the cloud's certificate authority, whose certificate is on node %s",
			d.Home.authorityKey(d.Cloud.Name), node),
		"if the file is wrong, put the right one there; if another operator has replaced the authority, remove it: the "+
			"authority stays while it serves; to replace the authority: macaw up --new-authority %s", d.Cloud.FileName())
}

// errNoAuthorityKey says that a node's certificates cannot be made here. A new authority for this node alone
// would leave it without the trust of the others.
func (d *Deployment) errNoAuthorityKey(node string) error {
	return hint.With(
		fmt.Errorf("node %s needs certificates of the cloud's authority, and its key is not on this computer: there is no %s",
			node, d.Home.authorityKey(d.Cloud.Name)),
		"copy it from the computer that made the cloud; to replace the authority: macaw up --new-authority %s",
		d.Cloud.FileName())
}

// checkAuthorityKey checks that the key of the cloud's certificate authority can be read.
func (d *Deployment) checkAuthorityKey() error {
	if d.newAuthority {
		return nil // it is replaced
	}
	_, _, err := d.authorityKey()
	return err
}

// loadAuthorityKey reads a key; nil if there is none.
func (d *Deployment) loadAuthorityKey(path, remedy string, args ...any) (crypto.Signer, error) {
	b, err := smallfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key of the cloud's certificate authority: %w", err)
	}
	key, err := authority.DecodeKey(b)
	if err != nil {
		err = fmt.Errorf("reading the key of the cloud's certificate authority from %s: %w", path, err)
		return nil, hint.With(err, remedy, args...)
	}
	return key, nil
}

// nextAuthorityKey makes the next key.
func (d *Deployment) nextAuthorityKey() (crypto.Signer, error) {
	key, err := authority.NewKey()
	if err != nil {
		return nil, err
	}
	b, err := authority.EncodeKey(key)
	if err != nil {
		return nil, err
	}
	return key, privatefile.Replace(d.Home.nextAuthorityKey(d.Cloud.Name), b)
}

// settleAuthorityKey makes the next key, if there is one, the one in use.
func (d *Deployment) settleAuthorityKey() error {
	err := os.Rename(d.Home.nextAuthorityKey(d.Cloud.Name), d.Home.authorityKey(d.Cloud.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
