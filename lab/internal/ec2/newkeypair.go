// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"golang.org/x/crypto/ssh"
)

// rsaBits is the size of the RSA keys that EC2 makes (EC2 User Guide,
// create-key-pairs).
const rsaBits = 2048

type createKeyPairInput struct {
	dryRun
	tagged
	KeyName   string `form:",required"`
	KeyType   string
	KeyFormat string
}

type createKeyPairOutput struct {
	response
	ID          string      `xml:"keyPairId"`
	Name        string      `xml:"keyName"`
	Fingerprint string      `xml:"keyFingerprint"`
	Material    string      `xml:"keyMaterial"`
	Tags        set[tagXML] `xml:"tagSet"`
}

// createKeyPair makes a key pair. Only the response contains the private key; the state
// keeps the public one.
func createKeyPair(t *tx, in createKeyPairInput) (*createKeyPairOutput, error) {
	if t.KeyPairs[in.KeyName] != nil {
		return nil, duplicateKey(in.KeyName)
	}
	if in.KeyFormat != "" && in.KeyFormat != "pem" {
		return nil, unsupported("The lab makes keys of the format pem only")
	}
	k := &keyPairRecord{ID: kindKeyPair.newID(), Name: in.KeyName, Created: t.now}
	var material *pem.Block
	var err error
	switch in.KeyType {
	case "", "rsa":
		material, err = k.makeRSA()
	case "ed25519":
		material, err = k.makeED25519()
	default:
		return nil, invalidParameter("Invalid value '%s' for keyType. Must be one of: rsa, ed25519", in.KeyType)
	}
	if err != nil {
		return nil, err
	}
	if k.Tags, err = in.tagsFor(kindKeyPair); err != nil {
		return nil, err
	}
	t.KeyPairs[k.Name] = k
	return &createKeyPairOutput{ID: k.ID, Name: k.Name, Fingerprint: k.Fingerprint,
		Material: strings.TrimSpace(string(pem.EncodeToMemory(material))), Tags: k.Tags.xml()}, nil
}

func duplicateKey(name string) error {
	return fail("InvalidKeyPair.Duplicate", "The keypair '%s' already exists.", name)
}

// makeRSA makes an RSA key. Its fingerprint is the SHA-1 of the private key in DER (EC2
// User Guide, verify-keys).
func (k *keyPairRecord) makeRSA() (*pem.Block, error) {
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum(der)
	k.Type, k.Fingerprint = "rsa", colons(sum[:])
	return &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}, k.publish(private.Public())
}

func (k *keyPairRecord) makeED25519() (*pem.Block, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := k.publish(public); err != nil {
		return nil, err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	if k.Type, k.Fingerprint, err = fingerprint(key); err != nil {
		return nil, err
	}
	return ssh.MarshalPrivateKey(private, "")
}

// publish records the public key, with its name as the comment.
func (k *keyPairRecord) publish(public crypto.PublicKey) error {
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	k.Public = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + k.Name
	return nil
}

// colons formats a hash as 1f:51:ae.
func colons(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(parts, ":")
}
