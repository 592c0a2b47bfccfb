// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"crypto/rsa"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"
)

func TestCreateKeyPair(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	l := newLab(t, func(c *Config) { c.File = file })
	for kind, header := range map[types.KeyType]string{"rsa": "-----BEGIN RSA PRIVATE KEY-----\n",
		"ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\n"} {
		name := "key of " + string(kind)
		out := must(l.CreateKeyPair(l.ctx, &ec2.CreateKeyPairInput{KeyName: &name, KeyType: kind}))(l)
		if !strings.HasPrefix(*out.KeyMaterial, header) {
			t.Errorf("the private key begins %.40s", *out.KeyMaterial)
		}
		private := must(ssh.ParseRawPrivateKey([]byte(*out.KeyMaterial)))(l)
		if key, ok := private.(*rsa.PrivateKey); ok &&
			(key.N.BitLen() != 2048 || strings.Count(*out.KeyFingerprint, ":") != 19) {
			t.Errorf("an RSA key of %d bits with the fingerprint %s", key.N.BitLen(), *out.KeyFingerprint)
		}
		signer := must(ssh.NewSignerFromKey(private))(l)
		kept := must(l.DescribeKeyPairs(l.ctx,
			&ec2.DescribeKeyPairsInput{KeyNames: []string{name}, IncludePublicKey: aws.Bool(true)}))(l).KeyPairs[0]
		want := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " " + name
		if *kept.PublicKey != want || kept.KeyType != kind {
			t.Errorf("kept is the public key %q, want %q", *kept.PublicKey, want)
		}
		lines := strings.Split(*out.KeyMaterial, "\n")
		if text := string(must(os.ReadFile(file))(l)); strings.Contains(text, lines[2]) || strings.Contains(text, "PRIVATE") {
			t.Error("the private key is in the state")
		}
		_, err := l.CreateKeyPair(l.ctx, &ec2.CreateKeyPairInput{KeyName: &name})
		l.wantCode(err, "InvalidKeyPair.Duplicate")
		if kind == "ed25519" && *out.KeyFingerprint != strings.TrimPrefix(ssh.FingerprintSHA256(signer.PublicKey()),
			"SHA256:")+"=" {
			t.Errorf("the fingerprint is %s", *out.KeyFingerprint)
		}
	}
	_, err := l.CreateKeyPair(l.ctx, &ec2.CreateKeyPairInput{KeyName: aws.String("x"), KeyType: "dsa"})
	l.wantCode(err, "InvalidParameterValue")
	_, err = l.CreateKeyPair(l.ctx, &ec2.CreateKeyPairInput{KeyName: aws.String("x"), KeyFormat: "ppk"})
	l.wantCode(err, "UnsupportedOperation")
	// IDs and filters are joined with AND.
	all := must(l.DescribeKeyPairs(l.ctx, &ec2.DescribeKeyPairsInput{}))(l).KeyPairs
	out := must(l.DescribeKeyPairs(l.ctx, &ec2.DescribeKeyPairsInput{KeyPairIds: []string{*all[0].KeyPairId},
		Filters: []types.Filter{{Name: aws.String("key-name"), Values: []string{*all[1].KeyName}}}}))(l)
	if len(out.KeyPairs) != 0 {
		t.Errorf("described %+v", out.KeyPairs)
	}
}
