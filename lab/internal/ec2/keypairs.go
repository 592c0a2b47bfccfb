// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"crypto/md5"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// keyPairRecord is a key pair; the model keys them by name.
type keyPairRecord struct {
	ID          string
	Name        string
	Public      string // one line as in authorized_keys
	Type        string // rsa or ed25519
	Fingerprint string
	Created     time.Time
	tagHolder
}

type importKeyPairInput struct {
	dryRun
	tagged
	KeyName           string `form:",required"`
	PublicKeyMaterial string `form:",required"` // base64
}

type importKeyPairOutput struct {
	response
	ID          string      `xml:"keyPairId"`
	Name        string      `xml:"keyName"`
	Fingerprint string      `xml:"keyFingerprint"`
	Tags        set[tagXML] `xml:"tagSet"`
}

func importKeyPair(t *tx, in importKeyPairInput) (*importKeyPairOutput, error) {
	if t.KeyPairs[in.KeyName] != nil {
		return nil, duplicateKey(in.KeyName)
	}
	badKey := fail("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
	material, err := base64.StdEncoding.DecodeString(in.PublicKeyMaterial)
	if err != nil {
		return nil, badKey
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(material)
	if err != nil {
		return nil, badKey
	}
	k := &keyPairRecord{ID: kindKeyPair.newID(), Name: in.KeyName, Public: strings.TrimSpace(string(material)),
		Created: t.now}
	if k.Type, k.Fingerprint, err = fingerprint(key); err != nil {
		return nil, badKey
	}
	if k.Tags, err = in.tagsFor(kindKeyPair); err != nil {
		return nil, err
	}
	t.KeyPairs[k.Name] = k
	return &importKeyPairOutput{ID: k.ID, Name: k.Name, Fingerprint: k.Fingerprint, Tags: k.Tags.xml()}, nil
}

// fingerprint is the MD5 of the DER for an imported RSA key, and OpenSSH's SHA-256 for
// an ED25519 key (EC2 User Guide, verify-keys). EC2 accepts no other types.
func fingerprint(key ssh.PublicKey) (keyType, sum string, err error) {
	switch key.Type() {
	case ssh.KeyAlgoED25519:
		// EC2 keeps the padding that OpenSSH omits.
		return "ed25519", strings.TrimPrefix(ssh.FingerprintSHA256(key), "SHA256:") + "=", nil
	case ssh.KeyAlgoRSA:
		der, err := x509.MarshalPKIXPublicKey(key.(ssh.CryptoPublicKey).CryptoPublicKey())
		if err != nil {
			return "", "", err
		}
		hash := md5.Sum(der)
		return "rsa", colons(hash[:]), nil
	}
	return "", "", fail("InvalidKey.Format", "unsupported key type %s", key.Type())
}

type deleteKeyPairInput struct {
	dryRun
	KeyName   string
	KeyPairId string
}

type deleteKeyPairOutput struct {
	response
	Return bool   `xml:"return"`
	ID     string `xml:"keyPairId,omitempty"`
}

// deleteKeyPair succeeds for an unknown name, as on EC2.
func deleteKeyPair(t *tx, in deleteKeyPairInput) (*deleteKeyPairOutput, error) {
	if (in.KeyName == "") == (in.KeyPairId == "") {
		return nil, badCombination("Exactly one of KeyName and KeyPairId must be specified")
	}
	out := &deleteKeyPairOutput{Return: true}
	for name, k := range t.KeyPairs {
		if name == in.KeyName || k.ID == in.KeyPairId {
			out.ID = k.ID
			delete(t.KeyPairs, name)
		}
	}
	return out, nil
}

type keyPairXML struct {
	ID          string      `xml:"keyPairId" filter:"key-pair-id"`
	Name        string      `xml:"keyName" filter:"key-name"`
	Type        string      `xml:"keyType"`
	Fingerprint string      `xml:"keyFingerprint" filter:"fingerprint"`
	Public      string      `xml:"publicKey,omitempty"`
	Created     string      `xml:"createTime"`
	Tags        set[tagXML] `xml:"tagSet" filter:""`
}

type describeKeyPairsInput struct {
	query
	KeyName          []string
	KeyPairId        []string
	IncludePublicKey bool
}

type describeKeyPairsOutput struct {
	response
	Keys set[keyPairXML] `xml:"keySet"`
}

func describeKeyPairs(t *tx, in describeKeyPairsInput) (*describeKeyPairsOutput, error) {
	names := in.KeyName
	for _, name := range names {
		if t.KeyPairs[name] == nil {
			return nil, kindKeyPair.missing(name)
		}
	}
	ids := map[string]*keyPairRecord{}
	for _, k := range t.KeyPairs {
		ids[k.ID] = k
	}
	for _, id := range in.KeyPairId {
		k, err := find(kindKeyPair, ids, id)
		if err != nil {
			return nil, err
		}
		names = append(names, k.Name)
	}
	var all []item[keyPairXML]
	for _, k := range byID(t.KeyPairs) {
		x := keyPairXML{ID: k.ID, Name: k.Name, Type: k.Type, Fingerprint: k.Fingerprint, Created: timestamp(k.Created),
			Tags: k.Tags.xml()}
		if in.IncludePublicKey {
			x.Public = k.Public
		}
		all = append(all, item[keyPairXML]{k.Name, x})
	}
	keys, _, err := choose(kindKeyPair, all, names, in.query)
	if err != nil {
		return nil, err
	}
	return &describeKeyPairsOutput{Keys: keys}, nil
}

// timestamp formats a time as EC2 does.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
